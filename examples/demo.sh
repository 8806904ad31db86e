#!/usr/bin/env bash
# demo.sh [VSTATE]  moves example.com from an old mail server to a new one, then repairs what
#                   somebody broke there. Both servers are directories below a temporary one; nothing
#                   else is touched. Prints each command it runs, and fails when something is not as
#                   it tells.
set -euo pipefail

examples=$(cd "$(dirname "$0")" && pwd)
vstate=$(realpath "${1:-$examples/../build/release/vstate}")
work=$(mktemp -d "${TMPDIR:-/tmp}/vstate-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work" # the new server's user has to get to its mail
cd "$work"
mkdir bin
ln -s "$vstate" bin/vstate
PATH=$work/bin:$PATH
export LC_ALL=C.UTF-8 NO_COLOR=1

tell() {
  echo
  printf '# %s\n' "$@"
}

# Runs a command, shows it with what it prints, and demands its exit status.
run() {
  local wanted=$1 status=0
  shift
  printf '\n$ %s\n' "$*"
  "$@" >output 2>&1 || status=$?
  cat output
  [ "$status" -eq "$wanted" ] || fail "exit status $status, $wanted was expected"
}
# The last output must contain this text.
expect() { grep -qF -- "$1" output || fail "the output above lacks: $1"; }
expect_not() { ! grep -qF -- "$1" output || fail "the output above must not contain: $1"; }
fail() {
  printf '\ndemo: %s\n' "$*" >&2
  exit 1
}
# Everything below a server, with sizes and times: equal before and after if nothing was written.
picture() { find "$1" -printf '%p %s %m %u %T@ %l\n' | sort >"$2"; }

"$examples/make-server.py" old-server old
"$examples/make-server.py" empty-server new

tell "Two mail servers stand below $work:" \
  "  old/  vpopmail 5.4 in /home/vpopmail, with the domain example.com" \
  "  new/  vpopmail 5.6 in /srv/vpopmail, without it"

tell "What is example.com? The old server says it as one file, and its mail as archives."
run 0 vstate --root old dump example.com -o example.com.toml --mail mail
expect "rebuilt on the target"
run 0 stat -c '%A %n' example.com.toml
expect "-rw-------"
tell "The file holds password hashes, so only its owner reads it. It begins:"
run 0 head -n 46 example.com.toml
expect 'aliases = ["example.net"]'
expect '{mailbox:postmaster}'
tell "No path of the old server is in it: each is a placeholder, and so it fits any other."
! grep -q /home/vpopmail example.com.toml || fail "the file names /home/vpopmail"

tell "What would the new server need? plan only looks."
picture new before
run 0 vstate --root new plan example.com.toml --mail mail
expect "+ mailbox"
expect "/usr/local/bin/ticket-import, which is not on this server"
expect "Plan: "
expect_not 'exalice' # the salt of a hash
picture new after
cmp before after || fail "plan has written something"

tell "Do it. The domain is built out of sight; qmail hears of it last."
run 0 vstate --root new apply example.com.toml --mail mail

tell "The accounts are where this server puts them, under its own user and paths:"
run 0 grep -h alice new/srv/vpopmail/domains/0/example.com/vpasswd
expect "/srv/vpopmail/domains/0/example.com/alice"
run 0 cat new/var/qmail/control/virtualdomains
expect "lists.example.edu:alias-mailman"
expect "example.com:example.com"

tell "Once more: there is nothing left to do, and nothing is written."
picture new before
run 0 vstate --root new plan example.com.toml --mail mail
expect "Nothing to do"
run 0 vstate --root new apply example.com.toml --mail mail
picture new after
cmp before after || fail "the second apply has written something"

tell "Is it really all there? verify reads both sides again and tries each address."
run 2 vstate --root new verify example.com.toml --mail mail --deep
expect "the program cannot run: /usr/local/bin/ticket-import"
tell "Mail for one alias would wait: the program of which plan warned is not here yet. Now it is:"
run 0 mkdir -p new/usr/local/bin
run 0 cp -p old/usr/local/bin/ticket-import new/usr/local/bin/ticket-import
run 0 vstate --root new verify example.com.toml --mail mail --deep
tell "And the new server describes its domain in the same words, byte for byte:"
run 0 vstate --root new dump example.com -o again.toml --mail again
run 0 cmp example.com.toml again.toml

domain=new/srv/vpopmail/domains/0/example.com
tell "Now four accidents on the new server: a forward is lost, an alias deleted, qmail forgets the" \
  "alias domain, and the accounts' index is damaged."
run 0 sed -i /reseller/d "$domain/.qmail-sales"
run 0 rm "$domain/.qmail-abuse"
run 0 sed -i /example.net/d new/var/qmail/control/virtualdomains
run 0 truncate -s 100 "$domain/vpasswd.cdb"

tell "plan sees them, and nothing else. With --detailed-exitcode, 2 says that there are changes."
run 2 vstate --root new plan --overwrite example.com.toml --mail mail --detailed-exitcode
expect "sales"
expect "abuse"
expect "example.net"
expect "vpasswd.cdb"
expect_not "+ mailbox"
expect_not "+ mail "

tell "verify says what does not work:"
run 2 vstate --root new verify example.com.toml --mail mail

tell "apply repairs exactly that."
run 0 vstate --root new apply --overwrite example.com.toml --mail mail
run 0 vstate --root new plan --overwrite example.com.toml --mail mail --detailed-exitcode
expect "Nothing to do"
run 0 vstate --root new verify example.com.toml --mail mail --deep

tell "That was all: dump, plan, apply, verify. See README.md."
