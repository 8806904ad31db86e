"""route tells of each address of many servers where its mail ends. route_table.txt has the rows: a
line "[server]" and then "address TAB end; end". The interop test sends mail to the same addresses
on the same servers with the real programs and compares, so a row is changed only together with
that.

route_test.py --write writes the table anew from what the program says."""

import os
import sys
import tempfile

import support
from support import databases, needs_root
from support import route_server as servers

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "route_table.txt")
BAD = ("deferred", "bounced", "refused", "loops")


def builders():
    """Name of a server -> what makes it below a root."""
    def faulty(name):
        def make(root):
            server = servers.small_server(root)
            servers.FAULTS[name](server)
            return server
        return make

    made = {"whole": servers.whole_server}
    made.update({"fault: " + name: faulty(name) for name in servers.FAULTS})
    made.update({"extensions, defaultdelivery: " + name:
                 lambda root, text=text: servers.extension_server(root, text)
                 for name, text in servers.DELIVERIES.items()})
    return made


def rows_of(out):
    """address -> its ends as the table has them."""
    return {address: "; ".join(shortened(end) for end in ends)
            for address, ends in servers.parse_routes(out).items()}


def shortened(end):
    """Where mail that arrives ends; of mail that does not, only that."""
    kind, _, text = end.partition(": ")
    if kind in ("delivered", "runs a program"):
        return f"{kind} {text}"
    return f"{kind} {text.split(' goes to ')[0]}" if kind == "forwarded out" else kind


def read_table():
    table, rows = {}, None
    with open(TABLE, encoding="utf-8", newline="\n") as file:
        for line in file.read().split("\n"):
            if line.startswith("[") and line.endswith("]"):
                rows = table[line[1:-1]] = {}
            elif "\t" in line:
                address, _, ends = line.partition("\t")
                rows[address] = ends
    return table


def ask(server, *options):
    return support.run("--root", server.root, *options, "route", "--", *server.addresses)


@needs_root
class RouteTest(support.SandboxCase):
    def check_server(self, name, make):
        server = make(os.path.join(self.directory, str(len(os.listdir(self.directory)))))
        done = ask(server)
        wanted, said = self.table[name], rows_of(done.out)
        self.assertEqual(list(said), list(dict.fromkeys(server.addresses)), done.err)
        for address, ends in said.items():
            with self.subTest(server=name, address=address):
                self.assertEqual(ends, wanted.get(address))
        has_bad = any(end.startswith(BAD) for ends in said.values() for end in ends.split("; "))
        self.check_exit(done, 2 if has_bad else 0)

    @classmethod
    def setUpClass(cls):
        cls.table = read_table()

    def test_whole_server(self):
        """Mailboxes, aliases, catch-alls, virtualdomains, users/assign, locals, percenthack."""
        self.assertGreater(len(self.table["whole"]), 350)
        self.check_server("whole", servers.whole_server)

    def test_faults(self):
        """What is wrong with the server as a whole."""
        for name, make in builders().items():
            if name.startswith("fault: "):
                self.check_server(name, make)

    def test_extensions(self):
        """vpopmail 5.6 with qmail-ext and defaultdelivery, accounts in SQLite."""
        for name, make in builders().items():
            if name.startswith("extensions"):
                self.check_server(name, make)

    def test_rows_of_valias(self):
        """vpopmail 5.6 with aliases in MariaDB."""
        running = databases.database("mysql")
        schema = running.create()
        server = servers.rows_server(os.path.join(self.directory, "rows"))
        running.sql(schema, servers.mysql_text(server))
        server.put(server.home + "/etc/vpopmail.mysql", running.connection(schema) + "\n",
                   servers.OWNER, 0o640)
        done = ask(server)
        self.assertEqual(rows_of(done.out), self.table["rows"], done.err)

    def test_exit_status(self):
        """0 where all mail ends well, 2 where some is deferred, bounced, refused, or loops."""
        server = servers.whole_server(os.path.join(self.directory, "status"))
        for code, addresses in ((0, ("alice@plain.example", "forward@plain.example",
                                     "gone@plain.example", "program@plain.example",
                                     "nobody@c-delete.example")),
                                (2, ("alice@plain.example", "nomaildir@plain.example")),
                                (2, ("nobody@plain.example",)), (2, ("alice@refused.example",)),
                                (2, ("loop@plain.example",)), (2, ("self@plain.example",))):
            with self.subTest(addresses=addresses):
                self.check_exit(support.run("--root", server.root, "route", *addresses), code)

    def test_steps(self):
        """Each decision with the file that made it; what a forward causes is indented."""
        server = servers.whole_server(os.path.join(self.directory, "steps"))
        home = server.home + "/domains"
        unknown = 'the action for unknown users is "bounce-no-mailbox"'
        done = support.run("--root", server.root, "route", "tonobody@plain.example")
        self.assertEqual(done.out, f"""tonobody@plain.example
  qmail-smtpd accepts plain.example
  virtualdomains gives plain.example to plain.example
  users/cdb gives plain.example- to uid 89 in {home}/plain.example
  .qmail-tonobody is read by qmail-local
  to nobody@plain.example
    virtualdomains gives plain.example to plain.example
    users/cdb gives plain.example- to uid 89 in {home}/plain.example
    .qmail-default is read by qmail-local
      | {server.home}/bin/vdelivermail '' bounce-no-mailbox
    vdelivermail finds no account nobody in vpasswd.cdb; {unknown}
  ! bounced: vdelivermail finds no account nobody in vpasswd.cdb
""")


def write():
    with tempfile.TemporaryDirectory() as directory, open(TABLE, "w", encoding="utf-8",
                                                          newline="\n") as file:
        os.chmod(directory, 0o755)
        for number, (name, make) in enumerate(builders().items()):
            server = make(os.path.join(directory, str(number)))
            file.write(f"[{name}]\n")
            file.writelines(f"{address}\t{ends}\n" for address,
                            ends in rows_of(ask(server).out).items())
        running = databases.database("mysql")
        schema = running.create()
        server = servers.rows_server(os.path.join(directory, "rows"))
        running.sql(schema, servers.mysql_text(server))
        server.put(server.home + "/etc/vpopmail.mysql", running.connection(schema) + "\n",
                   servers.OWNER, 0o640)
        file.write("[rows]\n")
        file.writelines(f"{address}\t{ends}\n" for address,
                        ends in rows_of(ask(server).out).items())
    databases.close_all()


def tearDownModule():
    databases.close_all()


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        support.main()
