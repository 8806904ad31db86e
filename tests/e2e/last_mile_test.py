"""pull --final: deliveries are held off there, what is new comes, both sides are compared, the old
server is made to relay. Nothing is switched unless all of it is here."""

import os
import stat
import threading
import time

import support
from support.sftp import RSH, needs_sftp_server

NAME = "one.example"
OTHER = "two.example"
HERE = "mail2.example.org"


class LastMileCase(support.SandboxCase):
    def setUp(self):
        super().setUp()
        self.old, self.new = self.server("old", home="/home/vp"), self.server("new")
        self.old.write(self.old.control("me"), "old.example.org\n")
        files = [self.file(f"{name}.toml", support.domain_text(
            name, ["postmaster", "info"], f'\n[alias.sales]\ndeliver = ["&info@{name}"]\n',
            head=f'aliases = ["also-{name}"]')) for name in (NAME, OTHER)]
        self.check_exit(self.old.vstate("apply", *files))
        self.deliver("1700000000.M1P1.old")

    def deliver(self, unique, text="hello\n"):
        self.old.write(self.old.domain(NAME, "info/Maildir/new", unique), text,
                       owner=support.OWNER)

    def final(self, *words, code=0, source=None):
        words = words or (NAME,)
        return self.check_exit(self.new.vstate("pull", source or self.old.root, *words, "--final",
                                               "--yes"), code)

    def check_not_frozen(self):
        mode = os.stat(self.old.domain(NAME)).st_mode
        self.assertFalse(mode & stat.S_ISVTX)

    def is_switched(self, name=NAME):
        return "goes to" in self.old.vstate("route", f"info@{name}").out

    def check_switched(self, host=HERE):
        for address in (f"info@{NAME}", f"x@also-{NAME}"):
            self.assertIn(f"goes to {host}", self.old.vstate("route", address).out)
        self.assertIn("delivered", self.new.vstate("route", f"info@{NAME}").out)
        self.check_not_frozen()

    def check_not_switched(self, done, why):
        self.assertIn(why, done.err)
        self.assertFalse(self.is_switched())
        self.check_not_frozen()


class MoveTest(LastMileCase):
    def test_from_a_directory(self):
        self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        self.deliver("1700000001.M2P1.old")
        done = self.final()
        self.assertIn("1 message", done.out)
        self.assertIn(f"{NAME} is whole", done.out)
        self.assertIn(f"let its MX records name {HERE}", done.out)
        self.check_switched()
        self.assertFalse(self.is_switched(OTHER))
        self.assertTrue(os.path.exists(
            self.new.domain(NAME, "info/Maildir/new/1700000001.M2P1.old")))

    def test_again(self):
        """Also for what was still delivered there."""
        self.final()
        control = self.old.control("")
        before = {name: os.stat(control + name) for name in os.listdir(control)}
        self.final()
        self.assertEqual(before, {name: os.stat(control + name) for name in os.listdir(control)})
        self.deliver("1700000002.M3P1.old")
        self.assertIn("1 message", self.final().out)
        self.check_switched()

    def test_way_back(self):
        before = self.old.read(self.old.control("virtualdomains"))
        self.final("--to", "new.example:2525", NAME)
        self.check_switched("new.example:2525")
        self.check_exit(self.old.vstate("cutover", "--undo", "--yes"))
        self.assertEqual(self.old.read(self.old.control("virtualdomains")), before)

    def test_several_domains(self):
        done = self.final(NAME, OTHER)
        self.assertIn("2 domains", done.out + done.err)
        self.assertTrue(self.is_switched(OTHER))
        self.check_switched()

    @needs_sftp_server
    def test_by_sftp(self):
        done = self.new.vstate("pull", f"old.example:{self.old.root}", "--rsh", RSH, NAME,
                               "--final", "--yes")
        # The copy of a machine has no processes of its own.
        self.check_exit(done, 3)
        self.assertIn("qmail-send could not be told", done.err)
        self.check_switched()

    def test_needs_a_yes(self):
        done = self.check_exit(self.new.vstate("pull", self.old.root, NAME, "--final"), 1)
        self.check_not_switched(done, "--yes")
        self.assertFalse(os.path.exists(self.new.domain(NAME)))

    def test_wrong_words(self):
        for words in (("--via", "vstate"), ("--push-vstate", "x")):
            done = self.new.vstate("pull", "host", NAME, "--final", *words)
            self.assertEqual(done.code, 64, done)
        self.assertEqual(self.new.vstate("pull", "host", NAME, "--to", "x").code, 64)


class NotSwitchedTest(LastMileCase):
    def test_what_would_not_work_here(self):
        self.old.write(self.old.domain(NAME, ".qmail-run"), "|/usr/local/bin/gone\n",
                       owner=support.OWNER)
        done = self.final(code=2)
        self.check_not_switched(done, "this server is not as the old one")
        self.assertIn("/usr/local/bin/gone", done.out)
        self.new.write("/usr/local/bin/gone", "#!/bin/sh\n", mode=0o755)
        self.final()
        self.check_switched()

    def test_what_is_left_out(self):
        os.mkfifo(self.old.domain(NAME, "info/Maildir/odd"))
        self.check_not_switched(self.final(code=2), "left out")

    def test_what_differs_here(self):
        """A person changed it here: it stays, and it is not as the old server has it."""
        self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        path = self.new.domain(NAME, ".qmail-sales")
        self.new.write(path, f"&postmaster@{NAME}\n", owner=support.OWNER)
        done = self.final()
        self.assertIn("but for what was changed here", done.out)
        self.check_switched()

    def test_somebody_at_work(self):
        """Who never stops changing mailboxes there."""
        stop = threading.Event()

        def work():
            number = 0
            while not stop.is_set():
                self.deliver(f"170000{number:04}.M9P9.old")
                number += 1
                time.sleep(0.002)
        thread = threading.Thread(target=work)
        thread.start()
        try:
            done = self.final(code=4)
        finally:
            stop.set()
            thread.join()
        self.check_not_switched(done, "somebody is at work")
        self.final()
        self.check_switched()

    def test_relay_is_the_old_server(self):
        done = self.final("--to", "old.example.org", NAME, code=3)
        self.check_not_switched(done, "is this server itself")

    def test_no_such_domain(self):
        done = self.final("none.example", code=1)
        self.assertIn("none.example: there is no such domain", done.err)


if __name__ == "__main__":
    support.main()
