#!/bin/sh
# build.sh PRESET [TARGET...]  configures build/PRESET and builds it. The tests take part when
#                              their packages are there; ccache does when it is installed. With
#                              VSTATE_WERROR=ON in the environment a warning is an error, from then
#                              on in that directory, so that nothing is built twice; and
#                              with VSTATE_TESTS=OFF there are no tests.
set -eu

cd "$(dirname "$0")/.."
preset=$1
shift

tests=OFF
if [ "${VSTATE_TESTS:-ON}" = ON ] && cmake/packages.sh --have test; then tests=ON; fi
launcher=
if command -v ccache >/dev/null; then launcher=ccache; fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset "$preset" -DVSTATE_TESTS=$tests -DCMAKE_CXX_COMPILER_LAUNCHER=$launcher \
  ${VSTATE_WERROR:+-DVSTATE_WERROR="$VSTATE_WERROR"} \
  >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
jobs=$(nproc 2>/dev/null || echo 2)
if [ $# -gt 0 ]; then
  cmake --build --preset "$preset" --parallel "$jobs" --target "$@"
else
  cmake --build --preset "$preset" --parallel "$jobs"
fi
