#!/usr/bin/env python3
"""database.py mysql|pgsql DIR

Keeps a private MariaDB or PostgreSQL server for the tests: its data and its socket are below DIR,
nobody else reaches it, and both are gone when standard input ends. As root the server runs as an
unprivileged user. Exits with 125 when the programs are not installed.

Each line of standard input is a JSON list, a command and its arguments; each answer is one line,
{"ok": true, "output": "..."} or {"ok": false, "output": "what is wrong"}:

    ["start", OPTION...]          starts it, again after "kill" or "stop"
    ["kill"]                      SIGKILL, as if the machine's memory were gone
    ["stop"]                      ends it properly
    ["create", DATABASE, CHARSET] an empty database for the user vpopmail; the character set is
                                  MariaDB's, and utf8mb4 if not given
    ["sql", DATABASE, TEXT]       runs statements as the administrator; rows are TAB separated
    ["load", DATABASE, FILE]      the same for a dump
    ["hold", DATABASE, TEXT]      runs statements in a session that stays open, with its locks
    ["release"]                   ends that session, and takes back what it did not commit
"""

import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time

USER, PASSWORD = "vpopmail", "Secret-of-the-tests"
PATIENCE = 60
MOST_STARTS = 6


def unprivileged(*names):
    """Who the server runs as, and nothing where we are nobody special ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Private:
    """What both kinds have in common: a process that can be started, stopped, and killed."""

    def __init__(self, directory, owner):
        self.directory, self.owner, self.process, self.holder = directory, owner, None, None
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        if owner:
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        self.log = open(os.path.join(directory, "log"), "ab")

    def as_owner(self):
        if not self.owner:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def run(self, *command, stdin=subprocess.DEVNULL, **options):
        done = subprocess.run(command, stdin=stdin, capture_output=True, cwd=self.directory,
                              **options)
        if done.returncode != 0:
            raise RuntimeError((done.stderr or done.stdout).decode("utf-8", "replace").strip())
        return done.stdout.decode("utf-8", "surrogateescape")

    def begin(self, options):
        self.process = subprocess.Popen(self.command(options), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, cwd=self.directory,
                                        start_new_session=True, **self.as_owner())

    def start(self, *options):
        """Processes of a server that was killed may be in the way of the next one for a moment:
        each of PostgreSQL's is in a session of its own."""
        self.begin(options)
        end, tries = time.monotonic() + PATIENCE, 1
        while not self.is_ready():
            has_ended = self.process.poll() is not None
            if has_ended and tries < MOST_STARTS:
                tries += 1
                time.sleep(0.5)
                self.begin(options)
            elif has_ended or time.monotonic() > end:
                with open(self.log.name, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("the server does not start: " + log.read()[-2000:])
            time.sleep(0.03)

    def hold(self, database, text):
        self.holder = subprocess.Popen(self.session(database), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.holder.stdin.write(text + "; SELECT 'held';\n")
        self.holder.stdin.flush()
        if self.holder.stdout.readline() != "held\n":
            self.release()
            raise RuntimeError("the session ended before it held anything")

    def release(self):
        if self.holder is not None:
            self.holder.communicate()
            self.holder = None

    def end(self, number):
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait()
        self.process = None

    def kill(self):
        """With all of its group."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            time.sleep(0.05)

    def stop(self):
        self.end(self.polite)

    def remove(self):
        self.release()
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Mysql(Private):
    polite = signal.SIGTERM

    def __init__(self, directory):
        self.program = shutil.which("mariadbd") or shutil.which("mysqld", path="/usr/sbin:/usr/bin")
        self.install = shutil.which("mariadb-install-db")
        self.client = shutil.which("mariadb") or shutil.which("mysql")
        if not (self.program and self.install and self.client):
            sys.exit(125)
        super().__init__(directory, unprivileged("mysql"))
        self.socket = os.path.join(directory, "socket")
        self.run(self.install, "--no-defaults", f"--datadir={directory}/data",
                 "--auth-root-authentication-method=normal", "--skip-test-db",
                 "--innodb-log-file-size=8M", **self.as_owner())

    def command(self, options):
        return [self.program, "--no-defaults", f"--datadir={self.directory}/data",
                f"--socket={self.socket}", f"--pid-file={self.directory}/pid", "--skip-networking",
                "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--skip-log-bin",
                "--innodb-flush-log-at-trx-commit=2", "--performance-schema=OFF", *options]

    def is_ready(self):
        return subprocess.run([self.client, "--no-defaults", f"--socket={self.socket}", "-uroot",
                               "-e", "SELECT 1"], stdin=subprocess.DEVNULL,
                              capture_output=True).returncode == 0

    def session(self, database, *options):
        return [self.client, "--no-defaults", f"--socket={self.socket}", "-uroot", "-N", "-B",
                "--unbuffered", "--default-character-set=utf8mb4", *options, database]

    def sql(self, database, text):
        return self.run(*self.session(database, "-e", text))

    def create(self, database, charset="utf8mb4"):
        self.sql("mysql", f"DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database} "
                          f"CHARACTER SET {charset}; "
                          f"GRANT ALL ON {database}.* TO '{USER}'@'localhost' "
                          f"IDENTIFIED BY '{PASSWORD}'")

    def tables(self, database):
        return self.sql(database, "SHOW TABLES")

    def copy(self, database, made):
        self.create(made)
        self.sql(made, "; ".join(f"CREATE TABLE {table} LIKE {database}.{table}; "
                                 f"INSERT INTO {table} SELECT * FROM {database}.{table}"
                                 for table in self.tables(database).split()) or "SELECT 1")

    def drop(self, database):
        self.sql("mysql", f"DROP DATABASE {database}")

    def load(self, database, path):
        with open(path, "rb") as dump:
            return self.run(self.client, "--no-defaults", f"--socket={self.socket}", "-uroot",
                            database, stdin=dump)

    def connection(self, database):
        return f"localhost|{self.socket}|{USER}|{PASSWORD}|{database}"


class Pgsql(Private):
    polite = signal.SIGINT

    def __init__(self, directory):
        places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
        found = [place for place in places if os.path.exists(os.path.join(place, "initdb"))]
        self.client = shutil.which("psql")
        if not found or not self.client:
            sys.exit(125)
        super().__init__(directory, unprivileged("postgres"))
        self.bin = found[0]
        self.run(os.path.join(self.bin, "initdb"), "-D", f"{directory}/data", "-U", "postgres",
                 "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", **self.as_owner())
        with open(f"{directory}/data/pg_hba.conf", "w", encoding="ascii") as rules:
            rules.write("local all postgres trust\nlocal all all md5\n")

    def command(self, options):
        return [os.path.join(self.bin, "postgres"), "-D", f"{self.directory}/data", "-k",
                self.directory, "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                # In its own directory: what is in /dev/shm outlives a kill.
                "shared_buffers=32MB", "-c", "dynamic_shared_memory_type=mmap", *options]

    def is_ready(self):
        return subprocess.run([self.client, "-h", self.directory, "-U", "postgres", "-c",
                               "SELECT 1", "postgres"], stdin=subprocess.DEVNULL,
                              capture_output=True).returncode == 0

    def session(self, database, *options):
        return [self.client, "-X", "-q", "-t", "-A", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h",
                self.directory, "-U", "postgres", *options, database]

    def psql(self, database, *arguments):
        return self.run(*self.session(database, *arguments))

    def sql(self, database, text):
        return self.psql(database, "-c", text)

    def create(self, database, _charset=None):
        self.sql("postgres", f"DROP DATABASE IF EXISTS {database}")
        self.sql("postgres", f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
                             f"'{USER}') THEN CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; "
                             f"END IF; END $$")
        self.sql("postgres", f"CREATE DATABASE {database} OWNER {USER}")
        self.sql(database, f"ALTER SCHEMA public OWNER TO {USER}")

    def tables(self, database):
        return self.sql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

    def copy(self, database, made):
        self.sql("postgres", f"CREATE DATABASE {made} OWNER {USER} TEMPLATE {database}")

    def drop(self, database):
        # A program that was killed may not have been missed there yet.
        self.sql("postgres", f"DROP DATABASE {database} WITH (FORCE)")

    def load(self, database, path):
        out = self.psql(database, "-f", path)
        self.sql(database, f"DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables "
                           f"WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE "
                           f"public.%I OWNER TO {USER}', t); END LOOP; END $$")
        return out

    def connection(self, database):
        return f"{self.directory}||{USER}|{PASSWORD}|{database}"


def main():
    kind, directory = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = {"mysql": Mysql, "pgsql": Pgsql}[kind](os.path.abspath(directory))
    commands = {name: getattr(server, name) for name in
                ("start", "kill", "stop", "create", "copy", "drop", "tables", "sql", "load", "hold",
                 "release", "connection")}
    try:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                answer = {"ok": True, "output": commands[name](*arguments) or ""}
            except (RuntimeError, OSError) as error:
                answer = {"ok": False, "output": str(error)}
            print(json.dumps(answer), flush=True)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
