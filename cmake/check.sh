#!/bin/sh
# check.sh PRESET [CTEST-OPTION...]
# Builds a preset with warnings as errors, runs all its tests, checks the format and the Python, and
# of the release preset what clang-tidy says of the sources that changed (of all with VSTATE_DEEP).
# Prints at the end "N passed, N failed, N skipped" and what was skipped and why. Fails when anything
# failed, or was skipped without a reason.
set -eu

cd "$(dirname "$0")/.."
preset=$1
shift

work=$(mktemp -d "${TMPDIR:-/tmp}/vstate-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 0755 "$work"

if ! VSTATE_WERROR=ON cmake/build.sh "$preset"; then
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

mkdir "$work/captures"
VSTATE_CAPTURES=$(cmake/captures.sh "$work/captures")
if [ -n "$VSTATE_CAPTURES" ]; then export VSTATE_CAPTURES; else unset VSTATE_CAPTURES; fi
VSTATE_COURIER=$(cmake/courier.sh "$PWD/build/courier")
if [ -n "$VSTATE_COURIER" ]; then
  # The mail's owner runs it, who need not be able to enter the tree.
  cp -a "$VSTATE_COURIER" "$work/courier"
  VSTATE_COURIER=$work/courier
fi
export VSTATE_COURIER

status=0
# The suites wait for disks and databases more than they compute.
ctest --preset "$preset" --parallel $(($(nproc) * 2)) --no-tests=error --output-junit "$work/tests.xml" "$@" \
  --test-output-size-passed 4194304 --test-output-size-failed 4194304 </dev/null || status=$?

format=passed
cmake/format.sh --check || format=failed
[ $format = failed ] || [ -n "$(cmake/format.sh --program)" ] ||
  format="skipped:clang-format of the version that cmake/format.sh wants is not installed"

lint=passed
cmake/lint.sh || lint=failed
missing=$(cmake/lint.sh --missing)
[ -z "$missing" ] || lint="skipped:$missing not installed"

tidy=
if [ "$preset" = release ]; then
  tidy=passed
  what=--changed
  [ -z "${VSTATE_DEEP:-}" ] || what=.
  left=$(cmake/tidy.sh "$what") || tidy=failed
  [ -z "$left" ] || tidy=$tidy:$left
  missing=$(cmake/tidy.sh --missing)
  [ -z "$missing" ] || tidy="skipped:$missing is not installed"
fi

python3 cmake/count_tests.py "$work/tests.xml" "format=$format" "lint=$lint" ${tidy:+"tidy=$tidy"} \
  "ctest=$status"
