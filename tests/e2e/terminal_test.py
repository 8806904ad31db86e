"""What a person at a terminal sees and is asked."""

import os
import pty
import select
import subprocess

import pull_test
import support
from pull_test import NAME


class TerminalTest(pull_test.PullCase):
    def run_at_terminal(self, *arguments, answer=b""):
        """Standard input and error are a terminal; its exit status and what the screen got."""
        mine, theirs = pty.openpty()
        with subprocess.Popen([support.VSTATE, *self.new.options, *arguments], stdin=theirs,
                              stdout=subprocess.DEVNULL, stderr=theirs,
                              env=support.environment()) as program:
            os.close(theirs)
            screen, asked = b"", False
            while True:
                if not select.select([mine], [], [], 60)[0]:
                    program.kill()
                    self.fail(f"nothing more came after {screen}")
                try:
                    part = os.read(mine, 65536)
                except OSError:  # the other end is closed
                    break
                if not part:
                    break
                screen += part
                if answer and not asked and b"[y/N]" in screen:
                    asked = True
                    os.write(mine, answer)
        os.close(mine)
        return program.returncode, screen.decode()

    def test_progress_of_a_pull(self):
        code, screen = self.run_at_terminal("pull", self.old.root, NAME)
        self.assertEqual(code, 0, screen)
        self.assertRegex(screen, r"\r\d+ messages, \d+ B")
        self.check_equal()

    def test_progress_says_of_how_many(self):
        mail, file = os.path.join(self.directory, "mail"), self.file("dump.toml", "")
        self.check_exit(self.old.vstate("-q", "dump", "--mail", mail, "-o", file, NAME))
        code, screen = self.run_at_terminal("apply", "--mail", mail, file)
        self.assertEqual(code, 0, screen)
        self.assertRegex(screen, r"\r\d+ of 21 messages \(\d+%\), \d+ B")

    def test_plain_lines_elsewhere(self):
        outcome = self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        self.assertNotIn("\r", outcome.out + outcome.err)

    def test_quiet(self):
        code, screen = self.run_at_terminal("-q", "pull", self.old.root, NAME)
        self.assertEqual((code, screen), (0, ""))

    def test_deletions_are_asked_for(self):
        self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        self.alice.delete("1700000003.M3P1.old")
        code, screen = self.run_at_terminal("pull", "--prune", self.old.root, NAME, answer=b"n\n")
        self.assertEqual(code, 1)
        self.assertIn("nothing was changed", screen)
        self.assertIn("1700000003.M3P1.old", self.here().messages())
        code, screen = self.run_at_terminal("pull", "--prune", self.old.root, NAME, answer=b"y\n")
        self.assertEqual(code, 0, screen)
        self.check_equal()


if __name__ == "__main__":
    support.main()
