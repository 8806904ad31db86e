#!/bin/sh
# captures.sh DIR  unpacks the captures of real servers (../shared/reference) below DIR, each in a
#                  directory of its name, with owners, modes, and times. Prints DIR when the tests
#                  can use it; otherwise says on standard error why they will skip.
set -eu

source=$(dirname "$0")/../../shared/reference
target=$1

if ! ls "$source"/*.tar.gz >/dev/null 2>&1; then
  echo "captures: ../shared/reference is not here; the tests that need it skip" >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "captures: only root can unpack them with their owners; the tests that need them skip" >&2
  exit 0
fi
for archive in "$source"/*.tar.gz; do
  name=$(basename "$archive" .tar.gz)
  mkdir -p "$target/$name"
  tar -C "$target/$name" --numeric-owner -xpf "$archive"
done
# Everything above the servers' own directories can be entered by the users that tests run as.
chmod 0755 "$target" "$target"/* "$target"/*/opt "$target"/*/opt/real
echo "$target"
