"""Deliveries are held off while a domain is copied, and go on whatever ends the copy."""

import os
import signal
import stat
import subprocess
import time

import support
from support.passes import FAKE_RSH, NAME, PullCase


class FreezeTest(PullCase):
    def is_frozen(self):
        return bool(os.stat(self.old.domain(NAME)).st_mode & stat.S_ISVTX)

    def wait_until(self, frozen):
        for _ in range(200):
            if self.is_frozen() == frozen:
                return
            time.sleep(0.05)
        self.fail(f"the directory is {'not ' if frozen else ''}frozen")

    def start(self):
        """A dump that waits for its reader."""
        for i in range(40):
            self.alice.deliver(f"190000000{i}.M{i}P1.old", os.urandom(100_000))
        return subprocess.Popen(
            [support.VSTATE, "--root", self.old.root, "--qmail-dir", self.old.qmail, "dump",
             "--freeze", "--mail", "-", NAME],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment())

    def test_frozen_until_all_is_read(self):
        mode = stat.S_IMODE(os.stat(self.old.domain(NAME)).st_mode)
        with self.start() as dump:
            self.wait_until(True)
            # Most of the mail is still to come: all that is on its way fits into the pipe.
            for _ in range(16):
                self.assertTrue(dump.stdout.read(1 << 16))
                self.assertTrue(self.is_frozen())
            _, errors = dump.communicate()
        self.assertEqual(dump.returncode, 0, errors)
        self.assertNotIn(b"sticky", errors)
        self.assertEqual(stat.S_IMODE(os.stat(self.old.domain(NAME)).st_mode), mode)

    def test_lifted_however_the_dump_ends(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number), self.start() as dump:
                self.wait_until(True)
                dump.send_signal(number)
                dump.communicate()
                self.wait_until(False)

    def test_lifted_when_the_reader_goes_away(self):
        with self.start() as dump:
            self.wait_until(True)
            dump.stdout.close()
            dump.wait()
            self.wait_until(False)

    def test_what_a_person_froze_stays_frozen(self):
        path = self.old.domain(NAME)
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | stat.S_ISVTX)
        outcome = self.check_exit(self.old.vstate("dump", "--freeze", NAME))
        self.assertIn("has the sticky bit: qmail-local defers all its mail", outcome.err)
        self.assertTrue(self.is_frozen())
        route = self.old.vstate("route", "alice@example.com")
        self.assertIn("defers", route.out + route.err)

    def test_pull_freezes_the_source(self):
        remote = f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"
        for source in ([self.old.root],
                       ["--rsh", FAKE_RSH, "--remote-vstate", remote, "old.example"]):
            with self.subTest(source=source):
                if support.STRACE is None:
                    self.skipTest("strace is not installed")
                trace = os.path.join(self.directory, "trace")
                self.check_exit(support.run(
                    "--root", self.new.root, "--qmail-dir", self.new.qmail, "pull", "--freeze",
                    *source, NAME,
                    prefix=[support.STRACE, "-f", "-qq", "-e", "trace=fchmod", "-o", trace],
                    # A build that looks for leaks cannot do so while it is traced.
                    env=support.environment(ASAN_OPTIONS="detect_leaks=0")))
                self.check_equal()
                with open(trace, encoding="utf-8") as file:
                    modes = [line.split(", ")[1].split(")")[0] for line in file if ", 01" in line
                             or ", 0700" in line]
                self.assertTrue(any(mode.startswith("01") for mode in modes), modes)
                self.assertFalse(self.is_frozen())

    def test_a_domain_that_is_not_there(self):
        outcome = self.old.vstate("dump", "--freeze", "other.example")
        self.check_exit(outcome, 1)
        self.assertIn("other.example: there is no such domain on this server", outcome.err)


if __name__ == "__main__":
    support.main()
