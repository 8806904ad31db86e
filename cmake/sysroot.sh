#!/bin/sh
# sysroot.sh ARCHITECTURE DIR  unpacks what make static needs of another architecture below DIR,
#                              from Debian's archive: packages.txt names it. Nothing of it is
#                              installed here, where two of a library may be at odds.
set -eu

architecture=$1
directory=$2
[ ! -e "$directory/usr/include/archive.h" ] || exit 0
list=$(dirname "$0")/packages.txt
. /etc/os-release

packages=
while read -r groups package _; do
  case $groups,$package in
  build,lib*pq-dev) ;; # no library of it can be linked statically
  build,lib* | build,nlohmann* | static,*) packages="$packages,$package" ;;
  esac
done <"$list"

mkdir -p "$(dirname "$directory")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! mmdebstrap --variant=extract --architectures="$architecture" --include="${packages#,}" \
  "$VERSION_CODENAME" "$directory" "${VSTATE_MIRROR:-http://deb.debian.org/debian}" >"$log" 2>&1; then
  cat "$log" >&2
  rm -rf "$directory"
  exit 1
fi
