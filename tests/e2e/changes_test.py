"""Editing the file: the plan shows exactly what was edited and no secret, apply does it, and the
next plan is empty. What only the server has is kept. One failure does not stop the rest."""

import json
import os
import re
import stat

import support
from support import MD5, SHA512, domain_text

NAME = "example.com"
CANARY = ("$6$canarysalt$i0MduYf9HwkiwWrDy5EAR8vFmIfFsuj4Oyldj1zrvNfPItEeQ88NLwe2qyQl1GJnXk."
          "RaijufUW8ptyWEcQDn.")
CLEAR = "canary-clear-word"
TOML = f"""vstate = 1

[domain]
name = "{NAME}"
aliases = []
default = ["| {{vpopmail}}/bin/vdelivermail '' bounce-no-mailbox"]

[domain.limits]
max_mailboxes = 50

[mailbox.postmaster]
password = "{SHA512}"

[mailbox.alice]
password = "{MD5}"
gecos = "Alice"
quota = {{ bytes = 1048576 }}
flags = ["user0"]
deliver = ["./Maildir/"]
vacation = "Away"

[alias.sales]
deliver = ["&alice@example.com"]

[autoresponder.info]
message = "Hello"
limit = {{ replies = 5, seconds = 100 }}

[list.news]
subscribers = ["a@example.org"]
moderators = ["alice@example.com"]
key = "a2V5"

[list.news.files]
config = "F:-aBcd\\n"
editor = "|x\\n"
outlocal = "news\\n"

[list.news.links]
"" = "editor"

[[file]]
path = "note"
text = "old"
"""
# What is edited: old text, new text, and the lines of the plan between its head and its summary.
EDITS = [
    ("bytes = 1048576", "bytes = 2097152", "~ mailbox alice", "quota 1 MiB → 2 MiB"),
    ("bytes = 1048576", "messages = 1000", "~ mailbox alice", "quota 1 MiB → 1,000 messages"),
    ('gecos = "Alice"', 'gecos = "Alice B"', "~ mailbox alice", "gecos Alice → Alice B"),
    (MD5, CANARY, "~ mailbox alice", "password changed (not shown)"),
    ('["user0"]', '["user0", "domain_admin"]', "~ mailbox alice",
     "flags user0 → user0, domain_admin"),
    ('flags = ["user0"]', 'flags = ["user0"]\ndisable = ["pop3"]', "~ mailbox alice",
     "disable + pop3"),
    ('["./Maildir/"]', '["./Maildir/", "&b@c.org"]', "~ mailbox alice",
     "deliver ./Maildir/ → ./Maildir/; &b@c.org"),
    ('vacation = "Away"', 'vacation = "Back"', "~ mailbox alice", "vacation Away → Back"),
    ("[alias.sales]", '[alias.office]\ndeliver = ["&b@c.org"]\n[alias.sales]',
     "+ alias office &b@c.org"),
    ('["&alice@example.com"]', '["&b@c.org"]', "~ alias sales",
     "deliver &alice@example.com → &b@c.org"),
    ("'' bounce-no-mailbox", "'' delete", "~ default",
     "deliver | {vpopmail}/bin/vdelivermail '' bounce-no-mailbox → | {vpopmail}/bin/vdelivermail "
     "'' delete"),
    ('["a@example.org"]', '["a@example.org", "b@example.org"]', "~ list news", "subscribers 1 → 2",
     "subscribers + b@example.org"),
    ('moderators = ["alice@example.com"]', 'moderators = ["alice@example.com", "m@c.org"]',
     "~ list news", "moderators 1 → 2", "moderators + m@c.org"),
    ('message = "Hello"', 'message = "Hi"', "~ autoresponder info", "message Hello → Hi"),
    ("replies = 5", "replies = 6", "~ autoresponder info", "limit 5 in 100 s → 6 in 100 s"),
    ("max_mailboxes = 50", "max_mailboxes = 60", "~ limits", "max_mailboxes 50 → 60"),
    ('text = "old"', 'text = "new"', "~ file note", "content old → new"),
    ("aliases = []", 'aliases = ["example.net"]',
     "+ publish example.net alias domain: users/assign, users/cdb, virtualdomains, rcpthosts"),
]


class ChangesCase(support.SandboxCase):
    def server_with_programs(self, *name):
        """With the programs that the lines run, so that plans show no warning but a test's own."""
        server = self.server(*name, clear=True)
        for program in ("/var/qmail/bin/autorespond", server.home + "/bin/vdelivermail"):
            server.write(program, "#!/bin/sh\n", mode=0o755)
        return server

    def setUp(self):
        self.target = self.server_with_programs()
        self.toml = self.file("a.toml", TOML)
        self.apply(self.target, self.toml)
        self.check_nothing_to_do(self.target, self.toml)

    def edited(self, *pairs):
        text = TOML
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        return self.file("a.toml", text)

    def shown(self, outcome):
        """The plan's changes, blanks folded: what stands between its head and its sums."""
        rows = outcome.out.split("\n\n")[1]
        return [re.sub(r" +", " ", line).strip() for line in rows.splitlines()]


class EditTest(ChangesCase):
    def test_each_field(self):
        """Section 4: plan shows exactly what was edited, apply does it, a second plan is empty."""
        for number, (old, new, *wanted) in enumerate(EDITS):
            with self.subTest(new):
                if number:
                    self.target = self.server_with_programs(f"s{number}")
                    self.apply(self.target, self.file("a.toml", TOML))
                path = self.edited((old, new))
                plan = self.check_exit(self.target.vstate("plan", path))
                self.assertEqual(self.shown(plan), wanted)
                self.assertRegex(plan.out.splitlines()[-1],
                                 r"^Plan: (1 to add, 0|0 to add, 1) to change, 0 to delete\.$")
                self.assertNotIn("canary", plan.out + plan.err)
                self.apply(self.target, path)
                self.check_nothing_to_do(self.target, path)

    def test_detailed_exitcode(self):
        """Exit 2 with --detailed-exitcode where there is a difference, or one was removed; else
        0."""
        path = self.edited(('"Alice"', '"Eve"'))
        self.check_exit(self.target.vstate("plan", path))
        self.check_exit(self.target.vstate("plan", "--detailed-exitcode", path), 2)
        self.check_exit(self.target.vstate("apply", "--detailed-exitcode", path), 2)
        self.check_exit(self.target.vstate("apply", "--detailed-exitcode", path))
        self.check_exit(self.target.vstate("plan", "--detailed-exitcode", path))

    def test_only_and_exclude(self):
        """--only keeps the changes of an address, and says what it left out; what --exclude names
        is not there for the run."""
        path = self.edited(('"Alice"', '"Eve"'), ('["&alice@example.com"]', '["&b@c.org"]'))
        for words, kept in ((["--only", "mailbox.al*"], "mailbox"),
                            (["--exclude", "mailbox.*"], "alias")):
            plan = self.check_exit(self.target.vstate("plan", *words, path))
            self.assertEqual([line for line in self.shown(plan) if line[0] == "~"],
                             ["~ mailbox alice" if kept == "mailbox" else "~ alias sales"])
            self.assertEqual("1 change left out by --only" in plan.out, words[0] == "--only")
        self.apply(self.target, "--only", "mailbox.*", path)
        plan = self.check_exit(self.target.vstate("plan", path))
        self.assertEqual(self.shown(plan),
                         ["~ alias sales", "deliver &alice@example.com → &b@c.org"])

    def test_summary_line(self):
        """Section 4: the last line, verbatim."""
        path = self.edited(('"Alice"', '"Eve"'),
                           ("[alias.sales]", '[alias.a]\ndeliver = []\n[alias.sales]'))
        plan = self.check_exit(self.target.vstate("plan", path))
        self.assertEqual(plan.out.splitlines()[-1], "Plan: 1 to add, 1 to change, 0 to delete.")

    def test_color(self):
        """--color always colours, never and NO_COLOR do not, and neither does a pipe."""
        path = self.edited(('"Alice"', '"Eve"'))
        for words, env, is_colored in (([], {}, False), (["--color", "always"], {}, True),
                                       (["--color", "never"], {"CLICOLOR_FORCE": "1"}, False),
                                       ([], {"CLICOLOR_FORCE": "1"}, True),
                                       ([], {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False)):
            plan = self.target.vstate(*words, "plan", path, env=support.environment(**env))
            self.assertEqual("\x1b[" in self.check_exit(plan).out, is_colored, (words, env))


class KeptTest(ChangesCase):
    def without_alias(self):
        return self.edited(('[alias.sales]\ndeliver = ["&alice@example.com"]\n', ""))

    def test_kept(self):
        """Law 3: what the file does not have is shown with "?" and stays."""
        path = self.without_alias()
        plan = self.check_exit(self.target.vstate("plan", path))
        self.assertEqual(self.shown(plan),
                         ["? alias sales here, not in the file; kept (--prune deletes)"])
        self.assertEqual(plan.out.splitlines()[-1],
                         f"Nothing to do: {NAME} is as the file says. 1 kept.")
        before = self.target.read(self.target.domain(NAME, ".qmail-sales"))
        self.apply(self.target, path)
        self.assertEqual(self.target.read(self.target.domain(NAME, ".qmail-sales")), before)

    def test_prune(self):
        """--prune shows each deletion; without --yes and without a terminal nothing is changed."""
        path = self.without_alias()
        plan = self.check_exit(self.target.vstate("plan", "--prune", path))
        self.assertRegex(self.shown(plan)[0], "^- alias sales")
        before = self.target.snapshot()
        outcome = self.check_exit(self.target.vstate("-q", "apply", "--prune", path), 1)
        self.assertEqual(outcome.err,
                         "vstate: nothing was changed: the plan deletes, and nobody confirmed "
                         "it; say --yes\n")
        self.check_same(before, self.target.snapshot())
        self.apply(self.target, "--prune", "--yes", path)
        self.assertFalse(os.path.exists(self.target.domain(NAME, ".qmail-sales")))
        self.check_nothing_to_do(self.target, "--prune", path)


class SecretsTest(ChangesCase):
    def test_no_secret_in_any_output(self):
        """Law 6: neither hash nor clear text in what plan, apply and verify print, text or JSON."""
        new = f'password = "{CANARY}"\nclear_password = "{CLEAR}"'
        path = self.edited((f'password = "{MD5}"', new))
        runs = [("plan", path), ("plan", "--json", path), ("verify", path), ("-v", "plan", path),
                ("apply", "--json", path), ("verify", "--deep", path), ("plan", "--json", path)]
        texts = [str(self.target.vstate(*words)) for words in runs]
        self.apply(self.target, self.file("b.toml", TOML))
        texts.append(str(self.target.vstate("-v", "apply",
                                            self.file("a.toml", TOML.replace(MD5, CANARY)))))
        for words, text in zip([*runs, "apply"], texts):
            self.assertNotIn("canary", text, words)
        self.assertIn("not shown", texts[0])
        self.assertIsInstance(json.loads(self.target.vstate("plan", "--json", path).out), dict)

    def test_dump_protects_its_file(self):
        """Law 6: `dump > file` makes it 0600, also where it was 0644 before."""
        path = self.file("old.toml", "old")
        os.chmod(path, 0o644)
        os.system(f"'{support.VSTATE}' --root '{self.target.root}' -q dump {NAME} > '{path}'")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            self.assertIn(MD5, file.read())


class KeepGoingTest(support.SandboxCase):
    def test_one_home_that_cannot_be_made(self):
        """Exit 3: the others are done, a new domain stays hidden, a rerun completes it."""
        target = self.server(big_dir=False)
        path = self.file("a.toml", domain_text(mailboxes=["postmaster", "alice", "bob", "carol"]))
        obstacle = target.write(target.domain(NAME, "bob"), "in the way")
        os.chmod(target.domain(NAME), 0o700)
        if support.IS_ROOT:
            os.chown(target.domain(NAME), *support.OWNER)
        outcome = self.check_exit(target.vstate("apply", path), 3)
        self.assertIn("mailbox.bob", outcome.err)
        self.assertIn(f"vstate: {NAME} stays hidden from qmail until all of it is there\n",
                      outcome.err)
        self.assertRegex(outcome.out,
                         r"(?m)^Partly applied: \d+ done, 1 failed; run it again to take up "
                         r"what is missing\.$")
        for name in ("postmaster", "alice", "carol"):
            self.assertTrue(os.path.isdir(target.domain(NAME, name, "Maildir/new")), name)
        for file in ("rcpthosts", "virtualdomains"):
            self.assertNotIn(NAME, target.read(target.control(file)).decode())
        os.unlink(obstacle)
        self.apply(target, path)
        self.assertIn(NAME, target.read(target.control("rcpthosts")).decode())
        self.check_exit(target.vstate("verify", "--deep", path))
        self.check_nothing_to_do(target, path)


if __name__ == "__main__":
    support.main()
