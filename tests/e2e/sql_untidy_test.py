"""Untidy rows: what panels, hands and twenty years left in vpopmail's tables. One bad row holds up
one record; what it costs is named, and the rest arrives. Each change is made by itself in each kind
of database, dumped, checked, and applied to a server that keeps its accounts in files."""

import os
import sqlite3

import support
from support import databases, domain_text

NAME = "example.com"
KINDS = ("mysql", "pgsql", "sqlite")
BODY = b"Subject: hello\n\nhi\n"


def tearDownModule():
    databases.close_all()


def account(change):
    return f"UPDATE vpopmail SET {change} WHERE pw_name = 'bob'"


#: What verify finds, though all that there was arrived.
FOUND = {"hash that is none": "nobody can log in", "hash that was cut": "nobody can log in",
         "alias without a line": "its first line is blank"}
#: What is done, the status of the dump, what it says, and how bob is on the target (None: not
#: there).
ROWS = {
    "hash of a star": (account("pw_passwd = '*'"), 0, "", "bob:*:"),
    "hash of an x": (account("pw_passwd = 'x'"), 0, "", "bob:x:"),
    "hash that is none": (account("pw_passwd = 'geheim'"), 0, "", "bob:geheim:"),
    "hash that was cut": (account("pw_passwd = '$6$salt$short'"), 0, "", "bob:$6$salt$short:"),
    "no hash": (account("pw_passwd = ''"), 0, "", "bob::"),
    "NULL hash": (account("pw_passwd = NULL"), 0, "", "bob::"),
    "NULL gecos": (account("pw_gecos = NULL"), 0, "", "bob:"),
    "NULL quota": (account("pw_shell = NULL"), 0, "", "bob:"),
    "quota of a word": (account("pw_shell = 'none'"), 0, "", "bob:"),
    "quota below zero": (account("pw_shell = '-1'"), 0, "", "bob:"),
    "quota with a letter": (account("pw_shell = '10M'"), 0, "", "bob:"),
    "stale home": (account("pw_dir = '/home/before/domains/example.com/bob'"), 0,
                   "is taken for its home", "bob:"),
    "no home": (account("pw_dir = ''"), 0, "is taken for its home", "bob:"),
    "NULL home": (account("pw_dir = NULL"), 0, "is taken for its home", "bob:"),
    "home with a slash behind it": (account("pw_dir = {home} || '/'"), 0, "", "bob:"),
    "home with two slashes": (account("pw_dir = '/' || {home}"), 0, "", "bob:"),
    "name in capitals": (account("pw_name = 'Bob'"), 0, "", "bob:"),
    "name with a blank in it": (account("pw_name = 'bo b'"), 2, "left out: mailbox.bo b", None),
    "name with a blank behind it": (account("pw_name = 'bob '"), None, "bob", None),
    "last login of a word": ("INSERT INTO lastauth VALUES ('bob', 'example.com', 'somewhere', "
                             "1500000000)", 0,
                             "", "bob:"),
    "last login of nobody": ("INSERT INTO lastauth VALUES ('ghost', 'example.com', '192.0.2.7', "
                             "1500000000)", 0,
                             "", "bob:"),
    "alias with CRLF": ("INSERT INTO valias (alias, domain, valias_line) "
                        "VALUES ('sales', 'example.com', {crlf})", 0, "", "bob:"),
    "alias of an odd name": ("INSERT INTO valias (alias, domain, valias_line) "
                             "VALUES ('Sa les', 'example.com', '&x@example.org')", None, "les",
                             "bob:"),
    "alias of two lines in one row": ("INSERT INTO valias (alias, domain, valias_line) "
                                      "VALUES ('two', 'example.com', {lines})", 2,
                                      "left out: alias.two", "bob:"),
    "alias without a line": ("INSERT INTO valias (alias, domain, valias_line) "
                             "VALUES ('empty', 'example.com', '')", 0, "", "bob:"),
}


class SqlUntidyTest(support.SandboxCase):
    def source(self, kind):
        if kind not in databases.compiled():
            self.skipTest(f"{support.VSTATE} was built without {kind}")
        server = databases.mail_server(self, f"{kind}-{len(os.listdir(self.directory))}", kind)
        more = '[alias.kept]\ndeliver = ["&a@example.org"]\n'
        self.apply(server, self.file(f"{kind}.toml",
                                     domain_text(mailboxes=("postmaster", "alice", "bob"),
                                                 more=more)))
        self.home = f"{server.directory_of(NAME)}/bob"
        for name in ("alice", "bob"):
            server.write(f"{server.directory_of(NAME)}/{name}/Maildir/cur/1500000000.1.old:2,S",
                         BODY, 0o600, support.OWNER)
        return server

    def run_sql(self, server, kind, statement):
        """In the words of the database; as the site's, which made its tables as vpopmail does."""
        home = f"'{self.home}'"
        crlf = {"mysql": "'&x@example.org\\r\\n'", "pgsql": "E'&x@example.org\\r\\n'",
                "sqlite": "'&x@example.org' || char(13) || char(10)"}[kind]
        lines = {"mysql": "'&x@example.org\\n&y@example.org'",
                 "pgsql": "E'&x@example.org\\n&y@example.org'",
                 "sqlite": "'&x@example.org' || char(10) || '&y@example.org'"}[kind]
        statement = statement.replace("{crlf}", crlf).replace("{lines}", lines)
        if kind == "mysql":
            for form in ("'/' || {home}", "{home} || '/'"):
                statement = statement.replace(form, f"concat({form.replace(' || ', ', ')})")
        statement = statement.replace("{home}", home)
        if kind != "sqlite":
            server.database.sql(server.schema, statement)
            return
        path = server.at(f"{server.home}/domains/_vpopmail.sqlite")
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(statement)
        connection.close()

    def prepare(self, server, kind):
        """The tables that vpopmail makes when they are first used."""
        if kind == "mysql":
            self.run_sql(server, kind,
                         "CREATE TABLE IF NOT EXISTS lastauth (user varchar(32) NOT NULL, domain "
                         "varchar(96) NOT NULL, remote_ip varchar(39) NOT NULL, timestamp int NOT "
                         "NULL DEFAULT 0, PRIMARY KEY (user, domain))")
        elif kind == "pgsql":
            self.run_sql(server, kind,
                         "CREATE TABLE IF NOT EXISTS lastauth (userid varchar(32) NOT NULL, domain "
                         "varchar(96) NOT NULL, remote_ip varchar(39) NOT NULL, timestamp bigint "
                         "NOT NULL DEFAULT 0, PRIMARY KEY (userid, domain)); ALTER TABLE lastauth "
                         "OWNER TO vpopmail")
        else:
            self.run_sql(server, kind,
                         "CREATE TABLE IF NOT EXISTS lastauth (user text NOT NULL, domain text NOT "
                         "NULL, remote_ip text NOT NULL, timestamp integer NOT NULL DEFAULT 0, "
                         "PRIMARY KEY (user, domain))")

    def check_row(self, kind, title):
        statement, code, said, bob = ROWS[title]
        server = self.source(kind)
        self.prepare(server, kind)
        try:
            self.run_sql(server, kind, statement)
        except (RuntimeError, sqlite3.Error) as refusal:
            self.skipTest(f"{kind} takes no such row: {str(refusal)[-80:]}")
        mail = os.path.join(self.directory, f"mail{len(os.listdir(self.directory))}")
        file = mail + ".toml"
        dumped = server.vstate("dump", NAME, "--mail", mail, "-o", file)
        self.assertIn(dumped.code, (0, 2) if code is None else (code,), dumped)
        with open(file, encoding="utf-8") as text:
            self.assertIn(said, dumped.err + text.read(), title)
        self.check_exit(server.vstate("check", file, "--mail", mail))
        target = self.server(f"to-{len(os.listdir(self.directory))}")
        self.check_exit(target.vstate("apply", file, "--mail", mail))
        verified = self.check_exit(target.vstate("verify", file, "--mail", mail),
                                   2 if dumped.code == 2 or title in FOUND else 0)
        self.assertIn(FOUND.get(title, ""), verified.out)
        lines = target.read(f"{target.directory_of(NAME)}/vpasswd").decode("utf-8",
                                                                           "surrogateescape")
        self.assertIn("alice:", lines)
        if bob is not None:
            self.assertIn(bob, lines)
            moved = f"{target.directory_of(NAME)}/bob/Maildir/cur/1500000000.1.old:2,S"
            self.assertEqual(target.read(moved), BODY)
        elif dumped.code == 2 and "name" in title:
            # Its mail comes along as files, and is counted.
            self.assertRegex(dumped.err, r"left out: mailbox\.\S*")
            self.assertIn("is carried as files of the domain", dumped.err)

    def test_directory_that_holds_the_server(self):
        """The accounts are in the database, so nothing else says that the line is wrong."""
        server = self.source("sqlite")
        path = f"{server.qmail}/users/assign"
        right = server.read(path).decode()
        for wrong in ("/", server.home, f"{server.home}/domains", "/var"):
            with self.subTest(wrong):
                server.write(path, right.replace(f"{server.home}/domains/0/{NAME}:", wrong + ":")
                             .replace(f"{server.home}/domains/{NAME}:", wrong + ":"))
                file = os.path.join(self.directory, "none.toml")
                done = self.check_exit(server.vstate("dump", NAME, "-o", file), 1)
                self.assertIn("that is no domain's directory", done.err)
                self.assertFalse(os.path.exists(file))
        server.write(path, right)

    def check_alias_link(self, kind):
        """A link to an alias that becomes rows would lead nowhere on the target."""
        if kind not in databases.compiled():
            self.skipTest(f"{support.VSTATE} was built without {kind}")
        source = self.server(f"from-{kind}")
        more = '[alias.kept]\ndeliver = ["&a@example.org", "&b@example.org"]\n'
        self.apply(source, self.file(f"{kind}.toml",
                                     domain_text(mailboxes=("postmaster",), more=more)))
        directory = source.directory_of(NAME)
        for name, leads_to in (("near", ".qmail-kept"), ("far", f"{directory}/.qmail-kept"),
                               ("twice", ".qmail-near")):
            os.symlink(leads_to, source.at(f"{directory}/.qmail-{name}"))
        file = os.path.join(self.directory, f"{kind}-links.toml")
        self.check_exit(source.vstate("dump", NAME, "-o", file))
        target = databases.mail_server(self, f"{kind}-links", kind)
        self.check_exit(target.vstate("apply", file))
        self.check_exit(target.vstate("verify", file))
        self.check_exit(target.vstate("plan", "--detailed-exitcode", file))
        for name in ("kept", "near", "far", "twice"):
            routed = target.vstate("route", f"{name}@{NAME}")
            for line in ("a@example.org", "b@example.org"):
                self.assertIn(line, routed.out, name)

    def test_alias_that_is_a_link(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.check_alias_link(kind)

    def check_all(self, kind):
        for title in ROWS:
            with self.subTest(kind=kind, row=title):
                self.check_row(kind, title)

    def test_mysql(self):
        self.check_all("mysql")

    def test_pgsql(self):
        self.check_all("pgsql")

    def test_sqlite(self):
        self.check_all("sqlite")


if __name__ == "__main__":
    support.main()
