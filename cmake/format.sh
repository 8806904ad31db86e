#!/bin/sh
# format.sh            formats all sources in place.
# format.sh --check    fails when a source is not as clang-format would leave it.
# format.sh --program  prints the program's name, or nothing: only version 14 counts, since others
#                      break lines elsewhere.
set -eu

cd "$(dirname "$0")/.."
wanted=14
program=
for name in clang-format-$wanted clang-format; do
  [ -z "$program" ] || break
  case $("$name" --version 2>/dev/null) in *" version $wanted."*) program=$name ;; esac
done

if [ "${1:-}" = --program ]; then
  echo "$program"
  exit 0
fi
if [ -z "$program" ]; then
  echo "format: skipped, clang-format $wanted is not installed" >&2
  [ "${1:-}" = --check ]
  exit
fi

sources() { find include src tests bench -type f \( -name '*.cc' -o -name '*.h' \) -print0; }
if [ "${1:-}" = --check ]; then
  if ! sources | xargs -0 "$program" --dry-run --Werror --ferror-limit=1; then
    echo "format: not as clang-format $wanted leaves it; run make fmt" >&2
    exit 1
  fi
else
  sources | xargs -0 "$program" -i
fi
