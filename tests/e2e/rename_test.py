"""--rename: a domain under another name. There and back it is what it was, and where the old name
stands still, that is named."""

import os
import re

import support
from support.captures import CaptureCase, captured_server, needs_captures
from support.sftp import RSH, needs_sftp_server

NEW = "renamed.example"


class WaysTest(support.SandboxCase):
    """Each command that takes the option makes the same of a domain."""

    def setUp(self):
        super().setUp()
        self.old, self.new = self.server("old", home="/home/vp"), self.server("new")
        self.check_exit(self.old.vstate("apply", self.file("old.toml", support.domain_text(
            "old.example", ["postmaster", "info"], '\n[alias.sales]\n'
            'deliver = ["&info@old.example", "&x@other.example"]\n',
            head='aliases = ["also.example"]'))))
        self.old.write(self.old.domain("old.example", "info/Maildir/new", "1700000000.M1P1.old"),
                       "hello\n", owner=support.OWNER)
        self.rename = ("--rename", f"old.example={NEW}")

    def dump(self, server, name, *words):
        return self.check_exit(server.vstate("dump", name, *words)).out

    def check_here(self):
        there = self.dump(self.old, "old.example", *self.rename)
        self.assertEqual(self.dump(self.new, NEW), there)
        self.assertNotIn("old.example", there)
        self.assertIn(f"&info@{NEW}", there)
        self.assertTrue(os.path.exists(
            self.new.domain(NEW, "info/Maildir/new/1700000000.M1P1.old")))
        self.assertIn("delivered", self.new.vstate("route", f"sales@{NEW}").out)
        back = self.dump(self.new, NEW, "--rename", f"{NEW}=old.example")
        self.assertEqual(back, self.dump(self.old, "old.example"))

    def check_pull(self, *words):
        self.check_exit(self.new.vstate("pull", *words, *self.rename))
        self.check_here()
        again = self.check_exit(self.new.vstate("pull", *words, *self.rename))
        self.assertNotIn("message", again.out)

    def test_pull_from_a_directory(self):
        self.check_pull(self.old.root, "old.example")

    def test_pull_through_a_remote_shell(self):
        remote = f"{support.VSTATE} --root {self.old.root}"
        self.check_pull("old.host", "old.example", "--rsh", RSH, "--remote-vstate", remote)

    @needs_sftp_server
    def test_pull_by_sftp(self):
        self.check_pull(f"old.host:{self.old.root}", "old.example", "--rsh", RSH)

    def test_dump_with_archives(self):
        mail = os.path.join(self.directory, "mail")
        path = os.path.join(self.directory, "out/")
        self.check_exit(self.old.vstate("dump", "old.example", *self.rename, "--mail", mail,
                                        "-o", path))
        self.assertEqual(os.listdir(path), [f"{NEW}.toml"])
        self.assertEqual(os.listdir(mail), [NEW])
        self.check_exit(self.new.vstate("apply", path, "--mail", mail))
        self.check_here()

    def test_file_that_was_dumped_before(self):
        mail = os.path.join(self.directory, "mail")
        path = os.path.join(self.directory, "old.toml")
        self.check_exit(self.old.vstate("dump", "old.example", "--mail", mail, "-o", path))
        words = (path, "--mail", mail, *self.rename)
        self.assertIn("+ mailbox info", self.check_exit(self.new.vstate("plan", *words)).out)
        self.check_exit(self.new.vstate("apply", *words))
        self.check_here()
        self.check_exit(self.new.vstate("verify", *words))
        self.check_nothing_to_do(self.new, *words)

    def test_saved_plan(self):
        path = os.path.join(self.directory, "old.toml")
        plan = os.path.join(self.directory, "plan")
        self.check_exit(self.old.vstate("dump", "old.example", "-o", path))
        self.check_exit(self.new.vstate("plan", path, *self.rename, "-o", plan))
        self.check_exit(self.new.vstate("apply", plan))
        self.assertTrue(os.path.exists(self.new.domain(NEW)))
        self.assertFalse(os.path.exists(self.new.domain("old.example")))

    def test_wrong_words(self):
        path = self.file("x.toml", support.domain_text("old.example"))
        for pair, code in (("old.example", 64), ("old.example=old.example", 64), ("=x.example", 64),
                           ("none.example=x.example", 1)):
            done = self.new.vstate("plan", path, "--rename", pair)
            self.assertEqual(done.code, code, done)
        done = self.old.vstate("dump", "old.example", "--rename", "old.example=also.example")
        self.check_exit(done, 1)
        self.assertIn("also.example is an alias domain of it", done.err)
        done = self.new.vstate("pull", self.old.root, "old.example", "--final", *self.rename)
        self.assertEqual(done.code, 64, done)


@needs_captures
class CapturesTest(CaptureCase):
    def test_there_and_back(self):
        """All domains of the captures go to a server under other names, and come back."""
        for capture, version in (("vp54-cdb", "5.4"), ("vp56-cdb", "5.6")):
            server = captured_server(capture)
            names = server.vstate("list", "--names").out.split()
            pairs = {name: f"renamed-{number}.example" for number, name in enumerate(names)}
            first = self.dump_all(server, f"{capture}-first")
            there = self.renamed(server, f"{capture}-there", pairs)
            target = self.server(capture, version=version, clear=True)
            self.apply(target, f"{self.directory}/{capture}-there/")
            self.renamed(target, f"{capture}-back", {new: old for old, new in pairs.items()})
            for name, new in pairs.items():
                self.check_named(name, self.text(f"{capture}-there", new), there.err)
                self.assertEqual(self.text(f"{capture}-back", name), first[name], name)
            print(f"{capture}: {len(names)} domains there and back", flush=True)

    def dump_all(self, server, directory):
        server.vstate("-q", "dump", "--all", "-o", f"{self.directory}/{directory}/")
        return {name[:-len(".toml")]: self.text(directory, name[:-len(".toml")])
                for name in os.listdir(os.path.join(self.directory, directory))}

    def renamed(self, server, directory, pairs):
        words = [word for pair in pairs.items() for word in ("--rename", "=".join(pair))]
        return server.vstate("dump", "--all", "-o", f"{self.directory}/{directory}/", *words)

    def text(self, directory, name):
        path = os.path.join(self.directory, directory, name + ".toml")
        with open(path, encoding="utf-8") as file:
            return file.read()

    def check_named(self, name, text, said):
        """No line has the old name, but in places that are named."""
        named = re.findall(rf"(\w+)\S*: names {re.escape(name)} still", said)
        wanted = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)", re.I)
        table = ""
        for line in text.splitlines():
            if line.startswith("["):
                table = line.strip("[]").split(".")[0]
            if wanted.search(line):
                self.assertIn(table, named, line)


if __name__ == "__main__":
    support.main()
