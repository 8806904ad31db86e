"""Bringing a domain from another server, again and again: from its files, and through a pipe."""

import os
import random
import shutil
import subprocess
import tempfile
import time

import support
from support.passes import FAKE_RSH, NAME, Mail, Passes, PullCase


class FromFilesTest(Passes, PullCase):
    """The old server's file system is mounted on this machine."""

    def pull(self, *options, code=0):
        return self.check_exit(self.new.vstate("pull", *options, self.old.root, NAME), code)

    def test_one_of_several_fails(self):
        """The others are pulled; one summary names it, and the exit status says that something
        changed."""
        for options in ((), ("--json",)):
            with self.subTest(options):
                outcome = self.new.vstate("pull", *options, self.old.root, "gone.example", NAME)
                self.check_exit(outcome, 3)
                self.assertRegex(outcome.err, r"gone\.example: .*there is no such domain")
                self.assertRegex(outcome.out + outcome.err, r"failed\W.*gone\.example")
        self.assertEqual(Mail(self.new, "alice").messages(), Mail(self.old, "alice").messages())
        self.check_exit(self.new.vstate("pull", self.old.root, "gone.example", "lost.example"), 1)


class ThroughPipeTest(Passes, PullCase):
    """--rsh runs the other vstate without a network in between."""

    def rsh(self):
        return FAKE_RSH

    def remote(self):
        return f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"

    def pull(self, *options, code=0):
        return self.check_exit(
            self.new.vstate("pull", "--rsh", self.rsh(), "--remote-vstate", self.remote(),
                            *options, "old.example", NAME), code)

    def test_no_such_host(self):
        outcome = self.new.vstate("pull", "--rsh", "/does/not/exist", "old.example", NAME)
        self.check_exit(outcome, 1)
        self.assertIn("old.example: sent no stream", outcome.err)

    def test_another_domain_than_asked_for(self):
        """A host that answers with another domain changes nothing of it here."""
        self.apply(self.old,
                   self.file("other.toml",
                             support.domain_text("other.example", mailboxes=("postmaster",))))
        self.apply(self.new,
                   self.file("mine.toml",
                             support.domain_text("other.example", mailboxes=("postmaster", "me"))))
        liar = os.path.join(self.directory, "liar")
        with open(liar, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {support.VSTATE} --root {self.old.root} --qmail-dir "
                       f"{self.old.qmail} -q dump --mail - --have - other.example\n")
        os.chmod(liar, 0o755)
        outcome = self.new.vstate("pull", "--prune", "--yes", "--rsh", self.rsh(),
                                  "--remote-vstate", liar, "old.example", NAME)
        self.check_exit(outcome, 1)
        self.assertIn(f"{NAME} was asked for, and other.example came; nothing was changed",
                      outcome.err)
        self.assertIn(b"me:", self.new.read(f"{self.new.directory_of('other.example')}/vpasswd"))

    def test_silent_other_side(self):
        """Neither one that says nothing nor one that stops in the middle is waited for for ever."""
        silent = os.path.join(self.directory, "silent")
        with open(silent, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n[ \"$CUT\" ] && sh -c \"$2\" | head -c \"$CUT\"\nexec sleep "
                       "60\n")
        os.chmod(silent, 0o755)
        remote = f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"
        for cut in ("", "700"):
            with self.subTest(cut=cut):
                start = time.monotonic()
                outcome = self.new.vstate("pull", "--rsh", f"env CUT={cut} {silent}", "--timeout",
                                          "2", "--remote-vstate", remote, "old.example", NAME)
                self.check_exit(outcome, 1)
                self.assertLess(time.monotonic() - start, 30)
                self.assertRegex(outcome.err, "nothing (came )?for 2 seconds")

    def test_no_such_domain(self):
        outcome = self.new.vstate("pull", "--rsh", self.rsh(), "--remote-vstate", self.remote(),
                                  "old.example", "other.example")
        self.check_exit(outcome, 1)
        self.assertIn("there is no such domain", outcome.err)


class LeftBehindTest(support.SandboxCase):
    def test_home_without_its_account(self):
        """Somebody deletes an account and not its home: one pass with --prune makes both alike."""
        old, new = self.server("old"), self.server("new")
        self.check_exit(old.vstate("apply", self.file("old.toml", support.domain_text(
            NAME, ["postmaster", "guest"]))))
        old.write(old.domain(NAME, "guest/Maildir/new/1.1.old"), "one\n", owner=support.OWNER)
        self.check_exit(new.vstate("pull", old.root, NAME))
        old.write(old.domain(NAME, "guest/Maildir/new/2.2.old"), "two\n", owner=support.OWNER)
        old.write(old.domain(NAME, "guest/note"), "a file\n", owner=support.OWNER)
        accounts = old.domain(NAME, "vpasswd")
        lines = old.read(accounts).decode().splitlines(True)
        old.write(accounts, "".join(line for line in lines if not line.startswith("guest:")))
        os.unlink(old.domain(NAME, "vpasswd.cdb"))
        done = self.check_exit(new.vstate("pull", "--prune", "--yes", old.root, NAME))
        self.assertNotIn("not delivered", done.out + done.err)
        mail = os.path.join(self.directory, "mail")
        path = os.path.join(self.directory, "dumped.toml")
        self.check_exit(old.vstate("dump", NAME, "-o", path, "--mail", mail))
        self.check_exit(new.vstate("verify", path, "--mail", mail, "--deep"))


class DamagedStreamTest(PullCase):
    """A byte that is another one on the way: what arrives is what was sent, or is not delivered."""

    def test_flipped_bytes(self):
        stream = os.path.join(self.directory, "stream")
        with open(stream, "wb") as file:
            subprocess.run([support.VSTATE, *self.old.options, "-q", "dump", "--mail", "-", NAME],
                           stdout=file, check=True)
        with open(stream, "rb") as file:
            whole = file.read()
        plain = subprocess.run(["zstd", "-dcq"], input=whole, stdout=subprocess.PIPE,
                               check=True).stdout
        wanted = {user: Mail(self.old, user).messages() for user in ("alice", "bob")}
        refused = 0
        random.seed(int(os.environ.get("VSTATE_SEED", "1")))
        count = 2000 if support.DEEP else 60
        for number in range(count):
            # Half of them in the compressed stream, half in what was compressed: that no decoder
            # notices.
            bytes_of = bytearray(whole if number % 2 else plain)
            place = random.randrange(len(bytes_of))
            bytes_of[place] ^= 1 << random.randrange(8)
            sent = bytes(bytes_of) if number % 2 else subprocess.run(
                ["zstd", "-1cq"], input=bytes(bytes_of), stdout=subprocess.PIPE, check=True).stdout
            target = self.server(f"flip-{number}")
            with tempfile.TemporaryFile() as file:
                file.write(sent)
                file.seek(0)
                done = subprocess.run([support.VSTATE, *target.options, "-q", "apply", "-"],
                                      stdin=file, capture_output=True, check=False,
                                      env=support.environment())
            kind = "compressed" if number % 2 else "plain"
            where = f"{kind} byte {place}: {done.stderr.decode()}"
            self.assertIn(done.returncode, (0, 1, 3), where)
            refused += done.returncode != 0
            for user, messages in wanted.items():
                home = target.at(f"{target.home}/domains/{NAME}/{user}")
                for name, found in (Mail(target, user).messages() if os.path.isdir(home)
                                    else {}).items():
                    self.assertEqual(found[3], messages.get(name, ("", "", "", b"?"))[3], where)
                if done.returncode == 0:
                    self.assertEqual(Mail(target, user).messages(), messages, where)
            shutil.rmtree(target.root)
        print(f"test_flipped_bytes: {count} flipped, {refused} refused, {count - refused} without "
              "effect", flush=True)


if __name__ == "__main__":
    support.main()
