"""pull --push-vstate: the program is copied to the old server, used there, and removed, however the
run ends."""

import os
import shlex
import signal
import subprocess
import time

import support
from support.passes import FAKE_RSH, NAME, PullCase
from support.ssh import SSH, WAIT, WithSshd, needs_ssh

#: Where a program is tried, in this order, besides the home.
OTHERS = ("/var/tmp", "/tmp")


class PushCase(PullCase):
    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.directory, "home of it's")
        os.mkdir(self.home)
        # On the old server's machine it has no root below which that server is.
        self.program = self.script(f"exec {shlex.join([support.VSTATE, *self.old.options])} "
                                   f"--qmail-dir {self.old.qmail} \"$@\"")

    def script(self, text):
        path = self.file("static-vstate", f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
        return path

    def words(self, *options, rsh=FAKE_RSH):
        return ["pull", "--rsh", rsh, "--push-vstate", self.program, *options, "old.example", NAME]

    def pull(self, *options, code=0, **more):
        return self.check_exit(
            self.new.vstate(*self.words(*options), env={"HOME": self.home}, **more), code)

    def left_overs(self):
        return [os.path.join(place, name) for place in (self.home, *OTHERS)
                if os.path.isdir(place) for name in os.listdir(place)
                if name.startswith(".vstate-")]


class PushTest(PushCase):
    def test_it_works_and_nothing_stays(self):
        self.pull("--via", "vstate")
        self.check_equal()
        self.assertEqual(self.left_overs(), [])

    def test_a_home_that_is_not_there(self):
        os.rmdir(self.home)
        self.pull("--via", "vstate")
        self.check_equal()
        self.assertEqual(self.left_overs(), [])

    def test_what_is_no_program(self):
        self.program = self.file("text", "certainly not\n")
        before = support.snapshot(self.new.at(self.new.home))
        done = self.pull(code=1)
        self.assertIn(f"{self.program} cannot be used there", done.err)
        self.assertEqual(self.left_overs(), [])
        self.check_same(before, support.snapshot(self.new.at(self.new.home)))

    def test_what_is_not_there(self):
        self.program += ".gone"
        self.assertIn(self.program, self.pull(code=1).err)

    def test_a_source_that_is_read_from_here(self):
        for words in (["--via", "sftp", "old.example"], [self.old.root]):
            done = self.check_exit(self.new.vstate("pull", "--push-vstate", self.program, *words,
                                                   NAME), 1)
            self.assertIn("needs none there", done.err)

    def test_killed(self):
        """By what cannot be caught, while the program there is at work."""
        begun = os.path.join(self.directory, "begun")
        self.program = self.script(f'[ "$1" = --version ] && exit; touch {begun}; exec sleep 20')
        with subprocess.Popen(
                [support.VSTATE, *self.new.options, *self.words("--via", "vstate")],
                env={**os.environ, "HOME": self.home}, stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL) as running:
            self.wait_until(lambda: os.path.exists(begun))
            self.assertEqual(len(self.left_overs()), 1)
            running.send_signal(signal.SIGKILL)
        self.wait_until(lambda: not self.left_overs())

    def wait_until(self, is_so):
        end = time.monotonic() + WAIT
        while not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)


@needs_ssh
class SshdTest(WithSshd, PushCase):
    def over_ssh(self, *options, code=0):
        words = self.words(*options, rsh=f"{SSH} -F {self.sshd.at('client')}")
        words[words.index("old.example")] = "127.0.0.1"
        return self.check_exit(self.new.vstate(*words), code)

    def test_through_a_real_ssh(self):
        self.home = os.path.expanduser("~")
        before = self.left_overs()
        self.over_ssh("--via", "vstate")
        self.check_equal()
        self.assertEqual(self.left_overs(), before)

    def test_an_account_that_may_run_nothing(self):
        self.sshd.restart("Subsystem sftp internal-sftp", "ForceCommand internal-sftp")
        done = self.over_ssh("--via", "vstate", code=1)
        self.assertIn("cannot be used there", done.err)


if __name__ == "__main__":
    support.main()
