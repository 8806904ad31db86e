#!/bin/sh
# lint.sh            checks all Python: pyflakes and pycodestyle are the gate of make check; ruff (ruff.toml)
#                    checks more where it is installed; Debian 12 has no package of it.
# lint.sh --missing  prints what is not installed of the first two, or nothing.
set -eu

cd "$(dirname "$0")/.."
flakes=$(command -v pyflakes3 || command -v pyflakes || true)
style=$(command -v pycodestyle || true)
missing=
[ -n "$flakes" ] || missing=pyflakes
[ -n "$style" ] || missing="${missing:+$missing and }pycodestyle"
if [ "${1:-}" = --missing ]; then
  echo "$missing"
  exit 0
fi
if [ -n "$missing" ]; then
  echo "lint: skipped, $missing not installed" >&2
  exit 0
fi

# Python's own programs of the project have no suffix.
sources() {
  find tests cmake examples -type f -name '*.py' -print0
  grep -lZ '^#!/usr/bin/env python3' bench/*
}
status=0
sources | xargs -0 "$flakes" || status=1
# A line may break before an operator (W503) or after one (W504).
sources | xargs -0 "$style" --max-line-length=100 --ignore=W503,W504 || status=1
if command -v ruff >/dev/null; then sources | xargs -0 ruff check --quiet || status=1; fi
[ $status = 0 ] || echo "lint: the lines above break a rule of cmake/lint.sh or ruff.toml" >&2
exit $status
