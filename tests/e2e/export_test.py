"""vstate export: what it writes for Dovecot logs the accounts in, by a real Dovecot over IMAP, from
the tables of MySQL and PostgreSQL and from a passwd-file; Postfix, LDIF, and CSV as text."""

import csv
import imaplib
import io
import json
import os
import re
import sqlite3

import support
from support import databases, domain_text, dovecot, mailbox_text, needs_root
from support.dovecot import needs_dovecot

# crypt(3) strings of vpopmail's schemes, with what opens them.
HASHES = {"des": ("desSecr3", "Zzg3LiiNAxd3Q"),
          "md5": ("md5-Secret-3", "$1$sqlMd5.3$yX0Xy.LtNq1UZFpeuZLnB/"),
          "sha256": ("sha256-Secret-3",
                     "$5$sqlsalt256$AYmONyPyH.VwL0hFayOi6D2ipMfpq4ozHndZ.bwwTy0"),
          "sha512": ("sha512-Secret-3",
                     "$6$sqlsalt512$.pFKtgXG8arAJ/MVUlERz7O6QeHmHo9lQ5QKXb1BwpJqS9"
                     "ErxrR5AQLu7hkigBMkLrWAxRhvnpehDmlVMDye2/")}
PREFIXED = {"prefix": ("sha512-Secret-3", "{SHA512-CRYPT}" + HASHES["sha512"][1])}


def tearDownModule():
    databases.close_all()


class ExportedDovecot(dovecot.Dovecot):
    """A Dovecot with exported settings in place of its own. The servers' files are below `root`."""

    def __init__(self, settings, root):
        super().__init__([])
        self.settings, self.root = settings, root

    def users(self, kind, is_new):
        if kind == "userdb":
            # No waiting after logins that are to fail.
            return "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}"
        text = self.settings.replace("maildir:~/", f"maildir:{self.root}%h/")
        return text.replace("mail_path = ~/", f"mail_path = {self.root}%{{home}}/")

    def login(self, name, password):
        session = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=60)
        try:
            session.login(name, password)
            status, data = session.select("INBOX", readonly=True)
            return (status, int(data[0]))
        except imaplib.IMAP4.error:
            return None
        finally:
            session.shutdown()


@needs_root
@needs_dovecot
class DovecotTest(support.SandboxCase):
    def document(self):
        """"free" overrides the limits of its domain, when it has some; "closed" is so by itself."""
        boxes = "".join(mailbox_text(name, hashed)
                        for name, (_, hashed) in {**HASHES, **PREFIXED}.items())
        boxes += mailbox_text("closed", HASHES["md5"][1], 'disable = ["imap"]')
        boxes += mailbox_text("free", HASHES["md5"][1], 'flags = ["override_limits"]')
        boxes += mailbox_text("web", HASHES["md5"][1], 'disable = ["webmail"]')
        return domain_text(mailboxes=("postmaster",), head='aliases = ["example.net"]', more=boxes
                           + "[domain.limits]\nmax_mailboxes = 50\n")

    def filled(self, *options, **more):
        server = databases.mail_server(self, "server" + str(len(os.listdir(self.directory))),
                                       *options, **more)
        path = self.file("a.toml", self.document())
        self.apply(server, path)
        new = server.domain("example.com", "md5", "Maildir", "new")
        server.write(os.path.join(new, "1700000001.1.host"), "Subject: one\n\n", 0o600,
                     support.OWNER)
        return server, path

    def exported(self, server, *arguments):
        out = os.path.join(self.directory, "exported")
        self.check_exit(server.vstate("export", "--to", "dovecot", "-o", out, *arguments))
        texts = {}
        for name in os.listdir(out):
            self.assertEqual(os.stat(os.path.join(out, name)).st_mode & 0o777, 0o600)
            with open(os.path.join(out, name), encoding="utf-8") as file:
                texts[name] = file.read()
        return out, texts

    def check_logins(self, settings, server, closed=True):
        with ExportedDovecot(settings, server.root) as running:
            for name, (password, _) in {**HASHES, **PREFIXED}.items():
                for host in ("example.com",
                             "example.net") if self.has_aliases else ("example.com",):
                    with self.subTest(account=f"{name}@{host}"):
                        self.assertEqual(running.login(f"{name}@{host}", password),
                                         ("OK", 1 if name == "md5" else 0), running.log())
            self.assertIsNone(running.login("md5@example.com", "wrong"))
            self.assertIsNone(running.login("md5@example.org", HASHES["md5"][0]))
            if closed:
                # The test comes from where vpopmail expects webmail.
                for name in ("closed", "web"):
                    self.assertIsNone(running.login(f"{name}@example.com", HASHES["md5"][0]))
                self.check_limits(running, server)

    def limited(self, server, words):
        """The domain with these services closed in its limits."""
        path = self.file("limits.toml", self.document() + f"disable = {json.dumps(words)}\n")
        self.apply(server, path)
        return path

    def check_limits(self, running, server):
        """What the domain's limits close is closed, but for accounts that override them."""
        password = HASHES["md5"][0]
        if server.database.kind != "mysql":
            return  # they are in files, which the queries know as they were
        for words, is_open in ((["imap"], False), (["pop3", "smtp"], True), (["webmail"], False)):
            with self.subTest(closed=words):
                self.limited(server, words)
                answer = running.login("md5@example.com", password)
                self.assertEqual(answer is not None, is_open, running.log())
                self.assertEqual(running.login("free@example.com", password), ("OK", 0))

    def check_tables(self, *options, **more):
        server, _ = self.filled(*options, **more)
        version = "2.4" if self.is_new() else "2.3"
        out, texts = self.exported(server, "--dovecot", version)
        settings = texts["auth-vpopmail.conf.ext"].replace("/etc/dovecot/", out + "/")
        self.has_aliases = options[0] == "mysql" and more.get("many", True)
        self.check_logins(settings, server)

    def is_new(self):
        out = os.popen(f"{dovecot.program()} --version").read()
        return tuple(map(int, re.match(r"(\d+)\.(\d+)", out).groups())) >= (2, 4)

    def needs_driver(self, name):
        if not any(os.path.exists(f"/usr/lib/dovecot/modules/{place}libdriver_{name}.so")
                   for place in ("", "auth/", "dict/")):
            self.skipTest(f"dovecot-{name} is not installed")

    def test_mysql(self):
        """One table for all domains; alias domains by their table."""
        self.needs_driver("mysql")
        self.check_tables("mysql")

    def test_mysql_own_tables(self):
        self.needs_driver("mysql")
        self.check_tables("mysql", many=False)

    def test_pgsql(self):
        self.needs_driver("pgsql")
        self.check_tables("pgsql")

    def test_limits_in_files(self):
        """vpopmail keeps them there with PostgreSQL; so is the default for all domains anywhere."""
        self.needs_driver("pgsql")
        for place in ("domain", "default"):
            with self.subTest(place=place):
                server, _ = self.filled("pgsql")
                self.limited(server, ["imap"])
                if place == "default":
                    os.remove(server.domain("example.com", ".qmailadmin-limits"))
                    server.write(f"{server.home}/etc/vlimits.default", "disable_imap\n")
                version = "2.4" if self.is_new() else "2.3"
                out, texts = self.exported(server, "--dovecot", version)
                settings = texts["auth-vpopmail.conf.ext"].replace("/etc/dovecot/", out + "/")
                with ExportedDovecot(settings, server.root) as running:
                    password = HASHES["md5"][0]
                    self.assertIsNone(running.login("md5@example.com", password))
                    self.assertEqual(running.login("free@example.com", password), ("OK", 0),
                                     running.log())

    def test_passwd_file(self):
        """From a cdb server's domain file; the server says where homes are."""
        server, path = self.filled("cdb")
        out, texts = self.exported(server, path)
        self.assertIn("# closed@example.com: vpopmail refuses imap\n", texts["users"])
        self.assertNotIn("# md5@example.com", texts["users"])
        limited = self.exported(server, self.limited(server, ["pop3"]))[1]["users"]
        self.assertIn("# md5@example.com: vpopmail refuses pop3\n", limited)
        self.assertIn("# closed@example.com: vpopmail refuses pop3, imap\n", limited)
        self.assertNotIn("# free@example.com", limited)
        # The admin gives it to Dovecot's own user.
        os.chmod(out, 0o755)
        os.chmod(out + "/users", 0o644)
        driver = ("passdb passwd-file {{\n  passwd_file_path = {0}\n}}\n"
                  "userdb passwd-file {{\n  passwd_file_path = {0}\n}}\n" if self.is_new() else
                  "passdb {{\n  driver = passwd-file\n  args = {0}\n}}\n"
                  "userdb {{\n  driver = passwd-file\n  args = {0}\n}}\n").format(out + "/users")
        location = "mail_path = ~/Maildir" if self.is_new() else "mail_location = maildir:~/Maildir"
        self.has_aliases = True
        self.check_logins(driver + location + "\n", server, closed=False)


class TextTest(support.SandboxCase):
    def export(self, text, *arguments):
        out = os.path.join(self.directory, "out")
        self.check_exit(support.run("export", "-o", out, *arguments, self.file("a.toml", text)))
        texts = {}
        for name in os.listdir(out):
            with open(os.path.join(out, name), encoding="utf-8", newline="") as file:
                texts[name] = file.read()
        return texts

    DOCUMENT = domain_text(
        head='aliases = ["example.net"]\ndefault = ["| {vpopmail}/bin/vdelivermail \'\' '
             'alice@example.com"]',
        mailboxes=["postmaster"],
        more=mailbox_text("alice", more='gecos = "O\'Neil, \\"A\\""\nquota = { bytes = 1048576 }\n'
                                        'deliver = ["&a@x.example", "{mailbox:alice}/Maildir/"]')
        + '[alias.sales]\ndeliver = ["&alice@example.com", "|/bin/cat"]\n')

    def test_postfix(self):
        texts = self.export(self.DOCUMENT, "--to", "postfix")
        self.assertEqual(texts["virtual_mailbox_domains"], "example.com OK\n")
        self.assertEqual(texts["virtual_mailbox_maps"], "alice@example.com example.com/alice/\n"
                         "postmaster@example.com example.com/postmaster/\n")
        self.assertEqual(texts["virtual_alias_maps"],
                         "@example.net @example.com\n"
                         "alice@example.com alice@example.com, a@x.example\n"
                         "postmaster@example.com postmaster@example.com\n"
                         "# sales@example.com: not carried: |/bin/cat\n"
                         "sales@example.com alice@example.com\n"
                         "@example.com alice@example.com\n")

    def test_postfixadmin(self):
        """Its rows go into its tables as they are."""
        rows = self.export(self.DOCUMENT, "--to", "postfix")["postfixadmin.sql"]
        tables = sqlite3.connect(":memory:")
        tables.executescript(
            "CREATE TABLE domain (domain, description, active); CREATE TABLE alias_domain "
            "(alias_domain, target_domain, active); CREATE TABLE mailbox (username, password, "
            "name, maildir, quota, local_part, domain, active); CREATE TABLE alias (address, goto, "
            "domain, active);" + rows)
        self.assertEqual(tables.execute("SELECT name, quota, password FROM mailbox WHERE "
                                        "username = 'alice@example.com'").fetchall(),
                         [('O\'Neil, "A"', "1048576", support.SHA512)])
        self.assertEqual(tables.execute("SELECT goto FROM alias WHERE address = "
                                        "'alice@example.com'")
                         .fetchall(), [("alice@example.com,a@x.example",)])
        self.assertEqual(tables.execute("SELECT count(*) FROM alias").fetchall(), [(4,)])
        tables.close()

    def test_csv(self):
        rows = list(csv.reader(io.StringIO(self.export(self.DOCUMENT, "--to",
                                                       "csv")["accounts.csv"],
                                           newline="")))
        self.assertEqual(rows[0][0], "address")
        self.assertEqual(rows[1],
                         ["alice@example.com", support.SHA512, 'O\'Neil, "A"', "1048576", "",
                          "", "&a@x.example\n{mailbox:alice}/Maildir/"])
        self.assertEqual([row[0] for row in rows[2:]], ["postmaster@example.com",
                                                        "sales@example.com"])

    def test_ldif(self):
        text = self.export(self.DOCUMENT.replace("O'Neil", "Łukasz"), "--to", "ldif")
        entries = text["example.com.ldif"].strip().split("\n\n")
        self.assertEqual(len(entries), 3)
        self.assertIn("dn: uid=alice,ou=example.com\n", entries[1])
        self.assertIn("cn:: xYF1a2Fzeiwg", entries[1])
        self.assertIn("mail: alice@example.net\n", entries[1])
        self.assertIn("userPassword: {CRYPT}" + support.SHA512, entries[1])

    def test_several_files_want_a_directory(self):
        done = support.run("export", "--to", "postfix", self.file("a.toml", self.DOCUMENT))
        self.assertEqual((done.code, done.out), (64, ""))
        self.assertIn("name a directory with -o", done.err)

    def test_homes_that_are_said(self):
        """Without a server, --home says where homes will be."""
        done = self.check_exit(support.run(
            "export", "--to", "dovecot", "--home", "/srv/mail/{domain}/{name}", "--uid", "5000",
            "--gid", "5000", self.file("a.toml", self.DOCUMENT)))
        self.assertEqual(done.out.splitlines()[0],
                         f"alice@example.com:{{CRYPT}}{support.SHA512}:5000:5000::"
                         "/srv/mail/example.com/alice::userdb_quota_rule=*:bytes=1048576")


if __name__ == "__main__":
    support.main()
