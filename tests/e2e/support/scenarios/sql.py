"""Servers that keep their accounts in a database: each copy of the base has a copy of it."""

import os

from .. import databases, domains, program
from ..scenario import NAME, Scenario, vstate

MORE = '[alias.sales]\ndeliver = ["&alice@example.com"]\n'


class SqlScenario(Scenario):
    """Changes of each kind on a server with this back-end."""

    backend = None
    sockets = True
    plan = [program.VSTATE, "--root", "new", "plan", "file.toml"]
    verify = vstate("--root", "new", "verify", "file.toml")
    command = vstate("--root", "new", "apply", "file.toml")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        databases.close_all()

    def setUp(self):
        super().setUp()
        self.new = databases.mail_server(self, "base/new", self.backend)
        self.copies = {}

    def write_file(self, text):
        with open(os.path.join(self.base, "file.toml"), "w", encoding="utf-8") as file:
            file.write(text)

    def live_before(self):
        self.write_file(domains.domain_text(NAME, ("postmaster", "alice", "bob"), more=MORE))
        self.in_base("--root", "new", "apply", "file.toml")
        more = MORE.replace("&alice", "&postmaster") + '[alias.new]\ndeliver = ["&x@y.example"]\n'
        self.write_file(domains.domain_text(NAME, ("postmaster", "alice", "carol"), more=more,
                                            head='aliases = ["also.example"]').replace(
            '[mailbox."alice"]\n', '[mailbox."alice"]\nquota = { bytes = 4096 }\n'))

    def test_first_apply(self):
        more = MORE + "[domain.limits]\nmax_aliases = 5\n"
        self.write_file(domains.domain_text(NAME, ("postmaster", "alice", "bob"), more=more,
                                            head='aliases = ["also.example"]'))
        self.converge()

    def test_prune(self):
        self.live_before()
        self.command = [*self.command, "--prune", "--yes"]
        self.plan = [*self.plan, "--prune"]
        self.converge()


class ServedScenario(SqlScenario):
    """The database is a server's, which does not lie below the root."""

    def connection(self, work):
        return os.path.join(work, f"new{self.new.home}/etc/vpopmail.{self.backend}")

    def work_on(self, name):
        work = super().work_on(name)
        running = self.new.database
        self.copies[work] = running.copy(self.new.schema)
        # Its place, owner and mode stay.
        with open(self.connection(work), "w", encoding="ascii") as file:
            file.write(running.connection(self.copies[work]) + "\n")
        return work

    def forget(self, work):
        super().forget(work)
        self.new.database.drop(self.copies.pop(work))

    def picture(self, work, more_without=()):
        found = super().picture(work, (rf"etc/vpopmail\.{self.backend}$", *more_without))
        found.update(self.new.database.tables(self.copies[work]))
        return found


class Sqlite(SqlScenario):
    backend = "sqlite"
    sockets = False
    # A database file tells when it was changed by counters of its own.
    without = (r"\.(sqlite|db)$",)


class Mysql(ServedScenario):
    backend = "mysql"


class Pgsql(ServedScenario):
    backend = "pgsql"


ALL = (Sqlite, Mysql, Pgsql)
