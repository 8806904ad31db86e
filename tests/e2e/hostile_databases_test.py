"""A database is what vpopmail's user, or whoever runs the server that its file names, makes of it.
Working in it as root gives nobody root's rights over any other file: none is read, changed, given
away, or removed."""

import contextlib
import os
import socket
import sqlite3
import struct
import threading
import unittest

import support
from support import databases, domain_text

NAME = "example.com"
CANARY = b"canary-that-vpopmail-may-not-read"
SECRET = "/etc/secret"
PAGE = 4096
MAGIC = bytes.fromhex("d9d505f920a163d7")


def hot_journal(page=b"", super_journal=b""):
    """As a program leaves it that was killed in a transaction (fileformat2.html): what the first
    page was, and the name of a journal that says of several databases whether the transaction was
    committed."""
    size = 512
    head = MAGIC + struct.pack(">IIIII", 1 if page else 0, 0, 1, size, PAGE)
    out = head.ljust(size, b"\0")
    if page:
        number = sum(page[at] for at in range(PAGE - 200, 0, -200))
        out += struct.pack(">I", 1) + page + struct.pack(">I", number & 0xFFFFFFFF)
    if super_journal:
        out += struct.pack(">I", 1073741824 // PAGE + 1) + super_journal + struct.pack(
            ">II", len(super_journal), sum(super_journal)) + MAGIC
    return out


def link(name, target=SECRET):
    def plant(case, server, path):
        os.symlink(server.at(target), path + name)
        os.lchown(path + name, *support.OWNER)
    return plant


def names_other_journal(case, server, path):
    server.write(path + "-journal", hot_journal(super_journal=server.at(SECRET).encode()), 0o600,
                 support.OWNER)


def played_back_from_outside(case, server, path):
    """A journal that only root may read, with a page in which somebody would find what it holds."""
    with open(path, "rb") as file:
        page = file.read(PAGE)
    server.write(SECRET, hot_journal(page[:-len(CANARY)] + CANARY), 0o600)
    link("-journal")(case, server, path)


def in_wal_mode(plant):
    def both(case, server, path):
        with open(path, "r+b") as file:
            file.seek(18)
            file.write(b"\2\2")
        plant(case, server, path)
    return both


def other_database(by_link):
    """The file itself is another one of root's, which may hold anything."""
    def plant(case, server, path):
        with open(path, "rb") as file:
            outside = server.write(SECRET, file.read(), 0o600)
        os.unlink(path)
        (os.symlink if by_link else os.link)(outside, path)
    return plant


def second_name(name):
    def plant(case, server, path):
        os.link(server.at(SECRET), path + name)
    return plant


def fifo(name):
    def plant(case, server, path):
        if not name:
            os.unlink(path)
        os.mkfifo(path + name, 0o600)
        os.chown(path + name, *support.OWNER)
    return plant


#: What somebody with the rights of vpopmail puts beside the database, or in its place.
PLANTED = {
    "journal that is a link": link("-journal"),
    "journal that is a link to one of root's": played_back_from_outside,
    "journal that names another": names_other_journal,
    "journal with another name": second_name("-journal"),
    "log with another name": in_wal_mode(second_name("-wal")),
    "index of the log with another name": in_wal_mode(second_name("-shm")),
    "link to nothing as a journal": link("-journal", "/etc/new"),
    "log that is a link": in_wal_mode(link("-wal")),
    "index of the log that is a link": in_wal_mode(link("-shm")),
    "log that is a link to nothing": in_wal_mode(link("-wal", "/etc/new")),
    "index of the log that is a link to nothing": in_wal_mode(link("-shm", "/etc/new")),
    "file that is a link": other_database(True),
    "file with another name": other_database(False),
    "fifo as the file": fifo(""),
    "fifo as a journal": fifo("-journal"),
    "fifo as a log": in_wal_mode(fifo("-wal")),
}
#: Whose the database is: a copy that somebody made as root may still be root's.
OWNERS = {"of vpopmail": support.OWNER, "of root": (0, 0)}


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class SqliteTest(support.SandboxCase):
    def test_planted(self):
        if "sqlite" not in databases.compiled():
            self.skipTest(f"{support.VSTATE} was built without sqlite")
        more = '[alias.sales]\ndeliver = ["&alice@example.com"]\n'
        file = self.file("one.toml", domain_text(mailboxes=("postmaster", "alice"), more=more))
        other = self.file("other.toml", domain_text(mailboxes=("postmaster", "alice", "bob")))
        for title, plant in PLANTED.items():
            for whose, owner in OWNERS.items():
                with self.subTest(title, whose=whose):
                    name = f"{title} {whose}".replace(" ", "-").replace("'", "")
                    server = databases.mail_server(self, name, "sqlite")
                    self.apply(server, file)
                    server.write(SECRET, CANARY, 0o600)
                    path = server.at(f"{server.home}/domains/_vpopmail.sqlite")
                    os.chown(path, *owner)
                    plant(self, server, path)
                    outside = support.snapshot(server.at("/etc"))
                    for command in (("plan", other), ("dump", NAME), ("verify", file),
                                    ("apply", other),
                                    ("apply", "--prune", "--yes", "--max-delete", "9", file)):
                        outcome = server.vstate(*command, timeout=60)
                        self.assertIn(outcome.code, (0, 1, 2, 3, 75), (command, outcome))
                        now = support.snapshot(server.at("/etc"))
                        changed = support.changed_paths(outside, now)
                        self.assertEqual(changed, [], (command, outcome))
                        self.assertNotIn(CANARY.decode(), outcome.out + outcome.err)
                        if os.path.isfile(path) and not os.path.islink(path):
                            with open(path, "rb") as database:
                                self.assertNotIn(CANARY, database.read(), command)

    def test_journal_of_a_killed_program(self):
        """What was done half is not seen, and the next that writes takes it back."""
        if "sqlite" not in databases.compiled():
            self.skipTest(f"{support.VSTATE} was built without sqlite")
        server = databases.mail_server(self, "honest", "sqlite")
        file = self.file("one.toml", domain_text(mailboxes=("postmaster", "alice")))
        self.apply(server, file)
        dumped = server.vstate("dump", NAME).out
        path = server.at(f"{server.home}/domains/_vpopmail.sqlite")
        with open(path, "rb") as database:
            whole = database.read()
        child = os.fork()
        if child == 0:
            os.setgid(support.OWNER[1])
            os.setuid(support.OWNER[0])
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE vpopmail SET pw_name = 'x' || pw_name")
            connection.execute("CREATE TABLE more (a)")
            for _ in range(200):
                connection.execute("INSERT INTO more VALUES (zeroblob(2000))")
            os._exit(0)
        os.waitpid(child, 0)
        self.assertTrue(os.path.exists(path + "-journal"))
        with open(path, "rb") as database:
            self.assertNotEqual(database.read(), whole)

        def contents():
            return {name: server.read(f"{path}{name}") for name in ("", "-journal")}

        before = contents()
        # Who reads sees what was there before, and leaves both files alone.
        self.check_nothing_to_do(server, file)
        self.assertEqual(server.vstate("dump", NAME).out, dumped)
        self.assertTrue(contents() == before)
        more = self.file("more.toml", domain_text(mailboxes=("postmaster", "alice", "bob")))
        self.apply(server, more)
        self.check_nothing_to_do(server, more)
        self.assertFalse(os.path.exists(path + "-journal"))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT pw_name FROM vpopmail ORDER BY 1").fetchall()
        self.assertEqual(names, [("alice",), ("bob",), ("postmaster",)])


def packet(number, data):
    return struct.pack("<I", len(data))[:3] + bytes([number]) + data


class RogueMysql(threading.Thread):
    """A server of MySQL's protocol that answers with a request for a file of the client's, from the
    query of a number on, or then says no more."""

    def __init__(self, wanted, from_query, is_silent=False):
        super().__init__(daemon=True)
        self.wanted, self.from_query, self.is_silent = wanted, from_query, is_silent
        self.heard, self.asked = b"", 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]

    def close(self):
        self.listening.close()

    def run(self):
        while True:
            try:
                talk, _ = self.listening.accept()
            except OSError:
                return
            with talk:
                try:
                    self.serve(talk)
                except OSError:
                    pass

    def take(self, talk):
        head = talk.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            raise ConnectionError
        body = talk.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL)
        self.heard += head + body
        return head[3], body

    def serve(self, talk):
        salt = b"abcdefgh", b"ijklmnopqrst\0"
        # All that a server can do, files of the client's too.
        flags = 0x00008200 | 0x00000080 | 0x00080000 | 0x00000008 | 0x00020000
        talk.sendall(packet(0, b"\x0a" + b"5.7.40\0" + struct.pack("<I", 7) + salt[0] + b"\0"
                            + struct.pack("<H", flags & 0xFFFF) + b"\x2d\x02\0"
                            + struct.pack("<H", flags >> 16) + b"\x15" + bytes(10) + salt[1]
                            + b"mysql_native_password\0"))
        number, _ = self.take(talk)
        good = b"\0\0\0\2\0\0\0"
        talk.sendall(packet(number + 1, good))
        queries = 0
        while True:
            number, body = self.take(talk)
            if body[:1] == b"\x01":
                return
            queries += 1
            if queries < self.from_query and body[:1] == b"\x03":
                talk.sendall(packet(number + 1, good))
                continue
            self.asked += 1
            if self.is_silent:
                talk.shutdown(socket.SHUT_WR)
                return
            talk.sendall(packet(number + 1, b"\xfb" + self.wanted))
            while True:  # the file, and an empty packet behind it
                number, body = self.take(talk)
                if not body:
                    break
            talk.sendall(packet(number + 1, good))


class MysqlTest(support.SandboxCase):
    def test_asks_for_a_file(self):
        """Whichever query it answers so: nothing is sent, the run ends with an error, and in
        time."""
        if "mysql" not in databases.compiled():
            self.skipTest(f"{support.VSTATE} was built without mysql")
        secret = self.file("secret", CANARY.decode() * 10)
        file = self.file("one.toml", domain_text())
        for from_query, is_silent in ((1, False), (2, False), (3, False), (4, False), (1, True),
                                      (3, True)):
            with self.subTest(from_query=from_query, is_silent=is_silent):
                rogue = RogueMysql(secret.encode(), from_query, is_silent)
                rogue.start()
                server = self.server(f"rogue-{from_query}-{is_silent}")
                with open(server.at(server.home + "/include/vpopmail_config.h"), "a",
                          encoding="ascii") as config:
                    config.write("#define USE_MYSQL 1\n")
                server.write(f"{server.home}/etc/vpopmail.mysql",
                             f"127.0.0.1|{rogue.port}|vpopmail|x|vpopmail\n",
                             0o640, support.OWNER)
                for command in (("plan", file), ("apply", file)):
                    outcome = server.vstate(*command, timeout=60)
                    self.check_exit(outcome, 1)
                    self.assertRegex(outcome.err,
                                     "^vstate: .*database vpopmail of vpopmail@127.0.0.1")
                rogue.close()
                self.assertGreater(rogue.asked, 0)
                self.assertNotIn(CANARY, rogue.heard)


if __name__ == "__main__":
    support.main()
