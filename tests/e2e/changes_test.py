"""Changes of a file, field by field: the plan shows exactly that change and no secret, apply does it, and
then there is nothing to do. What the server has beyond the file is kept unless it is to be pruned."""

import json
import os
import re
import unittest

import support
from support import MD5, SHA512, domain_text, mailbox_text

NAME = "example.com"
CANARY_HASH = "$6$canarysalt$" + "C" * 86
CANARY_CLEAR = "canary-clear-0815"
DEFAULT = 'default = ["| {vpopmail}/bin/vdelivermail \'\' bounce-no-mailbox"]\n'
ROBOT = ('[autoresponder.info]\nmessage = "From: info@example.com\\nSubject: hi\\n\\nThank you.\\n"\n'
         "limit = { replies = 5, seconds = 10000 }\n")
LIST = ('[list.news]\nsubscribers = ["a@example.org", "b@example.org"]\n'
        'moderators = ["alice@example.com"]\n')
WIRING = ("[list.news.files]\neditor = \"|{ezmlm}/ezmlm-store '{domain}/news'\\n\"\n"
          'manager = "|{ezmlm}/ezmlm-manage \'{domain}/news\'\\n"\noutlocal = "news\\n"\n'
          '[list.news.links]\n"" = "editor"\n-default = "manager"\n')
FILE = '[[file]]\npath = ".over-quota.msg"\ntext = "Your mailbox is full.\\n"\n'
WHOLE = (f'vstate = 1\n[domain]\nname = "{NAME}"\naliases = ["example.net"]\n' + DEFAULT +
         "[domain.limits]\nmax_mailboxes = 5\n" +
         mailbox_text("alice", more='gecos = "Alice"\nquota = { bytes = 5242880 }\n'
                                    'deliver = ["&x@example.org"]\n') +
         mailbox_text("bob") + '[alias.sales]\ndeliver = ["&alice@example.com"]\n' + ROBOT + LIST +
         WIRING + FILE)
# title, old text, new text, addresses of the changes, words that the plan shows of it
CHANGES = (
    ("quota", "5242880", "10485760", ["mailbox.alice"], ["5 MiB → 10 MiB"]),
    ("no quota", "quota = { bytes = 5242880 }\n", "", ["mailbox.alice"], ["quota"]),
    ("gecos", 'gecos = "Alice"', 'gecos = "Alice E."', ["mailbox.alice"], ["Alice → Alice E."]),
    ("password", SHA512, MD5, ["mailbox.alice"], ["changed (not shown)"]),
    ("services", 'gecos = "Alice"', 'gecos = "Alice"\ndisable = ["pop3"]', ["mailbox.alice"],
     ["pop3"]),
    ("flags", 'gecos = "Alice"', 'gecos = "Alice"\nflags = ["domain_admin"]', ["mailbox.alice"],
     ["domain_admin"]),
    ("deliver", "&x@example.org", "&y@example.org", ["mailbox.alice"], ["&y@example.org"]),
    ("own .qmail goes", 'deliver = ["&x@example.org"]\n', "", ["mailbox.alice"],
     ["&x@example.org"]),
    ("vacation", 'gecos = "Alice"', 'gecos = "Alice"\nvacation = "Subject: away\\n\\nAway.\\n"',
     ["mailbox.alice"], ["vacation"]),
    ("mailbox added", "[alias.sales]", mailbox_text("carol") + "[alias.sales]", ["mailbox.carol"],
     ["password SHA-512"]),
    ("alias added", "[alias.sales]", '[alias.abuse]\ndeliver = ["&alice@example.com"]\n[alias.sales]',
     ["alias.abuse"], ["&alice@example.com"]),
    ("alias changed", '["&alice@example.com"]', '["&alice@example.com", "&bob@example.com"]',
     ["alias.sales"], ["&bob@example.com"]),
    ("catch-all", "bounce-no-mailbox", "alice@example.com", ["default"], ["alice@example.com"]),
    ("subscriber added", '"b@example.org"', '"b@example.org", "c@example.org"', ["list.news"],
     ["subscribers"]),
    ("moderator added", 'moderators = [', 'moderators = ["bob@example.com", ', ["list.news"],
     ["moderators"]),
    ("autoresponder", "Thank you.", "Thanks.", ["autoresponder.info"], ["message"]),
    ("limits", "max_mailboxes = 5", "max_mailboxes = 9", ["limits"], ["max_mailboxes"]),
    ("file", "mailbox is full", "mailbox is very full", ["file..over-quota.msg"], []),
    ("alias domain added", '["example.net"]', '["example.net", "example.org"]',
     ["publish.example.org"], ["users/assign, users/cdb, virtualdomains, rcpthosts"]))


class ChangesCase(support.SandboxCase):
    def settled(self, text=WHOLE, **options):
        server = self.server(**options)
        self.apply(server, self.file("first.toml", text))
        return server

    def planned(self, server, *arguments, code=0):
        return json.loads(self.check_exit(server.vstate("plan", "--json", *arguments), code).out)


class FieldsTest(ChangesCase):
    def test_each_kind(self):
        """One edit of the file is one change of the plan, apply makes it, and a dump has it."""
        server = self.settled()
        first = os.path.join(self.directory, "first.toml")
        for title, old, new, addresses, shown in CHANGES:
            with self.subTest(title):
                self.assertIn(old, WHOLE)
                edited = self.file("edited.toml", WHOLE.replace(old, new, 1))
                self.check_change(server, edited, addresses, shown)
                self.apply(server, first)
                self.apply(server, "--prune", "--yes", first)

    def check_change(self, server, edited, addresses, shown):
        plan = self.planned(server, edited)
        self.assertEqual([change["address"] for change in plan["changes"]], addresses)
        text = self.check_exit(server.vstate("plan", "--detailed-exitcode", edited), 2)
        for words in shown:
            self.assertIn(words, text.out)
        self.assertNotIn("$6$", text.out)
        applied = self.check_exit(server.vstate("apply", "--detailed-exitcode", edited), 2)
        self.assertNotIn("$6$", applied.out + applied.err)
        self.check_nothing_to_do(server, "--detailed-exitcode", edited)
        self.check_exit(server.vstate("verify", edited))

    @unittest.expectedFailure
    def test_bare_list(self):
        """Law 2: a list without files and links is refused, or is there after an apply."""
        server, toml = self.server(), self.file("d.toml", domain_text(head=DEFAULT, more=LIST))
        if server.vstate("apply", toml).code != 1:
            self.check_nothing_to_do(server, "--detailed-exitcode", toml)

    @unittest.expectedFailure
    def test_clear_password_stays_with_its_hash(self):
        """"Nothing lost": a file without clear passwords does not take them from the server while the
        hash is the same, also of an account that never logged in."""
        kept = f'clear_password = "{CANARY_CLEAR}"\n'
        server = self.settled(domain_text(mailboxes=[], more=mailbox_text(more=kept)), clear=True)
        self.check_nothing_to_do(server, self.file("d.toml", domain_text(mailboxes=["alice"])))


class BeyondTheFileTest(ChangesCase):
    SMALL = domain_text(mailboxes=["alice"], head=DEFAULT)

    def setUp(self):
        self.target = self.settled()
        self.small = self.file("small.toml", self.SMALL)
        self.apply(self.target, self.small)

    def test_it_is_kept_and_shown(self):
        """What only the server has is a "?" row of the plan and stays."""
        before = self.target.snapshot()
        plan = self.check_exit(self.target.vstate("plan", self.small))
        for kind, name in (("mailbox", "bob"), ("alias", "sales"), ("list", "news"),
                           ("autoresponder", "info"), ("file", r"\.over-quota\.msg"),
                           ("alias domain", r"example\.net")):
            self.assertRegex(plan.out, rf"(?m)^  \? {kind} +{name} ")
        self.assertIn(support.NOTHING, plan.out)
        self.apply(self.target, self.small)
        self.check_same(before, self.target.snapshot())

    def test_prune_needs_a_yes(self):
        """--prune without --yes and without a terminal changes nothing, exit 1."""
        before = self.target.snapshot()
        outcome = self.check_exit(self.target.vstate("apply", "--prune", self.small), 1)
        self.assertEqual(outcome.err, "vstate: nothing was changed: the plan deletes, and nobody "
                                      "confirmed it; say --yes\n")
        self.check_same(before, self.target.snapshot())

    def test_prune_deletes_what_it_shows(self):
        """--prune --yes deletes each "-" row; then the dump is the file's state."""
        plan = self.check_exit(self.target.vstate("plan", "--prune", self.small))
        for name in ("bob", "sales", "news", "info", r"\.over-quota\.msg", r"example\.net"):
            self.assertRegex(plan.out, rf"(?m)^  - .*{name}")
        self.check_exit(self.target.vstate("apply", "--prune", "--yes", self.small))
        for name in ("bob", ".qmail-sales", "news", "INFO", ".qmail-info", ".over-quota.msg"):
            self.assertFalse(os.path.lexists(self.target.domain(NAME, name)), name)
        for path in (self.target.users("assign"), self.target.control("rcpthosts")):
            self.assertNotIn("example.net", self.target.read(path).decode())
        self.check_nothing_to_do(self.target, "--prune", self.small)
        self.check_exit(self.target.vstate("verify", self.small))


class FiltersTest(ChangesCase):
    def setUp(self):
        self.target = self.settled(domain_text(mailboxes=["postmaster"], head=DEFAULT))
        self.more = self.file("more.toml", domain_text(
            mailboxes=["postmaster", "alice", "albert", "bob"], head=DEFAULT))

    def accounts(self):
        text = self.target.read(self.target.domain(NAME, "vpasswd")).decode()
        return [line.split(":")[0] for line in text.splitlines()]

    def test_only(self):
        """--only takes the changes whose address matches, and no others."""
        self.apply(self.target, "--only", "mailbox.al*", self.more)
        self.assertEqual(self.accounts(), ["albert", "alice", "postmaster"])

    def test_exclude(self):
        """--exclude leaves out the changes whose address matches."""
        self.apply(self.target, "--exclude", "mailbox.al*", self.more)
        self.assertEqual(self.accounts(), ["bob", "postmaster"])

    @unittest.expectedFailure
    def test_what_is_left_out_is_not_nothing(self):
        """A plan whose changes were all left out does not say that all is as the file says."""
        plan = self.check_exit(self.target.vstate("plan", "--only", "mailbox.x*", self.more))
        self.assertNotIn("is as the file says", plan.out)


class SecretsTest(ChangesCase):
    def test_no_output_has_a_secret(self):
        """Law 6: neither hash nor clear password is in any output of plan, apply, verify."""
        text = domain_text(mailboxes=[], more=mailbox_text(
            password=CANARY_HASH, more=f'clear_password = "{CANARY_CLEAR}"'))
        server, toml = self.server(clear=True), self.file("d.toml", text)
        changed = self.file("e.toml", text.replace(CANARY_CLEAR, CANARY_CLEAR + "-2")
                            .replace("canarysalt", "canarysal2"))
        said = ""
        for arguments in (["plan"], ["plan", "--json"], ["-v", "plan"], ["apply", "--json"],
                          ["-v", "verify"]):
            for path in (toml, changed):
                outcome = server.vstate(*arguments, path)
                said += outcome.out + outcome.err
        outcome = server.vstate("-v", "apply", toml)
        said += outcome.out + outcome.err
        self.assertNotIn("CCCCCCCC", said)
        self.assertNotIn("canary", said)

    def test_dump_protects_its_file(self):
        """DESIGN 3: a file that dump writes to is 0600, also by ">" into one that was 0644."""
        server = self.settled()
        for name, umask in (("a.toml", 0o022), ("b.toml", 0o077)):
            path = self.file(name, "old\n")
            os.chmod(path, 0o644)
            command = " ".join(["umask", f"{umask:04o};", support.VSTATE, *server.options, "-q",
                                "dump", NAME])
            self.assertEqual(os.system(f"{command} > {path}"), 0)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            out = os.path.join(self.directory, "o-" + name)
            self.check_exit(server.vstate("dump", NAME, "-o", out, umask=umask))
            self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)


class OutputTest(ChangesCase):
    def test_colour(self):
        """No colour into a pipe; --color always forces it, and beats NO_COLOR; never forbids it."""
        server, toml = self.server(), self.file("d.toml", domain_text())
        for options, changes, is_coloured in (
                ([], {}, False), (["--color", "always"], {}, True),
                (["--color", "always"], {"NO_COLOR": "1"}, True), ([], {"NO_COLOR": "1"}, False),
                ([], {"CLICOLOR_FORCE": "1"}, True), (["--color", "never"],
                                                      {"CLICOLOR_FORCE": "1"}, False)):
            with self.subTest(options=options, env=changes):
                plan = server.vstate(*options, "plan", toml, env=support.environment(**changes))
                self.assertEqual("\x1b[" in plan.out, is_coloured)

    def test_exit_codes(self):
        """DESIGN 2: plan 0 with changes, 2 with --detailed-exitcode; verify 2 until it is whole."""
        server, toml = self.server(), self.file("d.toml", domain_text())
        self.check_exit(server.vstate("plan", toml), 0)
        self.check_exit(server.vstate("plan", "--detailed-exitcode", toml), 2)
        self.check_exit(server.vstate("verify", toml), 2)
        self.check_exit(server.vstate("apply", "--detailed-exitcode", toml), 2)
        self.check_exit(server.vstate("apply", "--detailed-exitcode", toml), 0)
        self.check_exit(server.vstate("plan", "--detailed-exitcode", self.file(
            "e.toml", domain_text(head=DEFAULT))), 0)
        self.check_exit(server.vstate("verify", toml), 0)

    def test_json_plan_is_valid(self):
        """The JSON plan keeps to schemas/plan.schema.json."""
        path = os.path.join(support.TREE, "schemas/plan.schema.json")
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        if not os.path.exists(path):
            self.skipTest("there is no schemas/plan.schema.json yet")
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        toml = self.file("d.toml", WHOLE)
        server = self.server()
        jsonschema.validate(self.planned(server, toml), schema)
        self.apply(server, toml)
        jsonschema.validate(self.planned(server, toml), schema)

    def test_json_apply_is_one_event_a_line(self):
        """apply --json: each line is an object with its event; nothing on standard error."""
        server, toml = self.server(), self.file("d.toml", WHOLE)
        outcome = self.check_exit(server.vstate("apply", "--json", toml))
        events = [json.loads(line)["event"] for line in outcome.out.splitlines()]
        self.assertEqual((events[0], events[1], events[-1]), ("version", "planned", "summary"))
        self.assertEqual(events.count("action_start"), events.count("action_complete"))
        self.assertEqual(re.sub(r"(?m)^  note .*\n", "", outcome.err), "")


if __name__ == "__main__":
    support.main()
