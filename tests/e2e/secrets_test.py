"""--secrets: what nobody else may see is in a file of its own, and both together are the same."""

import os
import stat

import support
from support.captures import CaptureCase, captured_server, needs_captures

CANARY = ("CaNaRyHash", "CaNaRyClear", "Q2FOYVJ5S2V5", "CaNaRyDatabase")
TEXT = f"""vstate = 1
[domain]
name = "one.example"
[mailbox.alice]
password = "$1$abcdefgh${CANARY[0]}xxxxxxxxxxxx"
clear_password = "{CANARY[1]}"
[mailbox.nobody]
gecos = "without a password"
[list.news]
subscribers = ["alice@one.example"]
key = "{CANARY[2]}"
[list.news.files]
outhost = "one.example\\n"
sql = "db:3306:user:{CANARY[3]}:ezmlm:news\\n"
"""


class SecretsTest(support.SandboxCase):
    def setUp(self):
        super().setUp()
        self.old = self.server("old", clear=True)
        self.new = self.server("new", clear=True)
        self.whole = self.file("whole.toml", TEXT)
        self.check_exit(self.old.vstate("apply", self.whole))
        self.open = os.path.join(self.directory, "open.toml")
        self.secrets = os.path.join(self.directory, "secrets.toml")
        self.dump = ("dump", "one.example", "--clear-passwords")
        self.check_exit(self.old.vstate(*self.dump, "-o", self.open, "--secrets", self.secrets), 2)

    def text(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_canary(self):
        for canary in CANARY:
            self.assertNotIn(canary, self.text(self.open))
            self.assertIn(canary, self.text(self.secrets))
        self.assertEqual(stat.S_IMODE(os.stat(self.secrets).st_mode), 0o600)

    def test_both_are_the_same(self):
        """A plan of both is that of the whole file, and so is what an apply makes of them."""
        whole = self.file("dumped.toml", self.old.vstate(*self.dump).out)
        words = (self.open, "--secrets", self.secrets)
        plans = [self.check_exit(self.new.vstate("plan", "--json", *files)).out
                 for files in ((whole,), words)]
        self.assertEqual(*plans)
        self.check_exit(self.new.vstate("apply", *words))
        self.assertEqual(self.new.vstate(*self.dump).out, self.old.vstate(*self.dump).out)
        self.check_nothing_to_do(self.new, *words)
        self.check_nothing_to_do(self.new, whole)
        self.check_exit(self.new.vstate("check", *words))

    def test_export(self):
        words = ("export", self.open, "--to", "csv")
        done = self.check_exit(self.new.vstate(*words, "--secrets", self.secrets))
        self.assertIn(CANARY[0], done.out)
        self.check_exit(self.new.vstate(*words), 1)

    def test_saved_plan(self):
        plan = os.path.join(self.directory, "plan")
        self.check_exit(self.new.vstate("plan", self.open, "--secrets", self.secrets, "-o", plan))
        for canary in CANARY:
            self.assertNotIn(canary, self.text(plan))
        changed = self.text(self.secrets).replace("xxxx", "yyyy")
        self.file("secrets.toml", changed)
        self.check_exit(self.new.vstate("apply", plan), 1)
        self.file("secrets.toml", changed.replace("yyyy", "xxxx"))
        self.check_exit(self.new.vstate("apply", plan))

    def test_alone_it_is_an_error(self):
        for command in ("plan", "apply", "verify", "check"):
            done = self.check_exit(self.new.vstate(command, self.open), 1)
            self.assertRegex(done.err, r"open\.toml:\d+:\d+: its passwords and keys are in a file")
        done = self.check_exit(self.new.vstate("apply", self.whole, "--secrets", self.secrets), 1)
        self.assertIn("holds its secrets itself", done.err)

    def test_wrong_files(self):
        """Each with its place, and nothing is changed."""
        sound = self.text(self.secrets)
        before = self.new.snapshot()
        for bad, said in (
                ("", "vstate_secrets"), ("x", "secrets.toml:1"),
                (sound.replace("one.example", "two.example"), "the other file is of one.example"),
                (sound.replace("[mailbox.alice]", "[mailbox.alive]"), "mailbox.alive: is not in"),
                (sound.replace("[mailbox.nobody]\n", ""), "mailbox.nobody: is not named"),
                (sound.replace("clear_password", "clear_pasword"), "clear_password"),
                (sound.replace("[mailbox.nobody]\n", "[mailbox.nobody]\ngecos = \"x\"\n"), "gecos"),
                (sound.replace("$1$abcdefgh$", "plain"), "is no hash"),
                (sound.replace("sql =", "outhost ="), "outhost"),
                (sound.replace("vstate_secrets = 1", "vstate_secrets = 2"), "is a version")):
            self.file("secrets.toml", bad)
            done = self.new.vstate("apply", self.open, "--secrets", self.secrets)
            self.assertEqual(done.code, 1, (said, done))
            self.assertIn(said, done.err)
            self.assertIn("secrets.toml", done.err)
            for canary in CANARY:
                self.assertNotIn(canary, done.err)
        os.unlink(self.secrets)
        self.check_exit(self.new.vstate("apply", self.open, "--secrets", self.secrets), 1)
        self.check_same(before, self.new.snapshot())

    def test_secret_in_both(self):
        self.file("open.toml", self.text(self.open).replace(
            "[mailbox.alice]\n", "[mailbox.alice]\nclear_password = \"x\"\n"))
        done = self.check_exit(self.new.vstate("plan", self.open, "--secrets", self.secrets), 1)
        self.assertIn("has secrets in the other file too", done.err)

    def test_wrong_words(self):
        for words in (("-o", self.open, "--secrets", self.open), ("--secrets", "-"),
                      ("--secrets", self.secrets, "--mail", "-"),
                      ("--all", "-o", self.directory + "/d/", "--secrets", self.directory + "/d/")):
            done = self.old.vstate("dump", *(() if "--all" in words else ("one.example",)), *words)
            self.assertEqual(done.code, 64, done)


@needs_captures
class CapturesTest(CaptureCase):
    def test_directories(self):
        """All domains of a capture, by directories: what is made of both files is the same."""
        server = captured_server("vp56-cdb")
        at = [f"{self.directory}/{name}/" for name in ("whole", "open", "secrets")]
        server.vstate("-q", "dump", "--all", "-o", at[0])
        server.vstate("-q", "dump", "--all", "-o", at[1], "--secrets", at[2])
        target = self.server("target", clear=True)
        self.apply(target, at[1], "--secrets", at[2])
        self.check_nothing_to_do(target, at[0])
        for name in os.listdir(at[1]):
            with open(at[1] + name, encoding="utf-8") as file:
                self.assertNotRegex(file.read(), r"\$[156]\$|^key = |clear_password")


if __name__ == "__main__":
    support.main()
