"""Mail on other disks behind links, homes that were renamed, two names for one place."""

import os

import support
from support.old_server import BODY, NAME, OldServer, bodies


class LinksCase(support.SandboxCase):

    def old(self, home="/home/vpopmail"):
        server = OldServer(os.path.join(self.directory, "old"), home)
        self.bob = server.add("bob")
        server.message(f"{self.bob}/Maildir")
        server.message(server.maildir(f"{self.bob}/Maildir/.Work"), 2, BODY + b"two\n")
        return server

    def move(self, old, new=None, name=NAME):
        """By archives: dump, apply, nothing to do, whole; then the same text again from there."""
        new = new or self.server("new")
        mail, again = (os.path.join(self.directory, part) for part in ("mail", "again"))
        file = os.path.join(self.directory, "d.toml")
        self.dumped = self.check_exit(old.vstate("dump", name, "--mail", mail, "-o", file))
        self.check_exit(new.vstate("apply", file, "--mail", mail))
        self.check_nothing_to_do(new, file, "--mail", mail)
        self.check_exit(new.vstate("verify", file, "--mail", mail, "--deep"))
        second = os.path.join(self.directory, "second.toml")
        self.check_exit(new.vstate("dump", name, "--mail", again, "-o", second))
        with open(file) as one, open(second) as two:
            self.assertEqual(one.read(), two.read())
        return new

    def check_moved(self, old):
        new = self.move(old)
        self.assertEqual(bodies(new.domain(NAME)), [BODY, BODY + b"two\n"])
        pulled = self.server("pulled")
        self.check_exit(pulled.vstate("pull", old.root, NAME))
        self.assertEqual(bodies(pulled.domain(NAME)), [BODY, BODY + b"two\n"])
        again = self.check_exit(pulled.vstate("pull", old.root, NAME, "--prune", "--yes"))
        self.assertIn("0 added, 0 changed, 0 deleted", again.out + again.err)
        return new


def moved_part(part, target, link=None):
    def test(self):
        old = self.old()
        path = {"domain": old.dom, "domains": f"{old.home}/domains", "home": self.bob,
                "maildir": f"{self.bob}/Maildir", "folder": f"{self.bob}/Maildir/.Work",
                "vpopmail": old.home, "cur": f"{self.bob}/Maildir/cur"}[part]
        old.build()
        old.move(path, target, link)
        old.own()
        self.check_moved(old)
    return test


class SourceLinks(LinksCase):
    """Each level of the path may be a link to a directory, absolute or relative."""

    test_domain = moved_part("domain", "/data/elsewhere")
    test_domain_relative = moved_part("domain", "/home/vpopmail/disk2/d", "../disk2/d")
    test_domains = moved_part("domains", "/data/domains")
    test_home = moved_part("home", "/data2/bob")
    test_home_relative = moved_part("home", "/home/vpopmail/disk2/bob", "../../disk2/bob")
    test_maildir = moved_part("maildir", "/data2/bob")
    test_maildir_in_home = moved_part("maildir", "/home/vpopmail/domains/example.com/bob/mail",
                                      "mail")
    test_folder = moved_part("folder", "/data2/work")
    test_cur = moved_part("cur", "/data2/cur")
    test_renamed_home_of_vpopmail = moved_part("vpopmail", "/data/vpopmail")

    def test_bucket(self):
        old = self.old()
        carl = old.add("carl", where=f"{old.dom}/0/carl")
        old.message(f"{carl}/Maildir", 3, b"Subject: c\n\n")
        old.build()
        old.move(f"{old.dom}/0", "/data2/zero")
        old.own()
        new = self.move(old)
        self.assertEqual(bodies(new.domain(NAME, "carl")), [b"Subject: c\n\n"])

    def test_home_named_by_its_real_place(self):
        old = self.old()
        old.build()
        old.move(self.bob, "/data2/bob")
        old.rows = [row.replace(f":{self.bob}:", ":/data2/bob:") for row in old.rows]
        old.write_accounts()
        old.own()
        self.check_moved(old)
        self.assertIn("bob: its home is outside", self.dumped.err)

    def test_spellings(self):
        for number, spelt in enumerate((
                "/home/vpopmail/domains/example.com/", "/home/vpopmail//domains/./example.com",
                "/home/old/domains/example.com")):
            with self.subTest(spelt):
                old = OldServer(os.path.join(self.directory, f"old{number}"))
                bob = old.add("bob", home=f"{spelt.rstrip('/')}//bob/")
                old.message(f"{bob}/Maildir")
                old.write(f"{bob}/.qmail", f"{spelt.rstrip('/')}/bob/Maildir/\n", mode=0o600)
                old.write(f"{old.dom}/.qmail-info", f"{spelt.rstrip('/')}/bob/Maildir/\n",
                          mode=0o600)
                old.build([f"+{NAME}-:{NAME}:{support.OWNER[0]}:{support.OWNER[1]}:{spelt}:-::"])
                old.link("vpopmail", "/home/old")
                new = self.server(f"new{number}")
                file = os.path.join(self.directory, f"{number}.toml")
                mail = os.path.join(self.directory, f"mail{number}")
                self.check_exit(old.vstate("dump", NAME, "--mail", mail, "-o", file))
                with open(file) as text:
                    self.assertNotIn("/home/", text.read())
                self.check_exit(new.vstate("apply", file, "--mail", mail))
                self.check_exit(new.vstate("verify", file, "--mail", mail))
                place = f"{new.directory_of(NAME)}/bob/Maildir/\n".encode()
                self.assertEqual(new.read(f"{new.directory_of(NAME)}/bob/.qmail"), place)
                self.assertEqual(new.read(f"{new.directory_of(NAME)}/.qmail-info"), place)

    def test_links_that_lead_nowhere_are_named(self):
        old = self.old()
        eve = old.add("eve")
        old.message(f"{eve}/Maildir", 3)
        old.build()
        old.link("/not/mounted", f"{self.bob}/Maildir/.Lost")
        old.link("../../eve/Maildir", f"{self.bob}/Maildir/.Hers")
        old.link("..", f"{self.bob}/Maildir/.Circle")
        old.link(".Loop", f"{self.bob}/Maildir/.Loop")
        old.own()
        file, mail = (os.path.join(self.directory, part) for part in ("d.toml", "mail"))
        dumped = old.vstate("dump", NAME, "--mail", mail, "-o", file)
        self.check_exit(dumped, 2)
        for name, why in ((".Lost", "where nothing is"), (".Hers", "in the home of mailbox eve"),
                          (".Circle", "in itself"), (".Loop", "in a circle")):
            self.assertRegex(dumped.err, rf"left out: mail\.bob: Maildir/\{name}: .*{why}")
        new = self.server("new")
        self.check_exit(new.vstate("apply", file, "--mail", mail))
        verified = new.vstate("verify", file, "--mail", mail)
        self.check_exit(verified, 2)
        self.assertIn(".Lost", verified.out)
        self.assertNotIn("is whole", verified.out)

    def test_links_within_a_mailbox_stay_links(self):
        old = self.old()
        old.build()
        old.link(".Work", f"{self.bob}/Maildir/.Same")
        old.link(f"{self.bob}/Maildir/.Work", f"{self.bob}/Maildir/.Absolute")
        old.own()
        new = self.move(old)
        for name in (".Same", ".Absolute"):
            self.assertEqual(os.readlink(new.domain(NAME, "bob", "Maildir", name)), ".Work")

    def test_alias_domain_as_link_or_second_line(self):
        for name, directory in (("link.example", None), ("line.example", "real")):
            with self.subTest(name):
                old = OldServer(os.path.join(self.directory, name))
                old.message(f"{old.dom}/postmaster/Maildir")
                owner = f"{support.OWNER[0]}:{support.OWNER[1]}"
                place = old.dom if directory else f"{old.home}/domains/{name}"
                if not directory:
                    old.link(NAME, place)
                old.build([f"+{NAME}-:{NAME}:{owner}:{old.dom}:-::",
                           f"+{name}-:{name}:{owner}:{place}:-::"])
                out = os.path.join(self.directory, name + ".all")
                self.check_exit(old.vstate("dump", "--all", "-o", out + "/"))
                self.assertEqual(sorted(os.listdir(out)), [f"{NAME}.toml", "server.toml"])
                with open(os.path.join(out, f"{NAME}.toml")) as file:
                    self.assertEqual(support.load_toml(file.read())["domain"]["aliases"], [name])


class TargetLinks(LinksCase):
    """A link that is there stays and is used."""

    def check_used(self, part, target):
        old = self.old().build()
        new = self.server("new")
        first = os.path.join(self.directory, "first.toml")
        self.check_exit(old.vstate("dump", NAME, "-o", first))
        self.check_exit(new.vstate("apply", first))
        path = f"{new.directory_of(NAME)}/{part}"
        support.make_directories(os.path.dirname(new.at(target)))
        os.rename(new.at(path), new.at(target))
        os.symlink(target, new.at(path))
        for place in (new.at("/data"), new.at(path)):
            support.give(place)
        self.move(old, new)
        self.assertTrue(os.path.islink(new.at(path)))
        return new

    def test_home(self):
        new = self.check_used("bob", "/data/bob")
        self.assertEqual(bodies(new.at("/data/bob")), [BODY, BODY + b"two\n"])

    def test_maildir(self):
        new = self.check_used("bob/Maildir", "/data/mail")
        self.assertEqual(bodies(new.at("/data/mail")), [BODY, BODY + b"two\n"])

    def test_domains(self):
        new = self.server("new")
        os.makedirs(new.at("/data"))
        os.rename(new.at("/srv/vpop/domains"), new.at("/data/domains"))
        os.symlink("/data/domains", new.at("/srv/vpop/domains"))
        self.move(self.old().build(), new)
        self.assertEqual(bodies(new.at("/data/domains")), [BODY, BODY + b"two\n"])


class OneJudge(LinksCase):
    """Plan and apply decide alike about a link of the mail that its source changed."""

    def run_case(self, here, wanted, words):
        old = self.old()
        old.link("cur", f"{self.bob}/Maildir/active")
        old.build()
        old.own()
        new = self.server("new")

        def dumped(name):
            path, mail = (os.path.join(self.directory, part) for part in (name + ".toml", name))
            self.check_exit(old.vstate("dump", NAME, "--mail", mail, "-o", path))
            return [path, "--mail", mail]

        self.check_exit(new.vstate("apply", *dumped("one")))
        link = new.domain(NAME, "bob/Maildir/active")
        self.assertEqual(os.readlink(link), "cur")
        os.unlink(link)
        if here:
            os.symlink(here, link)
        os.unlink(old.at(f"{self.bob}/Maildir/active"))
        old.link("new", f"{self.bob}/Maildir/active")
        old.own()
        two = dumped("two")
        self.assertIn(words, self.check_exit(new.vstate("plan", *two)).out)
        self.assertIn(words, self.check_exit(new.vstate("apply", "-v", *two)).out)
        self.assertEqual(os.readlink(link) if os.path.lexists(link) else "", wanted)
        self.check_nothing_to_do(new, *two)

    def test_untouched_here(self):
        self.run_case("cur", "new", "replaces Maildir/active")

    def test_changed_here(self):
        self.run_case("tmp", "tmp", "kept: Maildir/active")

    def test_deleted_here(self):
        self.run_case("", "", "Nothing to do")


if __name__ == "__main__":
    support.main()
