"""What goes wrong with a database, each with its message, nothing changed, and no secret told; and
what sites do to vpopmail's tables: other columns, other character sets, panels at work."""

import json
import os
import socket
import threading

import support
from support import databases, domain_text, mailbox_text

KINDS = ("mysql", "pgsql")


def tearDownModule():
    databases.close_all()


class SqlFaultsTest(support.SandboxCase):
    def each(self, **options):
        """A mail server with the domain on it, for each kind of database."""
        for kind in KINDS:
            with self.subTest(kind=kind):
                server = databases.mail_server(self, f"{kind}{len(os.listdir(self.directory))}",
                                               kind, **options)
                self.apply(server, self.file("there.toml", domain_text()))
                yield server

    def rewrite_connection(self, server, change):
        path = f"{server.home}/etc/vpopmail.{server.database.kind}"
        server.write(path, change(server.read(path).decode()))

    def check_refused(self, server, text, pattern, command="apply", code=1, options=()):
        """Refused with the message, and neither a file nor a row is another afterwards."""
        path = self.file("refused.toml", text)
        skip = ("var/lib/vstate",)
        before = support.snapshot(server.root, skip)
        done = self.check_exit(server.vstate("-q", *options, command, path), code)
        self.assertRegex(done.err, pattern)
        for secret in (databases.PASSWORD, support.SHA512, support.MD5):
            self.assertNotIn(secret, done.err + done.out)
        self.check_same(before, support.snapshot(server.root, skip))
        return done

    def test_wrong_password(self):
        for server in self.each():
            self.rewrite_connection(server, lambda text: text.replace(databases.PASSWORD, "wrong"))
            self.check_refused(server, domain_text(), r"(?i)access denied|authentication failed")

    def test_no_server(self):
        """Nobody listens where the connection file says."""
        for server in self.each():
            place = server.database.place.name
            self.rewrite_connection(server, lambda text: text.replace(place, "/nonexistent"))
            self.check_refused(server, domain_text(),
                               r"^vstate: database mail\d+ of vpopmail@.*connect")

    def test_unknown_database(self):
        for server in self.each():
            self.rewrite_connection(server, lambda text: text.replace(server.schema, "nothere"))
            self.check_refused(server, domain_text(), r"nothere")

    def test_addresses_of_the_old_machine_are_told_and_left(self):
        for server in self.each():
            server.database.sql(server.schema,
                                "CREATE TABLE ip_alias_map (ip_addr char(18) NOT NULL, "
                                "domain char(64), PRIMARY KEY (ip_addr)); "
                                "INSERT INTO ip_alias_map VALUES ('192.0.2.7', 'example.com')")
            if server.database.kind == "pgsql":
                server.database.sql(server.schema, "ALTER TABLE ip_alias_map OWNER TO vpopmail")
            dumped = self.check_exit(server.vstate("dump", "example.com"))
            self.assertIn("the table ip_alias_map gives it the address 192.0.2.7, which is not "
                          "carried",
                          dumped.err)
            self.assertNotIn("192.0.2.7", dumped.out)

    def check_old(self, kind, answer, pattern):
        """A server that says no more than `answer` gives to the first who connects."""
        databases.database(kind)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            connection, _ = listener.accept()
            with connection:
                answer(connection)
                connection.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        server = databases.mail_server(self, "old", kind)
        server.write(f"{server.home}/etc/vpopmail.{kind}",
                     f"127.0.0.1|{listener.getsockname()[1]}|vpopmail|{databases.PASSWORD}|mail\n")
        self.check_refused(server, domain_text(), pattern)

    def test_old_server(self):
        """A MySQL of before 5.0 says its version in its first packet."""
        def answer(connection):
            body = (b"\x0a4.1.22-standard\0" + b"\x01\0\0\0" + b"12345678\0" + b"\x0c\x82"
                    + b"\x08\x02\0" + b"\0" * 13 + b"123456789012\0")
            connection.sendall(len(body).to_bytes(3, "little") + b"\0" + body)
            connection.recv(4096)
            connection.sendall(b"\x07\0\0\x02\0\0\0\x02\0\0\0")

        self.check_old("mysql", answer,
                       r"the server is 4\.1\.22-standard; vstate needs MySQL 5\.0 or newer")

    def test_old_pgsql(self):
        """A PostgreSQL of before 9.0 says its version once it has let somebody in."""
        def message(kind, body):
            return kind + (len(body) + 4).to_bytes(4, "big") + body

        def answer(connection):
            # It is asked for encryption first, and has none.
            while int.from_bytes(connection.recv(4096)[4:8], "big") >> 16 == 1234:
                connection.sendall(b"N")
            connection.sendall(message(b"R", bytes(4))
                               + message(b"S", b"server_version\x008.4.22\0")
                               + message(b"S", b"server_encoding\0UTF8\0")
                               + message(b"K", bytes(8)) + message(b"Z", b"I"))

        self.check_old("pgsql", answer,
                       r"the server is PostgreSQL 8\.4\.22; vstate needs 9\.0 or newer")

    def test_read_only_replica(self):
        """A plan says that nothing can be written there; equal servers need nothing."""
        switch = {"mysql": ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
                  "pgsql": ("ALTER ROLE vpopmail SET default_transaction_read_only = on",
                            "ALTER ROLE vpopmail RESET default_transaction_read_only")}
        for server in self.each():
            on, off = switch[server.database.kind]
            server.database.sql(server.schema, on)
            try:
                more = domain_text(mailboxes=("postmaster", "alice", "bob"))
                self.check_refused(server, more, r"the server is read-only \(a replica\?\)", "plan")
                self.check_refused(server, more, r"the server is read-only \(a replica\?\)")
                self.check_nothing_to_do(server, self.file("same.toml", domain_text()))
            finally:
                server.database.sql(server.schema, off)
            self.apply(server, self.file("more.toml", more))
            self.check_nothing_to_do(server, self.file("more.toml", more))

    def test_lock_of_another(self):
        """A panel holds the row: exit 75 after the time that was given, and it works afterwards."""
        hold = "BEGIN; UPDATE vpopmail SET pw_gecos = 'x' WHERE pw_name = 'alice'"
        for server in self.each():
            changed = domain_text(mailboxes=("postmaster",),
                                  more=mailbox_text("alice", support.MD5))
            path = self.file("changed.toml", changed)
            with server.database.held(server.schema, hold):
                done = server.vstate("-q", "--lock-seconds", "1", "apply", path)
            self.check_exit(done, 75)
            self.assertRegex(done.err, r"(?i)lock")
            self.apply(server, path)
            self.check_nothing_to_do(server, path)

    def test_columns_of_the_site(self):
        """Columns that a site added keep their values, and new accounts get their defaults."""
        for server in self.each():
            running, schema = server.database, server.schema
            number = "int AUTO_INCREMENT UNIQUE" if running.kind == "mysql" else "serial"
            running.sql(schema, f"ALTER TABLE vpopmail ADD COLUMN number {number}")
            running.sql(schema, "ALTER TABLE vpopmail ADD COLUMN site varchar(9) NOT NULL DEFAULT "
                                "'new'")
            running.sql(schema, "UPDATE vpopmail SET site = 'old', pw_gecos = NULL "
                                "WHERE pw_name = 'alice'")
            self.check_nothing_to_do(server, self.file("same.toml", domain_text()))
            text = domain_text(mailboxes=("postmaster", "bob"),
                               more=mailbox_text("alice", support.MD5))
            self.apply(server, self.file("more.toml", text))
            rows = running.rows(schema, "SELECT pw_name, pw_passwd, site FROM vpopmail ORDER BY 1")
            self.assertEqual(rows, [["alice", support.MD5, "old"], ["bob", support.SHA512, "new"],
                                    ["postmaster", support.SHA512, "new"]])

    def test_column_that_wants_a_value(self):
        """A column without a default stops the plan; --alter gives it one."""
        for server in self.each():
            running, schema = server.database, server.schema
            running.sql(schema, "ALTER TABLE vpopmail ADD COLUMN site varchar(9) NOT NULL DEFAULT "
                                "'x'")
            running.sql(schema, "ALTER TABLE vpopmail ALTER COLUMN site DROP DEFAULT")
            more = domain_text(mailboxes=("postmaster", "alice", "bob"))
            self.check_refused(server, more,
                               r"table vpopmail: its column site wants a value, and has "
                               r"no default; --alter runs ALTER TABLE", "plan")
            self.apply(server, self.file("more.toml", more), "--alter")
            self.check_nothing_to_do(server, self.file("more.toml", more))

    def test_width(self):
        """Too long for the column: named, nothing cut, mended by --alter only; a saved plan too."""
        for server in self.each():
            running, schema = server.database, server.schema
            running.sql(schema, "ALTER TABLE vpopmail MODIFY pw_gecos char(5)"
                        if running.kind == "mysql" else
                        "ALTER TABLE vpopmail ALTER COLUMN pw_gecos TYPE varchar(5)")
            if running.kind == "mysql":
                running.sql("mysql", "SET GLOBAL sql_mode = ''")  # which would cut in silence
            text = domain_text(more=mailbox_text("bob", more='gecos = "Robert Example"')
                               + mailbox_text("ann", more='gecos = "Ann Example"'))
            self.check_refused(server, text,
                               r"mailbox ann, mailbox bob: has 11 characters, it holds 5 "
                               r"for column pw_gecos of table vpopmail; --alter runs ALTER TABLE")
            path = self.file("wide.toml", text)
            plan = self.check_exit(server.vstate("plan", "--json", "--alter", path))
            changes = json.loads(plan.out)["changes"]
            self.assertEqual(changes[0]["kind"], "alter")
            self.apply(server, path, "--alter")
            self.check_nothing_to_do(server, path)
            rows = running.rows(schema, "SELECT pw_gecos FROM vpopmail WHERE pw_name = 'bob'")
            self.assertEqual(rows, [["Robert Example"]])

    def test_character_set(self):
        """latin1 holds José and not Łukasz."""
        server = databases.mail_server(self, "latin1", "mysql", charset="latin1")
        path = self.file("a.toml", domain_text(more=mailbox_text("bob", more='gecos = "José"')))
        self.apply(server, path)
        self.check_nothing_to_do(server, path)
        text = domain_text(more=mailbox_text("bob", more='gecos = "Łukasz"'))
        self.check_refused(server, text,
                           "mailbox bob: has characters that latin1 does not have for "
                           "column pw_gecos of table vpopmail; --alter runs ALTER TABLE")
        path = self.file("b.toml", text)
        self.apply(server, path, "--alter")
        self.check_nothing_to_do(server, path)

    def test_change_after_the_plan(self):
        """A saved plan is refused once a panel changed what it is about; a change of something else
        stays."""
        for server in self.each():
            running, schema = server.database, server.schema
            text = domain_text(mailboxes=("postmaster",), more=mailbox_text("alice", support.MD5))
            path, plan = self.file("a.toml", text), os.path.join(self.directory, "plan")
            self.check_exit(server.vstate("plan", "-o", plan, path))
            running.sql(schema, "UPDATE vpopmail SET pw_gecos = 'Panel' WHERE pw_name = 'alice'")
            done = self.check_exit(server.vstate("-q", "apply", plan), 1)
            self.assertIn("plan again", done.err)
            rows = running.rows(schema, "SELECT pw_passwd, pw_gecos FROM vpopmail "
                                        "WHERE pw_name = 'alice'")
            self.assertEqual(rows, [[support.SHA512, "Panel"]])

    def test_two_domains_for_one_table(self):
        """a-b.com and a.b.com have the same table where each domain has its own."""
        for server in self.each(many=False):
            self.apply(server, self.file("first.toml", domain_text("a-b.example")))
            self.check_refused(server, domain_text("a.b.example"), "domain a.b.example: its table "
                               "a_b_example is that of a-b.example already")
            long_name = "a" * 60 + ".example"
            self.check_refused(server, domain_text(long_name),
                               r"has 68 characters, the database takes")

    def test_aliases_go_where_they_work(self):
        """Rows where vdelivermail reads them alike, files for what it does not."""
        more = ('[alias.sales]\ndeliver = ["&z@example.org", "&a@example.org"]\n'
                '[alias.mbox]\ndeliver = ["./mbox"]\n'
                '[alias.list-default]\ndeliver = ["|echo $DEFAULT"]\n'
                '[alias.list-a]\ndeliver = ["&a@example.org"]\n')
        for server in self.each():
            path = self.file("a.toml", domain_text(more=more))
            self.apply(server, path)
            self.check_nothing_to_do(server, path)
            rows = server.database.rows(server.schema, "SELECT alias, valias_line FROM valias")
            self.assertEqual(rows, [["sales", "&z@example.org"], ["sales", "&a@example.org"]])
            files = sorted(name for name in os.listdir(server.domain("example.com"))
                           if name.startswith(".qmail-") and name != ".qmail-default")
            # A row list-a would never be asked: the file .qmail-list-default answers first.
            self.assertEqual(files, [".qmail-list-a", ".qmail-list-default", ".qmail-mbox"])
            routed = self.check_exit(server.vstate("route", "sales@example.com",
                                                   "alice@example.com"))
            self.assertIn("vdelivermail takes the rows of sales in valias", routed.out)

    def with_own_database(self, running, *options):
        """A mail server on this database rather than on the one that the tests share."""
        self.addCleanup(running.close)
        running.ask("start", *options)
        kept = databases.RUNNING.get(running.kind)
        databases.RUNNING[running.kind] = running
        try:
            return databases.mail_server(self, "full-" + running.kind, running.kind)
        finally:
            del databases.RUNNING[running.kind]
            if kept:
                databases.RUNNING[running.kind] = kept

    def test_full_table_space(self):
        """A table space that is full stops the batch as one, and says so."""
        databases.database("mysql")
        server = self.with_own_database(databases.Database("mysql"), "--innodb-file-per-table=0",
                                        "--innodb-data-file-path=ibdata1:12M")
        boxes = [f"box{number:05}" for number in range(30000)]
        done = server.vstate("-q", "apply", self.file("many.toml", domain_text(mailboxes=boxes)))
        self.assertRegex(done.err, r"(?i)is full")
        count = server.database.rows(server.schema, "SELECT COUNT(*) FROM vpopmail")
        self.assertEqual(count, [["0"]])

    def test_full_disk(self):
        """The disk of the database is full: said, nothing half done, and it goes on afterwards."""
        for kind in KINDS:
            with self.subTest(kind=kind):
                databases.database(kind)
                running = databases.Database(kind, megabytes=400)
                server = self.with_own_database(running)
                self.apply(server, self.file("first.toml", domain_text("first.example")))
                filler = running.fill()
                boxes = [f"box{number:05}" for number in range(6000)]
                path = self.file("many.toml", domain_text(mailboxes=boxes))
                done = server.vstate("-q", "apply", path)
                self.assertNotEqual(done.code, 0)
                self.assertRegex(done.err, r"^vstate: .*database mail1 of vpopmail@.*"
                                 r"(?i:is full|no space left|server closed the connection)")
                os.remove(filler)
                # PostgreSQL ends itself when it cannot write its log.
                try:
                    running.rows(server.schema, "SELECT 1")
                except RuntimeError:
                    running.ask("kill")
                    running.ask("start")
                count = "SELECT COUNT(*) FROM vpopmail WHERE pw_domain = 'example.com'"
                self.assertEqual(running.rows(server.schema, count), [["0"]])
                self.apply(server, path)
                self.check_nothing_to_do(server, path)
                self.assertEqual(running.rows(server.schema, count), [["6000"]])


if __name__ == "__main__":
    support.main()
