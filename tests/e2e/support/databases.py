"""Private databases for the end-to-end tests, and mail servers that keep their accounts in them.

The servers are those of tests/support/database.py, one of each kind a run. It must not know what
any single test checks.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from . import captures, program, servers

SCRIPT = os.path.join(program.TREE, "tests/support/database.py")
PASSWORD = "Secret-of-the-tests"
NOT_INSTALLED = 125
DEFINES = {"cdb": "USE_CDB", "mysql": "USE_MYSQL", "pgsql": "USE_POSTGRES", "sqlite": "USE_SQLITE"}
RUNNING = {}
# Every apply ends with a sync of its file system; in memory that waits for nobody else's files.
if os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"


class Database:
    """A private MariaDB or PostgreSQL. With `megabytes` it stands on a file system of its own of
    that size, where it may be mounted; else the test is skipped."""

    def __init__(self, kind, megabytes=None):
        self.kind, self.count, self.is_mounted = kind, 0, False
        # Tests that do several things at once share the one pipe.
        self.asking = threading.RLock()
        self.place = tempfile.TemporaryDirectory(prefix="vstate-db-")
        if megabytes:
            if not shutil.which("mount"):
                raise unittest.SkipTest("a small file system cannot be mounted here: no mount(8)")
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m",
                                   "vstate-test", self.place.name], capture_output=True, text=True)
            if done.returncode != 0:
                self.place.cleanup()
                raise unittest.SkipTest("a small file system cannot be mounted here: "
                                        + done.stderr.strip())
            self.is_mounted = True
        os.chmod(self.place.name, 0o755)
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, kind, os.path.join(self.place.name, kind)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *command):
        with self.asking:
            return self.ask_alone(command)

    def ask_alone(self, command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer and self.process.wait() == NOT_INSTALLED:
            raise unittest.SkipTest(f"the programs of {self.kind} are not installed")
        if not answer:
            raise RuntimeError(f"the private {self.kind} ended with {self.process.wait()}")
        answer = json.loads(answer)
        if not answer["ok"]:
            raise RuntimeError(answer["output"])
        return answer["output"]

    def create(self, charset="utf8mb4"):
        """An empty database of its own name."""
        self.count += 1
        name = f"mail{self.count}"
        self.ask("create", name, charset)
        return name

    def copy(self, name):
        """A database of its own name with the tables and rows of another, which nobody uses."""
        with self.asking:
            self.count += 1
            made = f"mail{self.count}"
            self.ask("copy", name, made)
        return made

    def drop(self, name):
        self.ask("drop", name)

    def tables(self, name):
        """Table -> its rows, sorted, but for the numbers that the database gives them: those of a
        transaction that was taken back are not given again."""
        found = {}
        for table in self.ask("tables", name).split():
            columns = self.sql(name, "SELECT column_name FROM information_schema.columns WHERE "
                               f"table_name = '{table}' AND column_name <> 'id' "
                               f"AND table_schema IN ('{name}', 'public')").split()
            rows = self.rows(name, f"SELECT {', '.join(columns)} FROM {table}")
            found[f"table {table}"] = sorted(rows)
        return found

    def connection(self, name):
        return self.ask("connection", name)

    def sql(self, name, text):
        return self.ask("sql", name, text)

    @contextlib.contextmanager
    def held(self, name, text):
        """Another session has done this and not committed it."""
        self.ask("hold", name, text)
        try:
            yield
        finally:
            self.ask("release")

    def rows(self, name, text):
        return [line.split("\t") for line in self.sql(name, text).splitlines()]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        if self.is_mounted:
            subprocess.run(["umount", self.place.name], check=True)
        self.place.cleanup()

    def fill(self):
        """Takes what its file system has left, up to a little; returns the file that has it."""
        path = os.path.join(self.place.name, "filler")
        with open(path, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                file.truncate(max(file.tell() - (1 << 18), 0))
        return path


def compiled():
    """The back-ends that the program has."""
    out = program.run("--version").out
    return out[out.index("accounts: ") + 10:out.index(")")].split(", ")


def database(kind):
    """The one server of a kind; the test is skipped where it cannot be had."""
    if kind not in compiled():
        raise unittest.SkipTest(f"{program.VSTATE} was built without {kind}")
    if kind not in RUNNING:
        made = Database(kind)
        try:
            made.ask("start")
        except unittest.SkipTest:
            made.close()
            raise
        RUNNING[kind] = made
    return RUNNING[kind]


def close_all():
    for running in RUNNING.values():
        running.close()
    RUNNING.clear()


def mail_server(case, name, backend, version="5.6", many=True, engine="InnoDB", charset="utf8mb4",
                clear=False, **options):
    """An empty mail server below the test's directory that keeps its accounts so. `database` and
    `schema` of the result are the private server and the name of its own database there."""
    server = case.server(name, version=version, clear=clear, **options)
    words = [DEFINES[backend]]
    if backend != "cdb":
        words += ["VALIAS", "ENABLE_MYSQL_LIMITS"] + (["MANY_DOMAINS"] if many else [])
        words += ["ENABLE_SQL_ALIASDOMAINS"] if version == "5.6" else []
    path = server.at(server.home + "/include/vpopmail_config.h")
    with open(path, "a", encoding="ascii") as config:
        config.writelines(f"#define {word} 1\n" for word in words)
    server.database = server.schema = None
    if backend in ("mysql", "pgsql"):
        server.database = database(backend)
        if backend == "mysql":
            server.database.sql("mysql", f"SET GLOBAL default_storage_engine = {engine}")
        server.schema = server.database.create(charset)
        server.write(f"{server.home}/etc/vpopmail.{backend}",
                     server.database.connection(server.schema) + "\n", mode=0o640,
                     owner=servers.OWNER)
    return server


def captured_server(directory, kind):
    """The server of a capture with its database loaded into a private server."""
    running = database(kind)
    home, short = os.path.join(captures.CAPTURES, f"vp56-{kind}"), {"mysql": "my",
                                                                    "pgsql": "pg"}[kind]
    server = servers.Server(home, f"/opt/real/vp56{short}", f"/opt/real/q56{short}", named=True)
    server.database, server.schema = running, running.create()
    running.ask("load", server.schema, os.path.join(home, "opt/real/dump/vpopmail.sql"))
    # The capture's own file says where the database was.
    path = os.path.join(directory, f"connection.{kind}")
    with open(path, "w", encoding="ascii") as file:
        file.write(running.connection(server.schema) + "\n")
    server.options += ["--connection", path]
    return server
