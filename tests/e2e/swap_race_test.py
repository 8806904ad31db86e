"""Nothing outside, also in a race: while a domain is applied, pruned, pulled, dumped, planned or
verified, the mail's owner swaps a home, a Maildir, the domain's directory or a bucket for a link
that leads elsewhere, again and again.

Outside stands what only root may read and change, laid out as what is inside. Whatever the runs end
with: it is not changed, made, given away or removed, and none of its bytes gets into a dump.

VSTATE_RUNS=N  how many; 28, or 7,000 with VSTATE_DEEP: as many of each of the seven commands
"""

import os
import subprocess
import time
import unittest

import support
from support import disturb, swapping

NAME = "example.com"
RUNS = int(os.environ.get("VSTATE_RUNS") or (7000 if support.DEEP else 28))
CANARY = b"canary-that-only-root-may-read"


def make_outside(root):
    """Directories and files named as those of a domain and a home; of root, and for it alone."""
    outside = os.path.join(root, "outside")
    for place in ("Maildir/new", "Maildir/cur", "Maildir/tmp", "Maildir/.Sent/cur",
                  "Maildir/.Sent/new", "Maildir/.Sent/tmp", "alice/Maildir/new",
                  "alice/Maildir/cur", "alice/Maildir/tmp", "erika/Maildir/cur",
                  "erika/Maildir/new", "erika/Maildir/tmp", "vacation", "new", "cur", "tmp",
                  "news/subscribers", "bob/Maildir/cur", "bob/Maildir/new", "bob/Maildir/tmp"):
        os.makedirs(os.path.join(outside, place))
    for place, _, _ in list(os.walk(outside)):
        for name in ("maildirsize", "lastauth", ".qmail", "message", "vpasswd", "vpasswd.cdb",
                     "subscriptions", "dovecot-uidlist", ".vstate-maildirsize.vstate-tmp",
                     ".qmail-default", ".qmailadmin-limits", "1700000000.1.outside:2,S", "K",
                     ".vstate-lastauth.vstate-tmp", ".dir-control", ".vpasswd.lock", "lock",
                     "1761990100.4001.mail1.example.com,S=323:2,RS"):
            with open(os.path.join(place, name), "wb") as file:
                file.write(CANARY)
            os.chmod(os.path.join(place, name), 0o600)
        # The names can be listed: what stops the program must not be that they cannot.
        os.chmod(place, 0o755)


@unittest.skipUnless(support.IS_ROOT, "needs root: another user swaps")
class SwapTest(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.vstate(self.base, "--root", "old", "dump", NAME, "-o", "file.toml", "--mail", "mail")
        subprocess.run(["cp", "-a", self.old.root, os.path.join(self.base, "later")], check=True)
        later = disturb.Example(os.path.join(self.base, "later"))
        later.live_on()
        self.vstate(self.base, "--root", "later", "dump", NAME, "-o", "later.toml", "--mail",
                    "later-mail")
        for server in ("new", "old"):
            make_outside(os.path.join(self.base, server))

    def vstate(self, work, *words):
        return subprocess.run([support.VSTATE, "-q", *words], cwd=work, capture_output=True,
                              check=False, timeout=120, env=support.environment())

    def swapped(self, work, server, places):
        """A process that swaps; `places` are relative to the domain's directory, "" for itself."""
        domain = {"old": self.old.domain, "new": "srv/vpopmail/domains/0/example.com"}[server]
        paths = [os.path.join(work, server, domain, place).rstrip("/") for place in places]
        # Each of the two servers has a vpopmail of its own number.
        owner = os.stat(os.path.join(work, server, {"old": "home", "new": "srv"}[server],
                                     "vpopmail"))
        return swapping.start(owner.st_uid, owner.st_gid, os.path.join(work, server, "outside"),
                              paths)

    def race(self, work, number):
        """One run of one command; returns its output."""
        places = [["alice"], ["alice/Maildir"], [""], ["0"], ["news"], ["alice/Maildir/cur"],
                  ["alice", "alice/Maildir"], ["0/erika"]][number % 8]
        kind = ("first", "again", "pull", "prune", "dump", "verify", "plan")[number // 8 % 7]
        target = "old" if kind == "dump" else "new"
        if kind in ("again", "prune", "verify", "plan"):
            self.vstate(work, "--root", "new", "apply", "file.toml", "--mail", "mail")
        swapper = self.swapped(work, target, places)
        try:
            if kind == "dump":
                return self.vstate(work, "--root", "old", "dump", NAME, "-o", "out.toml", "--mail",
                                   "out-mail")
            if kind in ("verify", "plan"):
                return self.vstate(work, "--root", "new", kind, "later.toml", "--mail",
                                   "later-mail")
            if kind == "pull":
                return self.vstate(work, "--root", "new", "pull", "./later", NAME)
            if kind == "first":
                return self.vstate(work, "--root", "new", "apply", "file.toml", "--mail", "mail")
            more = ["--prune", "--yes"] if kind == "prune" else []
            return self.vstate(work, "--root", "new", "apply", "later.toml", "--mail", "later-mail",
                               *more)
        finally:
            swapping.end(swapper)

    def carried(self, work):
        """All bytes that a dump wrote, archives unpacked."""
        data = b""
        for place, _, names in os.walk(work):
            for name in names:
                path = os.path.join(place, name)
                if name == "out.toml" or "/out-mail" in place:
                    with open(path, "rb") as file:
                        data += file.read()
                if "/out-mail" in place and name.endswith(".zst"):
                    data += subprocess.run(["tar", "-xOf", path], capture_output=True,
                                           check=False).stdout
        return data

    def test_nothing_outside(self):
        def one(number):
            work = self.work_on(f"run-{number}")
            before = {server: support.snapshot(os.path.join(work, server, "outside"))
                      for server in ("new", "old")}
            done = self.race(work, number)
            words = []
            if done.returncode < 0 or done.returncode > 130:
                words.append(f"ended with {done.returncode}")
            for server, seen in before.items():
                changed = support.changed_paths(seen, support.snapshot(
                    os.path.join(work, server, "outside")))
                if changed:
                    words.append(f"{server}: changed outside: {changed[:5]}")
            if CANARY in self.carried(work) + done.stdout + done.stderr:
                words.append("bytes from outside are in what was written")
            if words:
                return f"run {number}: {'; '.join(words)}"
            self.forget(work)
            return None

        begun = time.monotonic()
        bad = [result for result in disturb.at_once(one, range(RUNS)) if result]
        print(f"{RUNS} runs against a swap in {time.monotonic() - begun:.0f} s, {len(bad)} wrong",
              flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {RUNS} are wrong", *bad[:15]]))

    def test_what_the_swap_looks_like(self):
        """The swap is really seen: at some moments the link is there, at others the directory."""
        work = self.work_on("seen")
        self.vstate(work, "--root", "new", "apply", "file.toml", "--mail", "mail")
        swapper = self.swapped(work, "new", ["alice"])
        place = os.path.join(work, "new/srv/vpopmail/domains/0/example.com/alice")
        try:
            seen = set()
            end = time.monotonic() + 20
            while len(seen) < 2 and time.monotonic() < end:
                seen.add(os.path.islink(place))
        finally:
            swapping.end(swapper)
        self.assertEqual(seen, {True, False})


if __name__ == "__main__":
    support.main()
