"""verify finds each thing that a real server stumbles over although every file says what it should:
what a program may not read, write, enter, or run. Each fault is planted on a whole server, found
with its domain or address and exit 2, and undone, after which verify says that the domain is
whole."""

import os
import shutil

import support
from support import domain_text, mailbox_text, needs_root

NAME, ALIAS, OTHER = "example.com", "example.net", "other.example"
DEFAULT = "default = [\"| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox\"]"
MORE = ('[alias.sales]\ndeliver = ["&alice@example.com", "&s@out.example"]\n'
        '[alias.prog]\ndeliver = ["|/opt/tool arg"]\n'
        '[alias.any-default]\ndeliver = ["&any@out.example"]\n'
        + mailbox_text("own", more='deliver = ["|/opt/filter", "./Maildir/"]')
        + mailbox_text("closed", more='disable = ["delivery"]')
        + mailbox_text("fwd", more='deliver = ["&fwd@out.example"]'))
USERS = {"qmaild": (7791, 2107), "qmails": (7796, 2108), "qmailp": (7793, 2107)}


@needs_root
class VerifyLiveTest(support.SandboxCase):
    def setUp(self):
        self.target = self.server()
        passwd = self.target.read("/etc/passwd").decode()
        self.target.write("/etc/passwd", passwd + "".join(
            f"{name}:x:{uid}:{gid}::/var/qmail:/bin/sh\n" for name, (uid, gid) in USERS.items()))
        for program in ("/opt/tool", "/opt/filter"):
            self.target.write(program, "#!/bin/sh\n", mode=0o755)
        head = f'aliases = ["{ALIAS}"]\n{DEFAULT}'
        self.toml = self.file("d.toml",
                              domain_text(NAME, ["postmaster", "alice", "bob"], MORE, head))
        self.apply(self.target, self.toml)
        self.check_whole()

    def check_whole(self):
        done = self.check_exit(self.target.vstate("verify", self.toml))
        self.assertIn(f"{NAME} is whole", done.out)

    def check_found(self, expected, lines=None):
        """The lines about the fault; all begin with the domain or one of its addresses."""
        done = self.check_exit(self.target.vstate("verify", self.toml), 2)
        self.assertNotIn("is whole", done.out)
        self.assertIn(expected, done.out)
        found = [line[4:] for line in done.out.splitlines() if line.startswith("  ! ")]
        for line in found:
            self.assertRegex(line, rf"^(\S+@({NAME}|{ALIAS})( and [\d,]+ more)?|{NAME}): ",
                             done.out)
        if lines is not None:
            self.assertEqual(len(found), lines, done.out)
        return found

    def shut(self, place, mode=0o600, owner=(0, 0)):
        """Plants: another mode and owner. Returns what undoes it."""
        was = os.stat(place)
        os.chown(place, *owner)
        os.chmod(place, mode)

        def undo():
            os.chown(place, was.st_uid, was.st_gid)
            os.chmod(place, was.st_mode & 0o7777)
        return undo

    def check_shut(self, place, expected, mode=0o600, owner=(0, 0), lines=None):
        undo = self.shut(place, mode, owner)
        found = self.check_found(expected, lines)
        undo()
        self.check_whole()
        return found

    def home(self, *below):
        return self.target.domain(NAME, *below)

    def test_dot_qmail_default_of_root(self):
        """qmail-local defers all mailboxes; aliases still work."""
        found = self.check_shut(self.home(".qmail-default"),
                                ".qmail-default cannot be read by uid 89")
        self.assertFalse([line for line in found if line.startswith("sales@")])

    def test_maildir_parts(self):
        for part in ("new", "cur", "tmp"):
            for mode, owner in ((0o500, support.OWNER), (0o700, (0, 0)), (0o600, support.OWNER)):
                with self.subTest(part=part, mode=mode, owner=owner):
                    self.check_shut(self.home("alice/Maildir", part),
                                    f"alice/Maildir/{part} cannot be written to", mode, owner)

    def test_users_cdb(self):
        """qmail-lspawn reads it as root, vdelivermail as the owner: it then knows no domain."""
        self.check_shut(self.target.users("cdb"), "/var/qmail/users/cdb cannot be read by uid 89")
        self.check_shut(self.target.users(""), "/var/qmail/users cannot be entered by uid 89",
                        0o700)

    def test_users_cdb_with_a_catch_all_that_takes_everything(self):
        """Nothing bounces, and all mail of mailboxes is dropped."""
        text = DEFAULT.replace("bounce-no-mailbox", "delete")
        self.toml = self.file("delete.toml", domain_text(NAME, ["postmaster", "alice"], "", text))
        self.apply(self.target, "--prune", "--yes", self.toml)
        undo = self.shut(self.target.users("cdb"))
        self.check_found("its mail is treated as an unknown user's")
        undo()

    def test_control_files(self):
        for name, who in (("rcpthosts", "qmaild"), ("me", "qmaild"), ("virtualdomains", "qmails"),
                          ("locals", "qmails")):
            with self.subTest(name=name):
                found = self.check_shut(self.target.control(name),
                                        f"control/{name} cannot be read by {who}")
                self.assertRegex("\n".join(found), r"(?m)^\S+@\S+ and \d+ more: deferred: qmail-")
        self.check_shut(self.target.control(""), "control cannot be entered by qmaild", 0o700)

    def test_morercpthosts(self):
        hosts = "".join(f"h{number:03}.example\n" for number in range(60))
        self.target.write(self.target.control("rcpthosts"), hosts)
        self.apply(self.target, self.toml)
        self.check_whole()
        self.check_shut(self.target.control("morercpthosts.cdb"),
                        "morercpthosts.cdb cannot be read by qmaild")

    def test_directories_above(self):
        for path in (self.target.home, self.target.home + "/domains", "/srv"):
            with self.subTest(path=path):
                self.check_shut(self.target.at(path), f"{path} cannot be entered by uid 89", 0o700)

    def test_domain_directory(self):
        self.check_shut(self.home(), "sticky or writable for everybody", 0o1700, support.OWNER)
        self.check_shut(self.home(), "sticky or writable for everybody", 0o777, support.OWNER)
        self.check_shut(self.home(), "example.com cannot be written to by uid 89", 0o755)

    def test_home(self):
        self.check_shut(self.home("alice"), "example.com/alice cannot be entered by uid 89", 0o700)

    def test_vpasswd_lock(self):
        self.check_shut(self.home(".vpasswd.lock"), ".vpasswd.lock cannot be written to by uid 89",
                        lines=1)

    def test_vpasswd(self):
        self.check_shut(self.home("vpasswd"), "vpasswd cannot be read by uid 89")
        self.check_shut(self.home("vpasswd.cdb"), "vpasswd.cdb cannot be read by uid 89")

    def test_dangling_alias_link(self):
        place = self.home(".qmail-sales")
        os.rename(place, place + ".kept")
        os.symlink(self.home("nothing"), place)
        self.check_found("sales@example.com")
        os.unlink(place)
        os.rename(place + ".kept", place)
        self.check_whole()

    def test_alias_of_root(self):
        self.check_shut(self.home(".qmail-sales"), ".qmail-sales cannot be read by uid 89", lines=1)
        self.check_shut(self.home(".qmail-any-default"),
                        ".qmail-any-default cannot be read by uid 89")
        self.check_shut(self.home(".qmail-sales"), ".qmail-sales is writable for everybody", 0o602,
                        support.OWNER)

    def test_programs(self):
        for program, address in (("/opt/tool", "prog@example.com"),
                                 ("/opt/filter", "own@example.com"),
                                 (self.target.home + "/bin/vdelivermail", "alice@example.com")):
            with self.subTest(program=program):
                place = self.target.at(program)
                found = self.check_shut(place, f"{program} cannot be executed by uid 89", 0o700)
                self.assertTrue([line for line in found if line.startswith(address)], found)
                self.check_shut(place, f"{program} cannot be executed by uid 89", 0o644,
                                support.OWNER)
                os.rename(place, place + ".kept")
                self.check_found(f"{program} does not exist")
                os.rename(place + ".kept", place)
                self.check_whole()

    def test_catch_all(self):
        """A catch-all that runs nothing, or in a circle; one that bounces is as it should be."""
        for action, expected in (("/nonexistent/box", "/nonexistent does not exist"),
                                 ("nobody-at-all@example.com", "loops"),
                                 ("", "it is given 1 argument")):
            with self.subTest(action=action):
                line = DEFAULT.replace("'' bounce-no-mailbox", f"'' {action}".strip())
                toml = self.file("catch.toml", domain_text(NAME, ["alice"], "", line))
                server = self.server(f"catch{len(expected)}")
                self.apply(server, toml)
                done = self.check_exit(server.vstate("verify", toml), 2)
                self.assertIn(expected, done.out)
                self.assertIn("*@example.com: mail for unknown users", done.out)

    def test_list_links(self):
        text = ('[list.news]\nsubscribers = ["a@out.example"]\n'
                '[list.news.files]\neditor = "|/opt/tool send\\n"\nmanager = "|/opt/tool '
                'manage\\n"\n[list.news.links]\n"" = "editor"\n"-default" = "manager"\n')
        self.toml = self.file("list.toml", domain_text(NAME, ["alice"], text, DEFAULT))
        server = self.target = self.server("lists")
        server.write("/opt/tool", "#!/bin/sh\n", mode=0o755)
        self.apply(server, self.toml)
        self.check_whole()
        for name in ("editor", "manager"):
            with self.subTest(name=name):
                self.check_shut(self.home("news", name), f"news/{name} cannot be read by uid 89")
        os.rename(self.home("news"), self.home("elsewhere"))
        found = "\n".join(self.check_found("news@example.com: "))
        self.assertIn("news-vstate-looks-for-nobody@example.com", found)

    def test_lists_and_robots_of_root(self):
        """What ezmlm's programs, autorespond and vdelivermail read as the owner."""
        text = ('[list.news]\nsubscribers = ["a@out.example"]\n'
                '[list.news.files]\neditor = "|/opt/tool send\\n"\n[list.news.links]\n"" = '
                '"editor"\n[autoresponder.robot]\nmessage = "gone\\n"\nprogram = '
                '"/opt/tool"\nlimit = { replies = 3, seconds = 100 }\n'
                + mailbox_text("away", more='deliver = ["./Maildir/"]\nvacation = "away\\n"'))
        self.toml = self.file("all.toml", domain_text(NAME, ["alice"], text, DEFAULT))
        server = self.target = self.server("all")
        server.write("/opt/tool", "#!/bin/sh\n", mode=0o755)
        self.apply(server, self.toml)
        self.check_whole()
        bucket = os.listdir(self.home("news/subscribers"))[0]
        for path, expected in (("news/lock", "news/lock cannot be written to by uid 89"),
                               ("news/subscribers", "news/subscribers cannot be entered by uid 89"),
                               (f"news/subscribers/{bucket}", f"{bucket} cannot be read by uid 89"),
                               ("ROBOT", "ROBOT cannot be entered by uid 89"),
                               ("ROBOT/message", "message cannot be read by uid 89"),
                               ("away/.qmail", ".qmail cannot be read by uid 89"),
                               ("away/vacation/message", "message cannot be read by uid 89")):
            with self.subTest(path=path):
                self.check_shut(self.home(path), expected)
        os.rename(self.home("ROBOT/message"), self.home("ROBOT/away"))
        self.check_found("ROBOT/message does not exist")

    def test_mail_thrown_away(self):
        server = self.target = self.server("thrown")
        self.apply(server, self.toml)
        place = self.home(".qmail-default")
        with open(place, "r+", encoding="utf-8") as file:
            file.truncate()
            file.write("|exit 99\n")
        self.check_found("its mail is thrown away")

    def test_what_somebody_changed_here_is_named(self):
        """It is no fault, and not silently whole either."""
        server = self.target = self.server("changed")
        toml = self.file("c.toml",
                         domain_text(NAME, ["alice"], '[alias.one]\ndeliver = ["&a@out.example"]\n'
                                     '[alias.two]\ndeliver = ["&b@out.example"]\n', DEFAULT))
        self.apply(server, toml)
        os.unlink(self.home(".qmail-one"))
        with open(self.home(".qmail-two"), "w", encoding="utf-8") as file:
            file.write("&c@out.example\n")
        done = self.check_exit(server.vstate("verify", toml))
        self.assertIn("  = alias one was removed here after the last apply; kept", done.out)
        self.assertRegex(done.out, "  = alias two .*changed here after the last apply; kept")
        self.assertIn("is whole but for what was changed here", done.out)

    def test_password(self):
        """A hash that this crypt(3) cannot check opens nothing."""
        server = self.server("passwords")
        self.apply(server, self.file("p.toml", domain_text(NAME, ["alice", "locked"], "", DEFAULT)))
        toml = self.file("q.toml",
                         domain_text(NAME, ["alice"],
                                     mailbox_text("locked", "$9$nosuchsalt$nosuchscheme"), DEFAULT))
        done = self.check_exit(server.vstate("verify", toml), 2)
        self.assertIn("locked@example.com: this server's crypt(3) does not accept its hash",
                      done.out)

    def test_absent_domain_is_one_line(self):
        toml = self.file("o.toml",
                         domain_text(OTHER, [f"box{number}" for number in range(300)], "", DEFAULT))
        done = self.check_exit(self.target.vstate("verify", toml), 2)
        self.assertEqual([line for line in done.out.splitlines() if "!" in line],
                         [f"  ! {OTHER}: there is no such domain on this server; apply makes it"])

    def test_domain_directory_gone(self):
        os.rename(self.home(), self.home() + ".gone")
        self.assertLess(len(self.check_found(NAME)), 40)
        os.rename(self.home() + ".gone", self.home())
        self.check_whole()

    def test_two_domains(self):
        """Each line names its domain; the whole one is said to be whole."""
        toml = self.file("o.toml", domain_text(OTHER, ["zoe"], "", DEFAULT))
        self.apply(self.target, toml)
        undo = self.shut(self.target.domain(OTHER, "zoe/Maildir/new"), 0o500, support.OWNER)
        done = self.check_exit(self.target.vstate("verify", self.toml, toml), 2)
        self.assertIn(f"{NAME} is whole", done.out)
        self.assertRegex(done.out, rf"(?m)^  ! zoe@{OTHER}: ")
        undo()

    def test_home_by_another_name(self):
        """A home behind a link is the same place, and it is reached."""
        shutil.move(self.home("alice"), self.target.at("/data-alice"))
        os.symlink("/data-alice", self.home("alice"))
        self.assertEqual(self.target.vstate("route", "alice@example.com").code, 0)


if __name__ == "__main__":
    support.main()
