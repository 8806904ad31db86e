"""No file of somebody else's is carried away: while people of a machine, the owner of a source's
control files, or whoever may write beside what vstate keeps swap places of theirs for links to
/etc/shadow and to what is root's alone, the machine is dumped, pulled, switched and taken back.
None of those bytes gets into a file, an archive, a mailbox or a message, and none is changed.

VSTATE_RUNS=N  how many of each; 12, or 2,000 with VSTATE_DEEP
"""

import os
import subprocess
import sys
import time
import unittest

import support
from support import disturb, swapping
from support.domains import domain_text
from support.machine import PERSON, Machine, by_qmail_local, crypt

RUNS = int(os.environ.get("VSTATE_RUNS") or (2000 if support.DEEP else 12))
DOMAIN = "example.com"
CANARY = b"canary-that-only-root-may-read"
#: What is there for a link to lead to has the names of what is swapped.
NAMES = ("Mailbox", ".qmail", ".qmail-x", ".forward", "alice", "Inbox", "Sent", "shadow",
         "virtualdomains", "locals", "rcpthosts", "smtproutes", "me", "users", "ledger.sqlite",
         "ledger.sqlite-wal", "ledger.sqlite-journal", "1.json", "2.json", "3.json", "lock",
         f".vstate-cutover-{DOMAIN}.json", ".subscriptions", "1700000000.1.x:2,S")
BOX = b"From x Mon Jan  1 00:00:00 2001\nSubject: hers\n\n" + CANARY + b"\n\n"


def make_outside(root):
    outside = os.path.join(root, "outside")
    for place in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp", "mail", "cur", "new",
                  "tmp", "runs", "control", "var/mail"):
        directory = os.path.join(outside, place)
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        for name in NAMES:
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(BOX)
            os.chmod(path, 0o600)
    return outside


def below(directory):
    """All bytes below it, archives unpacked."""
    data = b""
    for place, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(place, name)
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                data += file.read()
            if name.endswith(".zst"):
                data += subprocess.run(["tar", "-xOf", path], capture_output=True,
                                       check=False).stdout
    return data


@unittest.skipUnless(support.IS_ROOT, "needs root: another user swaps")
class SwapCase(disturb.DisturbCase):
    def race(self, name, one):
        """Runs `one` with each number; it gives the place of what is outside, whom that is swapped
        by, the places, the command, and the directories where bytes must not come to."""
        begun, wrong, codes = time.monotonic(), [], {}

        def run(number):
            work = self.work_on(f"{name}-{number}")
            outside, owner, places, command, written = one(work, number)
            before = support.snapshot(outside)
            swapper = swapping.start(*owner, outside, places)
            try:
                done = support.run(*command)
            finally:
                swapping.end(swapper)
            codes[done.code] = codes.get(done.code, 0) + 1
            words = []
            if done.code not in (0, 1, 2, 3, 4, 75) or "internal error" in done.err:
                words.append(str(done))
            if support.changed_paths(before, support.snapshot(outside)):
                words.append("changed outside")
            if CANARY in (done.out + done.err).encode("utf-8", "surrogateescape"):
                words.append("printed")
            words += [f"is in {place}" for place in written if CANARY in below(place)]
            if words:
                return f"{name} {number} ({places}): {'; '.join(words)}"
            self.forget(work)
            return None

        wrong = [words for words in disturb.at_once(run, range(RUNS)) if words]
        print(f"{name}: {RUNS} runs against a swap in {time.monotonic() - begun:.0f} s, "
              f"{len(wrong)} wrong, exit statuses {codes}", file=sys.stderr)
        if wrong:
            self.fail("\n".join(wrong[:10]))


class PeopleTest(SwapCase):
    """Accounts of a system: each person owns their home, and all may write to the spool."""

    PLACES = (["/home/alice/Mailbox"], ["/home/alice/mail"], ["/home/alice/Maildir"],
              ["/home/alice/Maildir/cur"], ["/home/alice/.qmail"], ["/home/alice/.forward"],
              ["/home/alice/mail/Sent"], ["/home/alice/Maildir/.Sent"],
              ["/home/alice/mail", "/home/alice/Maildir"], ["/home/alice/.qmail-x"])

    def setUp(self):
        super().setUp()
        machine = Machine(os.path.join(self.base, "old"))
        machine.add("alice", crypt("x"))
        box = b"".join(by_qmail_local(1000000000 + n, b"Subject: a\n\nx\n")[0] for n in range(20))
        for path in ("/home/alice/Mailbox", "/home/alice/mail/Sent", "/home/alice/mail/Inbox",
                     "/home/alice/Maildir/cur/1700000000.1.x:2,S",
                     "/home/alice/Maildir/.Sent/cur/1700000000.1.x:2,S"):
            machine.put(path, b"Subject: a\n\nx\n" if "Maildir" in path else box)
        for path in ("Maildir", "Maildir/.Sent"):
            for part in ("new", "tmp"):
                os.makedirs(machine.at(f"/home/alice/{path}/{part}"))
                os.chown(machine.at(f"/home/alice/{path}/{part}"), *PERSON)
        for path in (".qmail", ".qmail-x", ".forward"):
            machine.put(f"/home/alice/{path}", b"joe@example.org\n")
        make_outside(machine.root)
        support.make_server(os.path.join(self.base, "new"))

    def words(self, work, number):
        outside = os.path.join(work, "old", "outside")
        places = [os.path.join(work, "old") + place
                  for place in self.PLACES[number % len(self.PLACES)]]
        return outside, PERSON, places

    def test_dump(self):
        def one(work, number):
            out = os.path.join(work, "out")
            return (*self.words(work, number),
                    ("--root", os.path.join(work, "old"), "dump", "--system", "--mail", out, "-o",
                     os.path.join(out, "d.toml"), DOMAIN), [out])
        self.race("dump --system", one)

    def test_pull(self):
        def one(work, number):
            return (*self.words(work, number),
                    ("--root", os.path.join(work, "new"), "pull", "--system",
                     os.path.join(work, "old"), DOMAIN), [os.path.join(work, "new")])
        self.race("pull --system", one)


class ControlTest(SwapCase):
    """Where somebody else than root owns qmail's directory, or that of vstate's own files."""

    def setUp(self):
        super().setUp()
        self.old = support.make_server(os.path.join(self.base, "old"))
        file = self.file("d.toml", domain_text(DOMAIN))
        self.apply(self.old, file)
        self.more = self.file("more.toml", domain_text(DOMAIN, ("postmaster", "alice", "bob")))
        self.apply(self.old, self.more)
        make_outside(self.old.root)
        for place in ("/var/qmail", "/var/qmail/control", "/var/qmail/users"):
            os.chown(self.old.at(place), *support.OWNER)

    def one(self, work, places, *command):
        root = os.path.join(work, "old")
        return (os.path.join(root, "outside"), support.OWNER, [root + place for place in places],
                ("--root", root, *command), [os.path.join(root, "var")])

    def test_cutover(self):
        places = (["/var/qmail/control"], ["/var/qmail/control/virtualdomains"],
                  ["/var/qmail/control/smtproutes"], ["/var/qmail/users"],
                  [f"/var/qmail/control/.vstate-cutover-{DOMAIN}.json"])

        def one(work, number):
            if number % 2:
                support.run("--root", os.path.join(work, "old"), "cutover", DOMAIN, "--to", "h",
                            "--yes")
                return self.one(work, places[number // 2 % 5], "cutover", DOMAIN, "--undo",
                                "--yes")
            return self.one(work, places[number // 2 % 5], "cutover", DOMAIN, "--to", "h", "--yes")
        self.race("cutover", one)

    def test_rollback(self):
        """A directory of vstate's that was made by somebody else."""
        places = (["/var/lib/vstate/runs"], ["/var/lib/vstate/ledger.sqlite"],
                  ["/var/lib/vstate/runs/2.json"], ["/var/lib/vstate/lock"], ["/var/lib/vstate"])
        for place in ("/var/lib", "/var/lib/vstate", "/var/lib/vstate/runs"):
            os.chown(self.old.at(place), *support.OWNER)

        def one(work, number):
            return self.one(work, places[number % 5], *(
                ("rollback", "2", "--yes"), ("apply", self.more), ("history",))[number // 5 % 3])
        self.race("rollback", one)


if __name__ == "__main__":
    support.main()
