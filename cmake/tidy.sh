#!/bin/sh
# tidy.sh [PATTERN]  runs clang-tidy (.clang-tidy) over all sources, or those whose path matches the
#                    extended regular expression.
# tidy.sh --changed  runs it over the sources that changed since they left the upstream branch, or
#                    else in the last commit, with what is not committed: at most $VSTATE_TIDY_MOST
#                    (4), begun within $VSTATE_TIDY_SECONDS (25). $VSTATE_TIDY_BASE names another
#                    commit. A header that changed is looked at with the source of its name, others
#                    are not. Standard output says what was left out, or nothing.
# tidy.sh --missing  prints what is not installed, or nothing: only version 14 counts, since others
#                    have other checks.
set -eu

cd "$(dirname "$0")/.."
wanted=14
program=
for name in clang-tidy-$wanted clang-tidy; do
  [ -z "$program" ] || break
  case $("$name" --version 2>/dev/null) in *" version $wanted."*) program=$name ;; esac
done
if [ "${1:-}" = --missing ]; then
  [ -n "$program" ] || echo "clang-tidy $wanted"
  exit 0
fi
if [ -z "$program" ]; then
  echo "tidy: skipped, clang-tidy $wanted is not installed" >&2
  [ "${1:-}" = --changed ]
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Where a change begins: at the upstream branch, unless it is in there already.
base() {
  if [ -n "${VSTATE_TIDY_BASE:-}" ]; then
    echo "$VSTATE_TIDY_BASE"
    return
  fi
  for upstream in '@{upstream}' origin/main; do
    found=$(git merge-base HEAD "$upstream" 2>/dev/null) || continue
    [ "$found" = "$(git rev-parse HEAD)" ] || { echo "$found" && return; }
  done
  git rev-parse --verify --quiet HEAD~1 2>/dev/null || true
}

changed() {
  git diff --name-only --diff-filter=d "$1" -- src include tests
  git ls-files --others --exclude-standard -- src include tests
}

sources_of() {
  while read -r path; do
    case $path in
      *.cc) echo "$path" ;;
      include/vstate/*.h) path=src/${path#include/vstate/} && echo "${path%.h}.cc" ;;
      *.h) echo "${path%.h}.cc" ;;
    esac
  done <"$1" | sort -u | while read -r path; do
    [ ! -f "$path" ] || echo "$path"
  done
}

most=1000000 seconds=1000000 filter=
if [ "${1:-}" = --changed ]; then
  since=$(base)
  if [ -z "$since" ]; then
    echo "there is no history to tell what changed"
    exit 0
  fi
  most=${VSTATE_TIDY_MOST:-4} seconds=${VSTATE_TIDY_SECONDS:-25}
  changed "$since" >"$work/paths"
  sources_of "$work/paths" >"$work/sources"
  # What is wrong in a header that others changed is no fault of this change.
  headers=$(grep '\.h$' "$work/paths" | sed 's/[.]/[.]/g' | paste -s -d '|')
  filter="^$PWD/(${headers:-none})\$"
else
  find src tests -name '*.cc' | sort | grep -E "${1:-.}" >"$work/sources" || true
fi

# The dev preset compiles without precompiled headers, which clang cannot read of GCC.
if ! cmake --preset dev >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
# What no target compiles (a back-end without its library) has no command.
while read -r path; do
  ! grep -qF "\"file\": \"$PWD/$path\"" build/dev/compile_commands.json || echo "$path"
done <"$work/sources" >"$work/known"
head -n "$most" "$work/known" >"$work/chosen"

mkdir "$work/done"
export VSTATE_TIDY_WORK="$work" VSTATE_TIDY_PROGRAM="$program" VSTATE_TIDY_FILTER="$filter"
VSTATE_TIDY_UNTIL=$(($(date +%s) + seconds))
export VSTATE_TIDY_UNTIL
status=0
# shellcheck disable=SC2016 # expanded by the inner shell
xargs -r -P "$(nproc)" -n 1 sh -c '
  [ "$(date +%s)" -lt "$VSTATE_TIDY_UNTIL" ] || exit 0
  # The commands are GCC'"'"'s, whose warnings clang does not all know.
  out=$("$VSTATE_TIDY_PROGRAM" -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option \
    ${VSTATE_TIDY_FILTER:+"--header-filter=$VSTATE_TIDY_FILTER"} "$1" 2>&1) && failed=0 || failed=1
  : >"$VSTATE_TIDY_WORK/done/$(echo "$1" | tr / _)"
  [ $failed = 0 ] || printf "%s\n" "$out" >&2
  exit $failed
' tidy <"$work/chosen" || status=1
[ $status = 0 ] || echo "tidy: the lines above break a rule of .clang-tidy" >&2

all=$(wc -l <"$work/known") checked=$(find "$work/done" -type f | wc -l)
[ "$checked" -eq "$all" ] || echo "$checked of $all changed sources were checked; make tidy checks all"
exit $status
