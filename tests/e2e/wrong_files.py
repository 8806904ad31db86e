"""The frame for tables of wrong domain files: a row has a title, the file, and all that is said.

A message is written without its "vstate: FILE:"; "…" at its end stands for words of the TOML
library, which differ between its versions. {directory} is where the file lies.
"""

import support

DOMAIN = 'vstate = 1\n[domain]\nname = "example.com"\n'
MAILBOX = DOMAIN + "[mailbox.alice]\n"


class WrongFileCase(support.SandboxCase):
    def setUp(self):
        self.target = self.server()
        self.before = self.target.snapshot()

    def check_rows(self, rows):
        for title, text, messages in rows:
            with self.subTest(title):
                self.check_row(text, messages)
        self.check_same(self.before, self.target.snapshot())

    def check_row(self, text, messages):
        """check, plan, verify, and apply all refuse it in the same words, and touch nothing."""
        path = self.file("wrong.toml", text)
        wanted = "".join(f"vstate: {path}:{line}\n" if line[:1].isdigit() else line + "\n"
                         for line in messages.split("\n"))
        wanted = wanted.replace("{directory}", self.directory)
        for command in ("check", "plan", "apply"):
            outcome = self.target.vstate(command, path)
            said = outcome.err
            if messages.endswith("…"):
                said = said[:len(wanted) - 2] + "…\n"
            self.assertMultiLineEqual(said, wanted, command)
            self.assertEqual((outcome.code, outcome.out), (1, ""), command)
