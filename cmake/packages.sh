#!/bin/sh
# packages.sh GROUP...         installs what is missing of these groups of packages.txt, as root;
#                              otherwise names the command that would.
# packages.sh --have GROUP...  says by its exit status whether all are there.
# Quiet when nothing is missing, and on systems without dpkg.
set -eu

list=$(dirname "$0")/packages.txt
only_ask=no
if [ "${1:-}" = --have ]; then
  only_ask=yes
  shift
fi
command -v dpkg-query >/dev/null || exit 0

missing=
while read -r groups package _; do
  case $groups in '' | '#'*) continue ;; esac
  for group in "$@"; do
    case ,$groups, in *",$group,"*) ;; *) continue ;; esac
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || missing="$missing $package"
    break
  done
done <"$list"

[ -n "$missing" ] || exit 0
[ "$only_ask" = no ] || exit 1
if [ "$(id -u)" -ne 0 ]; then
  echo "packages are missing; install them and run make again:" >&2
  echo "  sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi

echo "installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# Nothing is removed for it: dovecot-imapd is at odds with the IMAP server that may run here.
install() {
  # shellcheck disable=SC2086  # the list is split on purpose
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install \
    --no-install-recommends --no-remove $missing >"$log" 2>&1 </dev/null
}
# The lists of packages may be absent or older than the mirror: then they are fetched.
if ! install && ! { apt-get -q update >"$log" 2>&1 </dev/null && install; }; then
  cat "$log" >&2
  echo "apt-get install$missing failed" >&2
  exit 1
fi
