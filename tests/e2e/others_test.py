"""Nobody's update is lost: what other programs write while an apply waits for their locks stays,
and is named."""

import fcntl
import os
import subprocess

import support
from support import disturb
from support.operators import wait_for_open

NAME = "example.com"


class OthersTest(support.SandboxCase):
    """The example's old server takes a changed file of its own while somebody else is at work."""

    def setUp(self):
        if not support.IS_ROOT:
            self.skipTest("only root can make the example server")
        root = os.path.join(self.directory, "server")
        disturb.make_example("old-server", root)
        self.example = disturb.Example(root)
        self.text = self.check_exit(self.vstate("dump", NAME)).out

    def vstate(self, *words):
        return support.run("--root", self.example.root, *words)

    def changed(self, *changes):
        text = self.text
        for before, after in changes:
            self.assertEqual(text.count(before), 1, before)
            text = text.replace(before, after)
        return self.file("changed.toml", text)

    def apply_while(self, lock, work, file, *words):
        """Runs an apply that finds `lock` taken, does `work` meanwhile, and lets it go on."""
        with open(lock, "rb+") as held:
            # The locks of vpopmail and of ezmlm are of the two kinds that there are.
            if lock.endswith("/lock"):
                fcntl.flock(held, fcntl.LOCK_EX)
            else:
                fcntl.lockf(held, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [support.VSTATE, "--root", self.example.root, "apply", *words, file],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                env=support.environment())
            wait_for_open(process, lock)
            work()
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def subscribers(self):
        found = set()
        for name in os.listdir(self.example.at("news/subscribers")):
            with open(self.example.at("news/subscribers", name), "rb") as file:
                found |= {record[1:].decode() for record in file.read().split(b"\0") if record}
        return found

    def test_subscribers(self):
        known = sorted(self.subscribers())
        gone, stays = known[0], known[1:]
        file = self.changed((f'"{stays[0]}"', f'"{stays[0]}", "planned@example.org"'))

        def subscribe():
            self.example.subscribe("meanwhile@example.org")
            for name in os.listdir(self.example.at("news/subscribers")):
                path = self.example.at("news/subscribers", name)
                with open(path, "rb") as bucket:
                    data = bucket.read()
                with open(path, "wb") as bucket:
                    bucket.write(data.replace(b"T" + gone.encode() + b"\0", b""))

        code, said = self.apply_while(self.example.at("news/lock"), subscribe, file)
        self.assertEqual(code, 0, said)
        self.assertIn("its addresses were changed meanwhile; that is kept", said)
        self.assertEqual(self.subscribers(),
                         {*stays, "planned@example.org", "meanwhile@example.org"})

    def check_kept(self, path, theirs, *changes):
        """Apply adds a mailbox, for which it waits, and changes a file that somebody else
        changes."""
        file = self.changed(*changes)
        with open(file, "a", encoding="utf-8") as more:
            more.write("\n" + support.mailbox_text("newcomer"))
        code, said = self.apply_while(self.example.at(".vpasswd.lock"),
                                      lambda: self.example.write(theirs, path), file)
        self.assertEqual(code, 3, said)
        self.assertIn("was changed by somebody else meanwhile; run it again", said)
        with open(self.example.at(path), encoding="utf-8") as kept:
            self.assertEqual(kept.read(), theirs)
        # The next run sees what there is, and does what its file says.
        again = self.vstate("apply", file)
        self.assertEqual(again.code, 0, again)
        self.assertIn(support.NOTHING, self.vstate("plan", file).out)

    def test_alias(self):
        self.check_kept(".qmail-sales", "&somebody@example.org\n",
                        ("&reseller@example.org", "&planned@example.org"))

    def test_dot_qmail(self):
        self.check_kept("frank/.qmail", "&somebody@example.org\n",
                        ("&frank@example.org", "&planned@example.org"))

    def test_vacation(self):
        self.check_kept("bob/vacation/message", "From: bob\nSubject: back soon\n\nTheirs.\n",
                        (self.line_of("bob/vacation/message"), "Planned."))

    def test_text_of_a_robot(self):
        robot = next(name for name in sorted(os.listdir(self.example.at(""))) if name.isupper()
                     and os.path.exists(self.example.at(name, "message")))
        self.check_kept(f"{robot}/message", "From: robot\n\nTheirs.\n",
                        (self.line_of(f"{robot}/message"), "Planned."))

    def test_text_of_a_list(self):
        self.check_kept("news/headerremove", "x-theirs\n",
                        (self.line_of("news/headerremove"), "x-planned"))

    def line_of(self, path):
        """A line of a text that the file has once."""
        with open(self.example.at(path), encoding="utf-8") as file:
            for line in file.read().splitlines():
                if len(line) > 6 and self.text.count(line) == 1 and '"' not in line:
                    return line
        raise AssertionError(f"{path} has no line of its own")

    def test_limits(self):
        path = ".qmailadmin-limits"
        with open(self.example.at(path), encoding="utf-8") as file:
            theirs = file.read() + "maxautoresponders: 7\n"
        file = self.changed(("max_mailboxes = 50", "max_mailboxes = 51"))
        with open(file, "a", encoding="utf-8") as more:
            more.write("\n" + support.mailbox_text("newcomer"))
        code, said = self.apply_while(self.example.at(".vpasswd.lock"),
                                      lambda: self.example.write(theirs, path), file)
        with open(self.example.at(path), encoding="utf-8") as kept:
            now = kept.read()
        self.assertIn("maxautoresponders: 7", now, said)
        self.assertIn(code, (0, 3), said)


if __name__ == "__main__":
    support.main()
