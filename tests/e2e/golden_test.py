"""What people and programs read stays as it is, byte for byte: the help of every command, and plans
as text and as JSON (tests/golden).

VSTATE_GOLDEN=write  renews the files instead of comparing them; the difference is then reviewed as
                     what it is, a change of what vstate prints

A case of a plan is a directory. `desired.toml` is what is planned, with the words of `options` if
there are any. Before that `first.toml` was applied, and then somebody left the server as
`person.toml` says, with vstate's memory none the wiser. The mail of `desired.toml` is alice.tar,
made here.
"""

import difflib
import os
import re
import shutil

import support
from support.archives import write_archive

GOLDEN = os.path.join(support.TREE, "tests/golden")
IS_WRITING = os.environ.get("VSTATE_GOLDEN") == "write"
COMMANDS = ("dump", "plan", "apply", "pull", "verify", "route", "check", "cutover", "export",
            "history", "list", "rollback", "schema")
CASES = sorted(os.listdir(os.path.join(GOLDEN, "plan")))
MAIL = (("Maildir/new/1700000000.1.old", b"Subject: one\n\nhello\n"),
        ("Maildir/cur/1700000001.2.old:2,S", b"Subject: two\n\nhello again\n"))


class GoldenCase(support.SandboxCase):
    def check(self, name, text):
        path = os.path.join(GOLDEN, name)
        if IS_WRITING:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return
        try:
            with open(path, encoding="utf-8") as file:
                wanted = file.read()
        except FileNotFoundError:
            self.fail(f"there is no {path}; VSTATE_GOLDEN=write makes it")
        difference = difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), path,
                                          "what it is now")
        self.assertEqual(text, wanted, "\n" + "".join(difference))

    def normalised(self, text):
        """Without what differs from machine to machine."""
        uid, gid = support.OWNER
        text = text.replace(self.directory, "DIR").replace(f"owner: {uid}:{gid}", "owner: 89:89")
        return re.sub(r"ezmlm's hash: \d\d bits", "ezmlm's hash: 64 bits", text)


class HelpTest(GoldenCase):
    def help(self, *words):
        outcome = self.check_exit(support.run(*words, "--help"))
        if not re.search(r"^Usage: vstate .*\n(.*\n)*\nOptions:\n", outcome.out, re.M):
            self.skipTest("this version of CLI11 lays out help in another way")
        return outcome.out

    def test_commands(self):
        """Each command's options, in their order, with their words."""
        self.check("help/vstate.txt", self.help())
        for command in COMMANDS:
            with self.subTest(command):
                self.check(f"help/{command}.txt", self.help(command))

    def test_all_commands_are_here(self):
        listed = self.help().partition("Subcommands:\n")[2]
        self.assertEqual(sorted(re.findall(r"^  (\w+)", listed, re.M)), sorted(COMMANDS))


class PlanTest(GoldenCase):
    def laid_out(self, case):
        """The server of a case, and the words that plan it."""
        place = os.path.join(GOLDEN, "plan", case)
        at = {name: os.path.join(place, name) for name in os.listdir(place)}
        server, mail = self.server(case), os.path.join(self.directory, case + "-mail")
        os.mkdir(mail)
        write_archive(os.path.join(mail, "alice.tar"), MAIL)
        if "first.toml" in at:
            self.apply(server, at["first.toml"])
        if "person.toml" in at:
            memory, aside = server.at("/var/lib/vstate"), os.path.join(self.directory, "memory")
            os.rename(memory, aside)
            self.apply(server, "--prune", "--yes", "--max-delete", "99", at["person.toml"])
            shutil.rmtree(memory)
            os.rename(aside, memory)
        words = []
        if "options" in at:
            with open(at["options"], encoding="utf-8") as file:
                words = file.read().split()
        return server, ["plan", *words, "--mail", mail, at["desired.toml"]]

    def test_plans(self):
        """As text and as JSON; a plan that cannot be carried out says so in both."""
        for case in CASES:
            with self.subTest(case):
                server, words = self.laid_out(case)
                for name, option in (("plan.txt", "--verbose"), ("plan.json", "--json")):
                    outcome = server.vstate(*words, option)
                    text = self.normalised(outcome.out + outcome.err)
                    self.check(f"plan/{case}/{name}", text)


if __name__ == "__main__":
    support.main()
