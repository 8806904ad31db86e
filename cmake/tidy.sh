#!/bin/sh
# tidy.sh [PATTERN]  runs clang-tidy (.clang-tidy) over the sources whose path matches PATTERN.
set -eu

cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset dev >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
run-clang-tidy -p build/dev -quiet -j "$(nproc)" "${1:-$PWD/(src|tests)/}"
