"""A machine that lies by SFTP: in what it lists, in what it says of files, in their bytes, in where
links lead, in the packets themselves, and by saying nothing or never coming to an end. Whatever it
says, a run ends soon, in bounded memory, with a message that names it; what is copied is right, or
the run says that it is not; nothing but the domain is changed here; and no terminal is steered.

VSTATE_DEEP=1  each command with each lie, about each part of the server
"""

import json
import os
import shutil
import subprocess
import sys
import time
import unittest

import support
from support import disturb, measured
from support.domains import domain_text
from support.passes import NAME
from support.program import HERE

MIB = 1 << 20
#: A directory without an end is followed as far as the largest that there may be.
MOST_MEMORY, MOST_OF_LISTING, MOST_SECONDS = 200 * MIB, 700 * MIB, 40
LIAR = os.path.join(HERE, "lying_sftp.py")
LIES = subprocess.run([sys.executable, LIAR, "--lies"], stdout=subprocess.PIPE, check=True,
                      text=True).stdout.splitlines()
#: What each lie is about, where it is not about all: a part of the path.
PLACES = ("", "/alice/Maildir/cur", "/.qmail-", "/news")
OTHERS = ("plan", "verify", "list", "status", "route", "cutover")
BODY = b"Subject: hello\n\nhi\n"
CANARY = b"canary-outside-of-the-domain"


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class LiesTest(support.SandboxCase):
    def setUp(self):
        self.old = self.server("old", big_dir=False)
        self.old_file = self.file("old.toml", domain_text(
            NAME, ("postmaster", "alice", "bob"), '[alias.sales]\ndeliver = ["&boss@example.org"]\n'
            '[list.news]\nsubscribers = ["a@example.org"]\n'))
        self.apply(self.old, self.old_file)
        for number in range(5):
            self.old.write(f"{self.old.domain(NAME)}/alice/Maildir/cur/170000000{number}.1.a:2,S",
                           BODY * 200 * number, 0o600, support.OWNER)
        # One home is on another disk, and a link of the owner's is in the Maildir of another.
        shutil.move(self.old.domain(NAME, "bob"), self.old.at("/disk2/bob"))
        os.symlink("/disk2/bob", self.old.domain(NAME, "bob"))
        os.symlink("cur", self.old.domain(NAME, "alice", "Maildir", "sieve"))
        subprocess.run(["find", self.old.root, "-exec", "touch", "-h", "-d", "1 hour ago", "{}",
                        "+"], check=True)
        self.far = ["--rsh", f"{sys.executable} -S -E {LIAR}", "--timeout", "2", "--root",
                    f"old.example:{self.old.root}"]
        self.truth = self.mail_of(self.old)

    def mail_of(self, server):
        """Each message, by its folder and name."""
        found = {}
        top = server.at(f"{server.home}/domains/{NAME}")
        for place, _, names in os.walk(top):
            if os.path.basename(place) in ("cur", "new"):
                for name in names:
                    path = os.path.join(place, name)
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, top)] = file.read()
        return found

    def run_one(self, lie, about, kind):
        """Runs one command; returns what is wrong with how it went."""
        work = os.path.join(self.directory, f"{lie} {kind} {about.replace('/', ' ')}".replace(
            " ", "-"))
        new = self.server(os.path.join(work, "new"), big_dir=False)
        new.write("/etc/shadow", CANARY, 0o600)
        new.write("/etc/cron.d/own", CANARY, 0o600)
        out = os.path.join(work, "out")
        words = {
            "dump": [*self.far, "dump", NAME, "--mail", out, "-o", work + "/d.toml"],
            "pull": [*self.far[:4], *new.options, "pull", "--via", "sftp",
                     f"old.example:{self.old.root}", NAME],
            "plan": [*self.far, "plan", "--json", self.old_file],
            "verify": [*self.far, "verify", self.old_file],
            "list": [*self.far, "list", "--json"],
            "status": [*self.far, "cutover", "--status", NAME],
            "cutover": [*self.far, "cutover", NAME, "--to", "new.example", "--dry-run"],
            "route": [*self.far, "route", f"alice@{NAME}", f"sales@{NAME}"],
        }[kind]
        before = {path: state for path, state in new.snapshot().items() if path.startswith("etc")}
        done = measured.run(*words, env=support.environment(
            VSTATE_LIE=lie, VSTATE_LIE_ABOUT=about, PYTHONDONTWRITEBYTECODE="1"))
        wrong = self.wrong_with(done, lie, kind)
        after = {path: state for path, state in new.snapshot().items() if path.startswith("etc")}
        if support.changed_paths(before, after) or set(os.listdir(work)) - {"new", "out", "d.toml"}:
            wrong.append("changed something else")
        is_live = os.path.exists(new.users("assign"))
        if kind == "pull" and is_live and done.code in (1, 3):
            wrong.append("half a domain is live")
        # A directory that is said to be empty is one.
        is_consistent = lie == "nothing for ever"
        if kind == "pull" and done.code == 0 and not is_consistent and (
                self.mail_of(new) != self.truth):
            wrong.append("says that all is there, and it is not")
        shutil.rmtree(work)
        self.most = max(self.most, (done.peak, lie))
        self.slowest = max(self.slowest, (done.seconds, lie))
        return [f"{lie}, {kind}, about {about or 'all'}: {word}: {str(done)[:600]}"
                for word in wrong]

    def wrong_with(self, done, lie, kind):
        wrong = []
        if done.code not in (0, 1, 2, 3, 4):
            wrong.append(f"ended with {done.code}")
        if "internal error" in done.err:
            wrong.append("an internal error")
        if done.code == 1 and not done.err:
            wrong.append("says nothing")
        if done.peak > (MOST_OF_LISTING if "for ever" in lie else MOST_MEMORY):
            wrong.append(f"took {done.peak // MIB} MiB")
        if done.seconds > MOST_SECONDS:
            wrong.append(f"took {done.seconds:.0f} seconds")
        text = done.out + done.err
        hidden = [c for c in text if c not in "\n" and (ord(c) < 32 or 126 < ord(c) < 160)]
        if hidden or "\u202e" in text or any("\udc80" <= c <= "\udcff" for c in text):
            wrong.append("steers the terminal")
        if "\nvstate: forged" in text and lie != "said on the side":
            wrong.append("a line of theirs looks like ours")
        if len(text) > 600_000:
            wrong.append(f"says {len(text)} bytes")
        if done.out.startswith("{"):
            try:
                json.loads(done.out)
            except ValueError:
                wrong.append("no JSON")
        return wrong

    @staticmethod
    def is_default(lie, place, kind, number):
        """What is without an end takes its time, and short names take the most of it."""
        if lie == "new names for ever":
            return False
        if lie.endswith("for ever"):
            return (place, kind) == ("/alice/Maildir/cur", ("dump", "pull")[number % 2])
        return (place == "" and kind in ("dump", "pull")) or (
            (place, kind) == (PLACES[1 + number % 3], OTHERS[number % 6]))

    def test_lies(self):
        tries = [(lie, place, kind) for number, lie in enumerate(LIES)
                 for place in PLACES for kind in ("dump", "pull", *OTHERS)
                 if support.DEEP or self.is_default(lie, place, kind, number)]
        self.most, self.slowest = (0, ""), (0.0, "")
        begun = time.monotonic()
        wrong = sum(disturb.at_once(lambda item: self.run_one(*item), tries), [])
        print(f"{len(LIES)} lies in {len(tries)} runs, {len(wrong)} wrong, in "
              f"{time.monotonic() - begun:.0f} s: at most {self.most[0] // MIB} MiB "
              f"({self.most[1]}), {self.slowest[0]:.1f} s ({self.slowest[1]})", file=sys.stderr)
        if wrong:
            self.fail("\n".join(wrong))

    def test_truth(self):
        """The same server without a lie gives what is there."""
        self.most, self.slowest = (0, ""), (0.0, "")
        for kind in ("dump", "pull", "plan", "verify", "list", "route"):
            self.assertEqual(self.run_one("", "", kind), [])
        new = self.server("new", big_dir=False)
        self.check_exit(new.vstate(*self.far[:4], "pull", "--via", "sftp",
                                   f"old.example:{self.old.root}", NAME))
        self.assertEqual(self.mail_of(new), self.truth)
        self.assertEqual(new.vstate("dump", NAME).out, self.old.vstate("dump", NAME).out)


if __name__ == "__main__":
    support.main()
