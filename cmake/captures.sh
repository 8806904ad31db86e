#!/bin/sh
# captures.sh DIR  unpacks the captures of real servers below DIR, each in a directory of its name, with
#                  owners, modes, and times, and puts NAME.txt, what the real tools printed, beside it.
#                  Prints DIR when the tests can use it; otherwise says on standard error why they will
#                  skip. Those of tests/data/captures are always there; ../shared/reference may have more.
set -eu

top=$(dirname "$0")/..
target=$1

if ! command -v zstd >/dev/null; then
  echo "captures: zstd is not installed; the tests that need the captures skip" >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "captures: only root can unpack them with their owners; the tests that need them skip" >&2
  exit 0
fi
for archive in "$top"/tests/data/captures/*.tar.zst "$top"/../shared/reference/*.tar.gz; do
  name=$(basename "${archive%.tar.*}")
  if [ ! -f "$archive" ] || [ -d "$target/$name" ]; then continue; fi
  mkdir -p "$target/$name"
  tar -C "$target/$name" --numeric-owner -xpf "$archive"
  cp "${archive%.tar.*}.txt" "$target/"
done
# Everything above the servers' own directories can be entered by the users that tests run as.
chmod 0755 "$target"
find "$target" -mindepth 1 -maxdepth 3 -type d -exec chmod 0755 {} +
echo "$target"
