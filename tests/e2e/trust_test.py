"""Root trusts nobody: what is written in an account, a link, a list or a delivery line by somebody
who is not root leads nowhere with root's rights, in no command, on neither side."""

import os
import sqlite3
import subprocess
import tarfile
import unittest

import support
from support import databases, domain_text
from support.archives import write_archive

NAME = "example.com"
OTHER = "other.example"
SOMEBODY = (1000, 1000)
CANARY = b"canary-that-vpopmail-may-not-read"
BODY = b"Subject: hello\n\nhi\n"
MESSAGE = "1700000000.1.old:2,S"


def tearDownModule():
    databases.close_all()


def snapshot(*places):
    """What stands below some directories: owner, mode, and what is in it."""
    seen = {}
    for start in places:
        for place, directories, files in os.walk(start):
            for path in [place, *(os.path.join(place, name) for name in directories + files)]:
                info = os.lstat(path)
                content = None
                if os.path.islink(path):
                    content = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        content = file.read()
                seen[path] = (info.st_uid, info.st_gid, info.st_mode, content)
    return seen


def change_home(server, kind, name, home):
    """As somebody who may write to vpasswd, or to the table, does it."""
    if kind == "sqlite":
        with sqlite3.connect(server.at(f"{server.home}/domains/_vpopmail.sqlite")) as connection:
            connection.execute("UPDATE vpopmail SET pw_dir = ? WHERE pw_name = ? AND pw_domain = ?",
                               (home, name, NAME))
        return
    if kind != "cdb":
        server.database.sql(server.schema, f"UPDATE vpopmail SET pw_dir = '{home}' "
                            f"WHERE pw_name = '{name}' AND pw_domain = '{NAME}'")
        return
    path = f"{server.directory_of(NAME)}/vpasswd"
    lines = [line.split(":") for line in server.read(path).decode().splitlines()]
    for fields in lines:
        if fields[0] == name:
            fields[5] = home
    server.write(path, "\n".join(map(":".join, lines)) + "\n", 0o600, support.OWNER)


#: Paths that no [[file]] may have, whatever it is.
HOSTILE_PATHS = (
    "..", "../x", "/etc/x", "x/../../y", "./x", "x//y", "x/", "/", ".", "", "{domain}/x",
    "{domain}/../x", "{vpopmail}/x", "{qmail}/control/x", "{mailbox:postmaster}/../x",
    "{mailbox:postmaster}/", "{mailbox:nobody}/x", "{mailbox:postmaster}/Maildir/new/x",
    "{mailbox:postmaster}/Maildir", "{byte:2f}etc/x", "..{byte:2f}x", "a{byte:00}b", ".vstate-x",
    ".vstate-dir-control", "vpasswd", "vpasswd.cdb", "vpasswd/x", "vpasswd.bak.7", ".vpasswd.lock",
    ".qmail-default", ".qmail-default/x", ".qmailadmin-limits", ".dir-control", ".dir-control.7",
    ".dir_control_free", "cdb.tmp", "{mailbox:postmaster}/.qmail", "{mailbox:postmaster}/lastauth",
    "news/lock")
CONTENTS = ('text = "x"', 'link = "x"', "directory = true", 'base64 = "eA=="')
#: Members that no archive may have: name, type, link target.
HOSTILE_MEMBERS = (
    ("../x", tarfile.REGTYPE, ""), ("/etc/x", tarfile.REGTYPE, ""),
    ("x/../../y", tarfile.REGTYPE, ""), ("n" * 256, tarfile.REGTYPE, ""),
    ("x/" + "n" * 300, tarfile.REGTYPE, ""), ("fifo", tarfile.FIFOTYPE, ""),
    ("null", tarfile.CHRTYPE, ""), ("sda", tarfile.BLKTYPE, ""), ("..", tarfile.DIRTYPE, ""),
    ("../d", tarfile.DIRTYPE, ""), ("/d", tarfile.DIRTYPE, ""),
    ("hard", tarfile.LNKTYPE, "/etc/shadow"), ("hard", tarfile.LNKTYPE, "../../vpasswd"),
    ("hard", tarfile.LNKTYPE, "nothing"), ("soft", tarfile.SYMTYPE, ""),
    ("../soft", tarfile.SYMTYPE, "x"), ("/soft", tarfile.SYMTYPE, "x"))


class HostileFileTest(support.SandboxCase):
    """Whatever a domain's file or its archive says: an error with its place, and nothing is
    changed."""

    def test_paths(self):
        server = self.server("new")
        before = snapshot(server.root)
        lists = "\n[list.news]\nfiles = { editor = 'x' }\n"
        for path in HOSTILE_PATHS:
            for content in CONTENTS:
                with self.subTest(path=path, content=content):
                    file = self.file("domain.toml", domain_text(mailboxes=("postmaster",)) + lists
                                     + f"\n[[file]]\npath = '{path}'\n{content}\n")
                    for command in ("check", "apply"):
                        outcome = self.check_exit(server.vstate(command, file), 1)
                        self.assertRegex(outcome.err, r"domain\.toml:\d+:\d+: ")
        self.assertEqual(before, snapshot(server.root))

    def test_members(self):
        server = self.server("new")
        places = [server.at(place) for place in ("/etc", "/srv", "/var/qmail")]
        before = snapshot(*places)
        for name, kind, target in HOSTILE_MEMBERS:
            for box in ("mailbox", "domain"):
                with self.subTest(name=name[:9], kind=kind, target=target, box=box):
                    with tarfile.open(os.path.join(self.directory, "a.tar"), "w",
                                      format=tarfile.PAX_FORMAT) as tar:
                        info = tarfile.TarInfo(name)
                        info.type, info.linkname = kind, target
                        tar.addfile(info)
                    part = f'{{ archive = "a.tar", sha256 = "{"0" * 64}" }}'
                    text = domain_text(mailboxes=("postmaster",))
                    text = (text.replace("[domain]\n", f"[domain]\narchive = {part}\n", 1)
                            if box == "domain" else
                            text + f"\n[mailbox.bob]\npassword = ''\nmail = {part}\n")
                    outcome = self.check_exit(server.vstate("apply",
                                                            self.file("domain.toml", text)), 1)
                    self.assertIn("a.tar: entry ", outcome.err)
        self.assertEqual(before, snapshot(*places))


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class TrustTest(support.SandboxCase):
    def world(self, kind):
        """A server with two domains of vpopmail's, a person with a home of their own, and /etc."""
        name = f"{kind}-{len(os.listdir(self.directory))}"
        server = self.server(name) if kind == "cdb" else databases.mail_server(self, name, kind)
        boxes = ("postmaster", "alice", "bob")
        self.apply(server, self.file("one.toml", domain_text(mailboxes=boxes)))
        self.apply(server, self.file("two.toml",
                                     domain_text(OTHER, mailboxes=("postmaster", "bob"))))
        for box in boxes:
            server.write(self.home_of(server, box) + f"/Maildir/cur/{MESSAGE}", BODY, 0o600,
                         support.OWNER)
        server.write(f"{server.directory_of(OTHER)}/bob/Maildir/cur/{MESSAGE}", BODY, 0o600,
                     support.OWNER)
        server.write("/etc/shadow", CANARY, 0o600)
        server.write("/etc/deep/secret", CANARY, 0o600)
        for path in ("Maildir/new/1700000000.2.own", "Maildir/cur/x", "Maildir/tmp/x",
                     "vacation/message", "private", "subscribers/A", "editor", "lock", ".qmail",
                     "lastauth"):
            server.write(f"/home/carol/{path}", CANARY, 0o600, SOMEBODY)
        for place, _, _ in os.walk(server.at("/home/carol")):
            os.chown(place, *SOMEBODY)
            os.chmod(place, 0o700)
        return server

    @staticmethod
    def home_of(server, box):
        return f"{server.directory_of(NAME)}/{box}"

    def dump_bytes(self, place):
        """All that a dump wrote, unpacked."""
        text = b""
        for parent, _, files in os.walk(place):
            for name in files:
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    text += file.read()
                if name.endswith(".zst"):
                    text += subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE,
                                           check=True).stdout
        return text

    def check_all(self, server, title):
        """Every command, with all that it may be told to do; what is outside stays as it is."""
        outside = [server.at("/etc"), server.at("/home"), server.at(server.directory_of(OTHER))]
        before = snapshot(*outside)
        source = self.server(f"source-{len(os.listdir(self.directory))}")
        text = domain_text(mailboxes=("postmaster", "alice", "bob")).replace("alice", "alice")
        more = '[[file]]\npath = "{mailbox:alice}/note"\ntext = "x"\n'
        file = self.file("wanted.toml", text + more)
        self.apply(source, file)
        source.write(f"{source.directory_of(NAME)}/alice/Maildir/cur/1700000000.9.new:2,S", BODY,
                     0o600, support.OWNER)
        small = self.file("small.toml", domain_text(mailboxes=("postmaster", "bob")))
        out = os.path.join(self.directory, f"out-{len(os.listdir(self.directory))}")
        os.mkdir(out)
        onto = self.server(f"onto-{len(os.listdir(self.directory))}")
        mail = ("--mail", os.path.join(out, "mail"))
        for command in (("plan", file),
                        ("dump", NAME, *mail, "-o", os.path.join(out, "domain.toml")),
                        ("apply", "--yes", file), ("verify", file), ("pull", source.root, NAME),
                        ("pull", "--prune", "--yes", source.root, NAME), ("route", f"alice@{NAME}"),
                        ("plan", "--prune", "--max-delete", "9", small),
                        ("apply", "--prune", "--yes", "--max-delete", "9", small)):
            outcome = server.vstate(*command)
            self.assertNotIn(CANARY.decode(), outcome.out + outcome.err, (title, command))
            self.assertIn(outcome.code, (0, 2, 3), (title, command, outcome))
            self.assertEqual(before, snapshot(*outside), (title, command))
        self.check_exit(onto.vstate("plan", os.path.join(out, "domain.toml"), *mail))
        self.assertNotIn(CANARY, self.dump_bytes(out), title)

    def test_homes(self):
        """A home field is whatever somebody wrote there."""
        for kind in ("cdb", "sqlite"):
            if kind == "sqlite" and kind not in databases.compiled():
                self.skipTest(f"{support.VSTATE} was built without {kind}")
            for home in ("/etc", "/home/carol", "/home", "/home/nobody",
                         "{domain}/../../../../home/carol", "{other}/bob", "{other}",
                         "{domain}/../other.example/bob", "/", "/var", "/var/lib",
                         "/var/lib/vstate"):
                with self.subTest(kind=kind, home=home):
                    server = self.world(kind)
                    place = home.format(domain=server.directory_of(NAME),
                                        other=server.directory_of(OTHER))
                    change_home(server, kind, "alice", place)
                    self.check_all(server, home)

    def check_homes_in(self, kind):
        for home in ("/etc", "{domain}/../../../../home/carol", "{other}/bob", "/var"):
            with self.subTest(home):
                server = self.world(kind)
                change_home(server, kind, "alice", home.format(domain=server.directory_of(NAME),
                                                               other=server.directory_of(OTHER)))
                self.check_all(server, home)

    def test_homes_in_mysql(self):
        """Somebody who may write to the table writes the home."""
        self.check_homes_in("mysql")

    def test_homes_in_pgsql(self):
        """Somebody who may write to the table writes the home."""
        # On kernels from 4.8 on, OpenSSL asks for nothing else in place of getrandom(2).
        if os.environ.get("VSTATE_ALL_DENIED"):
            self.skipTest("libpq takes its nonces from OpenSSL, which needs getrandom here")
        self.check_homes_in("pgsql")

    def test_links(self):
        """A link that the owner of the mail made, at each level, to each place."""
        directories = [(level, target)
                       for level in ("alice", "alice/Maildir", "alice/Maildir/cur",
                                     "alice/vacation", ".")
                       for target in ("/etc", "/home/carol", "{other}/bob")]
        files = [(level, target)
                 for level in (".qmail-default", ".qmail-sales", "alice/.qmail",
                               "alice/vacation/message", "alice/lastauth",
                               "alice/Maildir/shared-maildirs", ".qmailadmin-limits",
                               "alice/Maildir/maildirsize", "alice/Maildir/dovecot-uidlist",
                               "vpasswd")
                 for target in ("/etc/shadow", "/home/carol/private")]
        for level, target in directories + files:
            with self.subTest(level=level, target=target):
                server = self.world("cdb")
                place = server.at(os.path.normpath(f"{server.directory_of(NAME)}/{level}"))
                if os.path.exists(place):
                    os.rename(place, server.at("/var/away"))
                if not os.path.isdir(os.path.dirname(place)):
                    os.mkdir(os.path.dirname(place), 0o700)
                    support.give(os.path.dirname(place))
                os.symlink(target.format(other=server.directory_of(OTHER)), place)
                os.lchown(place, *support.OWNER)
                outside = [server.at("/etc"), server.at("/home"),
                           server.at(server.directory_of(OTHER))]
                before = snapshot(*outside)
                file = self.file("wanted.toml",
                                 domain_text(mailboxes=("postmaster", "alice", "bob")))
                small = self.file("small.toml", domain_text(mailboxes=("postmaster", "bob")))
                out = os.path.join(self.directory, f"out-{len(os.listdir(self.directory))}")
                os.mkdir(out)
                for command in (("dump", NAME, "--mail", out, "-o", f"{out}/domain.toml"),
                                ("apply", "--yes", file), ("verify", file),
                                ("apply", "--prune", "--yes", "--max-delete", "9", small)):
                    outcome = server.vstate(*command)
                    self.assertNotIn(CANARY.decode(), outcome.out + outcome.err, (level, command))
                    self.assertEqual(before, snapshot(*outside), (level, target, command))
                self.assertNotIn(CANARY, self.dump_bytes(out), level)

    def test_list_elsewhere(self):
        """A link of the owner's says where a list is."""
        for target in ("/home/carol/editor", "/etc/deep/editor"):
            with self.subTest(target):
                server = self.world("cdb")
                for path in ("subscribers/A", "editor", "lock"):
                    server.write(f"/etc/deep/{path}", CANARY, 0o600)
                link = server.at(f"{server.directory_of(NAME)}/.qmail-news")
                os.symlink(target, link)
                os.lchown(link, *support.OWNER)
                self.check_all(server, target)

    def archive(self, members):
        digest = write_archive(os.path.join(self.directory, "a.tar"), members)
        return f'{{ archive = "a.tar", sha256 = "{digest}" }}'

    def test_archives(self):
        """What vpopmail and vstate keep for themselves cannot come in an archive, and is named."""
        kept = ("vpasswd", "vpasswd.cdb", ".vpasswd.lock", ".qmail-default", ".qmailadmin-limits",
                ".dir-control", ".vstate-dir-control", "vpasswd.bak.1", "vpasswd/x")
        plain = domain_text(mailboxes=("postmaster", "alice"))
        clean = self.server("clean")
        self.apply(clean, self.file("clean.toml", plain))
        own = {".qmail-default", "vpasswd", "vpasswd.cdb", ".vpasswd.lock", ".dir-control"}
        for name in kept:
            with self.subTest(name):
                server = self.server(f"kept-{name.replace('/', '-')}")
                part = self.archive([(name, b"alice::0:0:::\n"), ("notes", b"mine")])
                file = self.file("domain.toml",
                                 plain.replace("[domain]\n", f"[domain]\narchive = {part}\n", 1))
                self.assertIn(f"{name}: a file of the mail server's own",
                              self.check_exit(server.vstate("plan", file)).out)
                self.check_exit(server.vstate("apply", file))
                self.check_exit(server.vstate("plan", "--detailed-exitcode", file))
                place = server.directory_of(NAME)
                self.assertEqual(server.read(f"{place}/notes"), b"mine")
                for other in own:
                    self.assertEqual(server.read(f"{place}/{other}").replace(place.encode(), b""),
                                     clean.read(f"{place}/{other}").replace(place.encode(), b""),
                                     other)
                self.assertFalse({entry for entry in os.listdir(server.at(place))
                                  if entry.startswith(".vstate")})
        part = self.archive([(".qmail", b"|id\n")])
        file = self.file("home.toml", plain + f"\n[mailbox.bob]\npassword = ''\nmail = {part}\n")
        server = self.server("home")
        self.check_exit(server.vstate("apply", file))
        self.assertFalse(os.path.exists(server.at(f"{server.directory_of(NAME)}/bob/.qmail")))

    def test_two_dumps_at_once(self):
        """Into one directory of archives: one after the other, or not at all; each file fits its
        archives."""
        server = self.world("cdb")
        mail = os.path.join(self.directory, "mail")
        for number in range(12):
            server.write(self.home_of(server, "alice")
                         + f"/Maildir/cur/17000001{number:02}.1.more:2,S", BODY, 0o600,
                         support.OWNER)
            files = [os.path.join(self.directory, f"{number}-{which}.toml") for which in "ab"]
            running = [subprocess.Popen([support.VSTATE, *server.options, "-q", "dump", NAME,
                                         "--mail", mail, "-o", file],
                                        stderr=subprocess.PIPE, env=support.environment())
                       for file in files]
            codes = []
            for process in running:
                said = process.communicate()[1].decode()
                codes.append(process.returncode)
                self.assertIn(process.returncode, (0, 75), said)
                if process.returncode == 75:
                    self.assertIn("another dump is writing into it; run it again later", said)
            self.assertIn(0, codes)
            for file, code in zip(files, codes):
                self.assertEqual(os.path.exists(file), code == 0)
                if code == 0:
                    onto = self.server(f"onto-{os.path.basename(file)}")
                    self.check_exit(onto.vstate("plan", file, "--mail", mail))

    def test_sparse_archive(self):
        """A few kilobytes that stand for a terabyte are refused before they are read."""
        server = self.server("new")
        with open(os.path.join(self.directory, "big"), "wb") as file:
            file.truncate(1 << 40)
        subprocess.run(["tar", "-S", "--format=posix", "-C", self.directory, "-cf",
                        os.path.join(self.directory, "a.tar"), "big"], check=True)
        for said in ("", "bytes = 100, "):
            part = f'{{ archive = "a.tar", {said}sha256 = "{"0" * 64}" }}'
            file = self.file("domain.toml", domain_text(mailboxes=("postmaster",))
                             + f"\n[mailbox.bob]\npassword = ''\nmail = {part}\n")
            outcome = self.check_exit(server.vstate("plan", file, timeout=20), 1)
            self.assertRegex(outcome.err, r'entry "big": more than \d+ bytes in all')

    def test_deep_plan(self):
        """What is deeper than any plan is refused, and does not run out of stack."""
        server = self.server("new")
        file = self.file("domain.toml", domain_text(mailboxes=("postmaster",)))
        saved = os.path.join(self.directory, "plan.json")
        self.check_exit(server.vstate("plan", "-o", saved, file))
        with open(saved, encoding="utf-8") as text:
            whole = text.read()
        for deep in ("[" * 300000 + "]" * 300000, '{"a":' * 300000 + "1" + "}" * 300000):
            with open(saved, "w", encoding="utf-8") as text:
                text.write(whole.replace('"only": []', f'"only": {deep}'))
            outcome = self.check_exit(server.vstate("apply", saved), 1)
            self.assertIn("is not a plan saved by vstate", outcome.err)

    def test_output(self):
        """Hashes are for the owner of the file alone, and an answer that nobody got is no
        success."""
        server = self.world("cdb")
        file = self.file("domain.toml", domain_text(mailboxes=("postmaster", "alice")))
        for command in (("export", "--to", "dovecot", file), ("dump", NAME)):
            path = os.path.join(self.directory, command[0])
            with open(path, "wb") as out:
                os.fchmod(out.fileno(), 0o644)
                subprocess.run([support.VSTATE, *server.options, *command], stdout=out, check=True,
                               stderr=subprocess.DEVNULL, env=support.environment())
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600, command)
        for command in (("plan", file), ("verify", file), ("route", f"alice@{NAME}"),
                        ("dump", NAME), ("schema",), ("export", "--to", "dovecot", file),
                        ("history",), ("--version",), ("--help",), ("dump", "--help")):
            with open("/dev/full", "wb") as out:
                done = subprocess.run([support.VSTATE, *server.options, *command], stdout=out,
                                      stderr=subprocess.PIPE, check=False,
                                      env=support.environment())
            self.assertEqual(done.returncode, 1, command)
            self.assertIn(b"standard output: cannot write", done.stderr, command)

    def test_named_homes(self):
        """--homes is the administrator's word for a place; without it nothing is made or mended
        there."""
        server = self.world("cdb")
        server.write("/disk2/alice/Maildir/cur/" + MESSAGE, BODY, 0o600)
        change_home(server, "cdb", "alice", "/disk2/alice")
        file = self.file("wanted.toml", domain_text(mailboxes=("postmaster", "alice", "bob")))
        self.assertIn("left as it is", self.check_exit(server.vstate("plan", file)).out)
        self.check_exit(server.vstate("apply", file))
        self.assertEqual(os.stat(server.at("/disk2/alice")).st_uid, 0)
        plan = self.check_exit(server.vstate("--homes", "/disk2", "plan", file))
        self.assertRegex(plan.out, r"~ repair +alice")
        self.check_exit(server.vstate("--homes", "/disk2", "apply", file))
        self.assertEqual(os.stat(server.at("/disk2/alice/Maildir/cur/" + MESSAGE)).st_uid,
                         support.OWNER[0])


if __name__ == "__main__":
    support.main()
