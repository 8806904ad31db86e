"""The owner's changes win over a repeat: what a person did on the server after an apply."""

import json
import os

import support

NAME = "example.com"


class LedgerTest(support.SandboxCase):
    def setUp(self):
        self.target = self.server()
        self.text = support.domain_text(
            NAME, ["postmaster", "alice", "bob"], head='aliases = ["example.net"]',
            more='[alias.sales]\ndeliver = ["&alice@example.com"]\n')
        self.toml = self.file("domain.toml", self.text)
        self.apply(self.target, self.toml)
        self.ledger = os.path.join(self.target.root, "var/lib/vstate/ledger.sqlite")

    def plan(self, toml=None, *options):
        return self.check_exit(self.target.vstate("plan", *options, toml or self.toml), 0).out

    def change_password(self, name, hash_text):
        """As a person does it with vpasswd: a new line in vpasswd, and a new cdb by vstate."""
        path = self.target.domain(NAME, "vpasswd")
        lines = self.target.read(path).decode().splitlines()
        lines = [":".join([f[0], hash_text] + f[2:]) if f[0] == name else ":".join(f)
                 for f in (line.split(":") for line in lines)]
        self.target.write(path, ("\n".join(lines) + "\n").encode())

    def password_of(self, name):
        for line in self.target.read(self.target.domain(NAME, "vpasswd")).decode().splitlines():
            if line.split(":")[0] == name:
                return line.split(":")[1]
        return None

    def test_second_apply_writes_nothing(self):
        before = self.target.snapshot()
        self.apply(self.target, self.toml)
        self.assertEqual(support.changed_paths(before, self.target.snapshot()), [])

    def test_changed_password_is_kept(self):
        self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
        out = self.plan()
        self.assertRegex(out, r"= mailbox +alice +password was changed here after the last apply")
        self.apply(self.target, self.toml)
        self.assertEqual(self.password_of("alice"), "$1$person$abcdefghijklmnopqrstuv")
        self.assertRegex(self.plan(), r"= mailbox +alice")

    def test_conflict_needs_overwrite(self):
        self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
        changed = self.file("changed.toml", self.text.replace(
            support.mailbox_text("alice"),
            support.mailbox_text("alice", "$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1")))
        out = self.plan(changed)
        self.assertRegex(out, r"# mailbox +alice +password was changed here and changed in the "
                              r"file")
        self.apply(self.target, changed)
        self.assertEqual(self.password_of("alice"), "$1$person$abcdefghijklmnopqrstuv")
        # A newer file than both takes over only when told to.
        original = self.file("again.toml", self.text)
        self.check_exit(self.target.vstate("apply", "--overwrite", original), 0)
        self.assertNotEqual(self.password_of("alice"), "$1$person$abcdefghijklmnopqrstuv")
        self.check_nothing_to_do(self.target, original)

    def test_removed_alias_stays_removed(self):
        os.unlink(self.target.domain(NAME, ".qmail-sales"))
        self.assertRegex(self.plan(), r"= alias +sales +was removed here")
        self.check_exit(self.target.vstate("apply", "--overwrite", self.toml), 0)
        self.check_nothing_to_do(self.target, self.toml)

    def test_without_ledger_two_ways(self):
        self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
        os.unlink(self.ledger)
        self.assertRegex(self.plan(), r"~ mailbox +alice")
        self.apply(self.target, self.toml)
        self.assertNotEqual(self.password_of("alice"), "$1$person$abcdefghijklmnopqrstuv")
        self.check_nothing_to_do(self.target, self.toml)

    def test_ledger_learns_from_a_server_that_is_right(self):
        os.unlink(self.ledger)
        self.apply(self.target, self.toml)
        self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
        self.assertRegex(self.plan(), r"= mailbox +alice")

    def test_no_secret_in_the_ledger(self):
        data = open(self.ledger, "rb").read()
        self.assertNotIn(self.password_of("alice").encode(), data)
        self.assertEqual(os.stat(self.ledger).st_mode & 0o777, 0o600)

    def test_json_names_the_kind(self):
        self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
        plan = json.loads(self.check_exit(self.target.vstate("plan", "--json", self.toml), 0).out)
        self.assertEqual([note["kind"] for note in plan["notes"] if note["name"] == "alice"],
                         ["kept"])

    def damage(self, first_page):
        """Overwrites all pages from this one on; a page of an SQLite file is 4096 bytes here."""
        with open(self.ledger, "r+b") as file:
            size = os.path.getsize(self.ledger)
            file.seek(first_page * 4096)
            file.write(b"\xa5" * (size - first_page * 4096))

    def test_damaged_ledger_is_named_and_moved_away(self):
        for number, first_page in enumerate((0, 1, 4), 1):
            with self.subTest(first_page=first_page):
                self.damage(first_page)
                before = self.target.snapshot()
                self.assertRegex(self.plan(), "! .*ledger.* is damaged")
                self.check_exit(self.target.vstate("dump", NAME))
                self.check_same(before, self.target.snapshot())
                outcome = self.target.vstate("apply", self.toml)
                self.check_exit(outcome)
                moved = f"/var/lib/vstate/ledger.damaged-{number}"
                self.assertIn(f"it is now {moved}, and a new one was made", outcome.err)
                self.assertTrue(os.path.isfile(self.target.at(moved)))
                self.check_nothing_to_do(self.target, self.toml)
                self.change_password("alice", "$1$person$abcdefghijklmnopqrstuv")
                self.assertRegex(self.plan(), r"= mailbox +alice +password was changed here")
                self.change_password("alice", support.SHA512)

    def test_history(self):
        more = self.file("more.toml", self.text + '[alias.info]\ndeliver = ["&bob@example.com"]\n')
        self.apply(self.target, more)
        runs = json.loads(self.check_exit(self.target.vstate("history", "--json"), 0).out)
        self.assertEqual([run["domain"] for run in runs], [NAME, NAME])
        self.assertEqual([change["address"] for change in runs[0]["changes"]], ["alias.info"])
        self.assertIn("mailbox.alice", [change["address"] for change in runs[1]["changes"]])
        text = self.check_exit(self.target.vstate("history", NAME), 0).out
        self.assertIn("alias.info", text)
        self.assertIn("Applied: 1 added", text)


class OddContentTest(support.SandboxCase):
    """What a file accepts is found on the server as the file says it, however odd it is: nobody
    is said to have changed it."""

    THINGS = {
        "text as base64": '[[file]]\npath = "note"\nbase64 = "aGkgeyF9Cg=="\n',
        "bytes as text": '[[file]]\npath = "note"\ntext = "a{byte:00}b"\n',
        "latin-1": '[[file]]\npath = "note"\ntext = "caf{byte:e9} au lait {{"\n',
        "directory of one letter": '[[file]]\npath = "a/x"\ntext = "hi"\n',
        "directory of one digit": '[[file]]\npath = "7/x/y"\ntext = "hi"\n',
        "hidden": '[[file]]\npath = ".hidden"\ntext = ""\n',
        "list without subscribers": '[list.l]\noptions = ["a"]\n',
        "list with nothing": "[list.l]\n",
        "vacation of one line": support.mailbox_text("zed", more='vacation = "x"\n'),
        "file beside a vacation": '[[file]]\npath = "{mailbox:alice}/vacation/x"\ntext = "hi"\n',
    }

    def test_each(self):
        for number, (what, text) in enumerate(self.THINGS.items()):
            with self.subTest(what):
                server = self.server(f"server{number}")
                toml = self.file(f"{number}.toml", support.domain_text(
                    NAME, ["postmaster", "alice"], "\n" + text))
                self.apply(server, toml)
                plan = self.check_exit(server.vstate("plan", "--detailed-exitcode", toml)).out
                self.assertNotRegex(plan, "changed here|removed here")
                dumped = self.file("dumped.toml", self.check_exit(server.vstate("dump", NAME)).out)
                other = self.server(f"other{number}")
                self.apply(other, dumped)
                self.assertEqual(other.vstate("dump", NAME).out, server.vstate("dump", NAME).out)


if __name__ == "__main__":
    support.main()
