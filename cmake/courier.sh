#!/bin/sh
# courier.sh DIR  unpacks Debian's courier-imap and courier-pop below DIR, with the libraries that
#                 are not installed, unless they are there. Nothing is installed: Courier cannot
#                 stand beside Dovecot. Prints DIR when the tests can use it; otherwise says on
#                 standard error why they will skip.
set -eu

target=$1

skip() {
  echo "courier: $1; the tests that need it skip" >&2
  exit 0
}

if ! [ -x "$target/usr/bin/imapd" ]; then
  command -v apt-get >/dev/null || skip "this system is no Debian"
  log=$(mktemp)
  work=$(mktemp -d)
  trap 'rm -rf "$work" "$log"' EXIT
  packages="courier-imap courier-pop courier-base courier-authlib"
  # shellcheck disable=SC2086  # the list is split on purpose
  for library in $(apt-cache depends $packages | sed -n 's/^ *|\{0,1\}Depends: \(lib.*\)$/\1/p' |
    sort -u); do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$library" 2>/dev/null) || state=
    [ "$state" = installed ] || packages="$packages $library"
  done
  # shellcheck disable=SC2086
  if ! (cd "$work" && apt-get -q download $packages) >"$log" 2>&1; then
    skip "apt-get cannot download it ($(grep -m 1 '^E:' "$log" || echo 'no reason given'))"
  fi
  mkdir "$work/tree"
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/tree"; done
  chmod 0755 "$work/tree"
  mkdir -p "$(dirname "$target")"
  rm -rf "$target"
  mv "$work/tree" "$target"
fi
echo "$target"
