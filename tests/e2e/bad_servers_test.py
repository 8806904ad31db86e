"""Wrong servers, wrong archives, wrong command lines: the exact messages, the exit codes, and that
nothing was changed. DIR in a message is the test's own directory."""

import os
import re
import shutil
import subprocess
import sys
import tarfile

import support
from support import MD5, domain_text
from support.archives import tar_with

NAME = "example.com"
ASSIGN, CDB = "/var/qmail/users/assign", "/var/qmail/users/cdb"
CONFIG = "/srv/vpop/include/vpopmail_config.h"
DOMAIN = "/srv/vpop/domains/example.com/"
LOCKED = "another vstate is at work on this server"
HOLD_LOCK = ("import fcntl, sys, time; lock = open(sys.argv[1], 'r+b'); "
             "fcntl.lockf(lock, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)")


def write(path, text):
    return lambda server: server.write(server.at(path), text)


def define(word):
    return lambda server: server.write(server.at(CONFIG), server.read(server.at(CONFIG)).decode()
                                       + f"#define {word} 1\n")


def remove(path):
    return lambda server: shutil.rmtree(server.at(path))


def database(word, backend, connection, message):
    """A server that keeps its accounts in a database: by its configuration, or, without one, by its
    connection file. A program that was built without that back-end says so instead."""
    def spoil(server):
        if word:
            define(word)(server)
        else:
            os.unlink(server.at(CONFIG))
        if connection is not None:
            server.write(f"/srv/vpop/etc/vpopmail.{backend}", connection)
    if backend not in support.run("--version").out:
        message = (f"this server keeps its accounts in {backend}, which this build of vstate was "
                   f"compiled without")
    return spoil, message


def bob(**fields):
    keys = {"password": MD5, **fields}
    return domain_text(more="[mailbox.bob]\n" + "".join(f'{k} = "{v}"\n' for k, v in keys.items()))


# What is done to an empty server, and the message.
NO_SERVER = [
    (remove("/var/qmail/control"),
     '/var/qmail: there is no qmail here (no directory "control" below '
     'ROOT); name its directory with --qmail-dir'),
    (remove("/srv/vpop"), "vpopmail: there is no vpopmail here below ROOT; name its home "
                          "with --vpopmail-dir"),
    database("USE_MYSQL", "mysql", None,
             "/srv/vpop/etc/vpopmail.mysql: is missing; it says how to reach MySQL"),
    database(None, "mysql", "# a comment\nlocalhost|0|root|canary\n",
             "/srv/vpop/etc/vpopmail.mysql: line 2: 4 fields, 5 expected: "
             "host|port|user|password|database"),
    database("USE_MYSQL", "mysql", "localhost|x|root|canary|vpopmail\n",
             "/srv/vpop/etc/vpopmail.mysql: line 1: the second field is no port"),
    database("USE_POSTGRES", "pgsql", "localhost|70000|postgres|canary|vpopmail\n",
             "/srv/vpop/etc/vpopmail.pgsql: line 1: the second field is no port"),
    database("USE_POSTGRES", "pgsql", "\n", "/srv/vpop/etc/vpopmail.pgsql: no line says how to "
             "connect"),
    (write(CONFIG, '#define PACKAGE_VERSION "4.9"\n'),
     "vpopmail 4.9 is not known; 5.4 and 5.6 are"),
]
# Options of the server, a file that it cannot hold, and the message.
V54 = {"version": "5.4"}
REFUSED = [
    ({}, domain_text(mailboxes=["postmaster", "a"]),
     "mailbox a: a name of one character clashes with the hashed directories of this server; "
     "--exclude mailbox.a leaves it out"),
    (V54, domain_text(mailboxes=["postmaster", "x" * 33]),
     f"mailbox {'x' * 33}: its name has 33 characters, this server takes 32; "
     f"--exclude mailbox.{'x' * 33} leaves it out"),
    (V54, bob(gecos="g" * 49), "mailbox bob: gecos has 49 bytes, this server keeps 48; "
     "--exclude mailbox.bob leaves it out"),
    ({"version": "5.4", "clear": True}, bob(clear_password="canary" * 30),
     "mailbox bob: its line in vpasswd would have 271 bytes, this server reads 255 (the hash alone "
     "has 34)"),
    (V54, bob(password="{CRYPT}" + MD5), "mailbox bob: the password has a {SCHEME} prefix, which "
                                         "vpopmail 5.4 never matches; remove the prefix; "
                                         "--exclude mailbox.bob leaves it out"),
    ({}, bob(password="$99$canarysalt$canaryhash"),
     "mailbox bob: this system's crypt(3) does not accept the password's hash (unknown scheme); "
     "--exclude mailbox.bob leaves it out"),
    ({}, bob(gecos="a:b"), "mailbox bob: gecos: a colon cannot be written to vpasswd"),
    ({}, bob(gecos="a\\nb"), "mailbox bob: gecos: a newline cannot be written to vpasswd"),
    ({}, bob() + '[[file]]\npath = "bob/x"\ntext = "x"\n',
     "file bob/x: is in the home of mailbox bob on this server; begin the path with {mailbox:bob}, "
     "or leave it out with --exclude"),
    ({}, domain_text("localdomain"),
     "domain localdomain: its name has no dot, which vpopmail 5.6 refuses"),
    ({}, domain_text("example.c"),
     "domain example.c: its name has a last label that is not 2 to 63 "
     "characters long, which vpopmail 5.6 refuses"),
    ({}, domain_text(more="[list.alice]\n"),
     "list alice: needs the directory alice that mailbox alice needs too"),
]
# Command lines; FILE is a file without an error.
COMMANDS = [
    (["plan"], "FILE is required; see vstate --help"),
    ([], "A subcommand is required; see vstate --help"),
    (["frobnicate"], "A subcommand is required; see vstate --help"),
    (["plan", "FILE", "--nonsense"],
     "The following argument was not expected: --nonsense; see vstate --help"),
    (["dump"], "name the domains to dump, or say --all, or --server"),
    (["dump", "--all", "a.org"], "name the domains to dump, or say --all, or --server"),
    (["plan", "FILE", "--color", "pink"],
     "--color: pink not in {auto,always,never}; see vstate --help"),
    (["--backend", "oracle", "plan", "FILE"],
     "--backend: oracle not in {auto,cdb,mysql,pgsql,sqlite}; see vstate --help"),
]


ARCHIVES = [
    (tar_with("Maildir/../../up"), 'entry "Maildir/../../up": a name that leads up ("..")'),
    (tar_with("/etc/passwd"), 'entry "/etc/passwd": an absolute name'),
    (tar_with("Maildir/dev", tarfile.CHRTYPE),
     'entry "Maildir/dev": a device or socket is not accepted'),
    (tar_with("Maildir/fifo", tarfile.FIFOTYPE), 'entry "Maildir/fifo": a fifo is not accepted'),
    (tar_with("Maildir/new/1", data=b"x" * 4000)[:3000],
     "the archive is broken or cut off: Truncated tar archive"),
    (b"", "the archive is empty"),
    (b"this is no archive at all", "the archive is broken or cut off: Unrecognized archive format"),
]


WITH_ARCHIVE = domain_text(mailboxes=["postmaster"], more=(
    f'[mailbox.alice]\nmail = {{ archive = "alice.tar", sha256 = "{"0" * 64}" }}\n'))


class WrongServerTest(support.SandboxCase):
    def check_refused(self, server, path, message, code=1, commands=("plan", "apply")):
        before = server.snapshot()
        for command in commands:
            outcome = self.check_exit(server.vstate(command, path), code)
            self.assertEqual(outcome.err, f"vstate: {message}\n".replace("DIR", self.directory)
                             .replace("ROOT", server.root))
            self.assertNotIn("canary", outcome.out + outcome.err)
        after = server.snapshot()
        # the run's own lock
        for path in ("var/lib/vstate", "var/lib/vstate/lock", "var", "var/lib"):
            before.pop(path, None), after.pop(path, None)
        self.check_same(before, after)

    def domain(self, name="with", **options):
        """A server with example.com, whose alias domain is example.net."""
        server = self.server(name, **options)
        self.apply(server, self.file("there.toml", domain_text(head='aliases = ["example.net"]')))
        return server

    def test_no_server(self):
        """Detection says what it does not find, or cannot read, and with which option to help
        it."""
        path = self.file("a.toml", domain_text())
        for number, (spoil, message) in enumerate(NO_SERVER):
            with self.subTest(message):
                server = self.server(f"s{number}")
                spoil(server)
                self.check_refused(server, path, message)

    def test_damaged_index(self):
        """An index of qmail that is damaged is named, and made anew from its text."""
        server = self.domain()
        there = os.path.join(self.directory, "there.toml")
        whole = server.read(CDB)
        write(CDB, "short")(server)
        plan = self.check_exit(server.vstate("plan", there))
        self.assertIn(CDB + ": cdb: shorter than its header; the next apply", plan.out)
        self.apply(server, there)
        self.assertEqual(server.read(CDB), whole)
        self.check_nothing_to_do(server, there)

    def test_refused(self):
        """Law 1: what the target cannot hold is named by plan, and apply writes nothing."""
        for number, (options, text, message) in enumerate(REFUSED):
            with self.subTest(message):
                self.check_refused(self.server(f"s{number}", **options),
                                   self.file("a.toml", text), message)

    def test_names_of_others(self):
        """A name that another domain of the server has is not taken from it."""
        server = self.domain()
        self.check_refused(server, self.file("a.toml", domain_text("example.net")), "domain "
                           "example.net: is an alias domain of example.com on this server; remove "
                           "that first")
        text = domain_text("example.org", head='aliases = ["example.net"]')
        self.check_refused(server, self.file("a.toml", text),
                           "alias domain example.net: belongs to "
                           "example.com on this server; remove it there first")

    def test_broken_counter(self):
        """Plan names a .dir-control that apply will need and cannot read."""
        server = self.domain()
        write(DOMAIN + ".dir-control", "x\n")(server)
        self.check_refused(server, self.file("a.toml", bob()),
                           DOMAIN + ".dir-control: 1 lines, 8 expected")

    def test_archives(self):
        """An archive that leads out, holds a device, or is cut off is refused by
        name."""
        server = self.server()
        for data, message in ARCHIVES:
            with self.subTest(message):
                with open(os.path.join(self.directory, "alice.tar"), "wb") as file:
                    file.write(data)
                path = self.file("a.toml", WITH_ARCHIVE)
                place = "DIR/a.toml:10:20: mailbox.alice.mail: DIR/alice.tar: "
                self.check_refused(server, path, place + message)

    def test_digest(self):
        """An archive that is not the one the file was dumped with."""
        self.file("alice.tar", tar_with("Maildir/new/1.host").decode())
        path = self.file("a.toml", WITH_ARCHIVE)
        outcome = self.check_exit(self.server().vstate("plan", path), 1)
        self.assertRegex(outcome.err,
                         r"^vstate: \S+a\.toml:10:20: mailbox\.alice\.mail: \S+alice\.tar "
                         r"has the digest [0-9a-f]{12}…, the file says 0{12}…; take the archive "
                         r"that was dumped with this file\n$")

    def test_locked(self):
        """Exit 75: another run is at work; plan only reads and goes on."""
        server = self.domain()
        path = self.file("a.toml", bob())
        # A process of its own: a snapshot here reads the file, and closing it would end the lock.
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD_LOCK, server.at("/var/lib/vstate/lock")],
            stdout=subprocess.PIPE)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline(), b"held\n")
        self.check_refused(server, path, LOCKED, 75, ["apply"])
        self.check_exit(server.vstate("plan", path))

    def test_unreadable(self):
        """A file that is not there."""
        self.check_refused(self.server(), os.path.join(self.directory, "gone.toml"),
                           "DIR/gone.toml: cannot be read: No such file or directory")

    def test_directory(self):
        """A directory without domain files."""
        self.check_refused(self.server(), self.directory, "DIR: has no file DOMAIN.toml")

    def test_options_file(self):
        """All that is wrong with it is told, with its place, whatever command runs."""
        server = self.server()
        bad = self.file("bad.toml", """colour = "never"
jobs = "many"
quiet = 1

[plan]
prune = "yes"
max-delete = -1
only = "mailbox.a"

[aply]
json = true

[route]
deep = true
""")
        done = self.check_exit(server.vstate("--config", bad, "route", "a@example.com"), 64)
        for place, what in (("1:10", 'there is no option "colour"; did you mean "color"?'),
                            ("2:8", "jobs"), ("3:9", "quiet: is true or false"),
                            ("6:9", "prune: is true or false"), ("7:14", "max-delete"),
                            ("11:8", 'there is no command "aply"'),
                            ("14:8", 'route: there is no option "deep"')):
            self.assertRegex(done.err,
                             f"(?m)^vstate: {re.escape(bad)}:{place}: .*{re.escape(what)}")
        self.assertEqual(len(done.err.splitlines()), 7, done.err)
        broken = self.file("broken.toml", "jobs = \n")
        done = self.check_exit(server.vstate("--config", broken, "route", "a@example.com"), 64)
        self.assertIn(f"{broken}:1:", done.err)
        gone = os.path.join(self.directory, "gone")
        done = self.check_exit(server.vstate("--config", gone, "route", "a@example.com"), 64)
        self.assertIn("No such file", done.err)

    def test_options_file_sets_what_the_command_line_does_not(self):
        server = self.server()
        file = self.file("d.toml", support.domain_text())
        self.check_exit(server.vstate("apply", file))
        other = self.file("other.toml", support.domain_text(mailboxes=["postmaster"]))
        options = self.file("options.toml", f"""root = "{server.root}"
[plan]
prune = true
max-delete = 5
exclude = ["mailbox.nobody", "mailbox.alice"]
[export]
to = "csv"
""")
        planned = self.check_exit(support.run("--config", options, "plan", "--exclude",
                                              "mailbox.postmaster", other))
        self.assertIn("1 to delete", planned.out)
        # A table is of its command alone.
        applied = self.check_exit(support.run("--config", options, "apply", other))
        self.assertIn("kept", applied.out)
        exported = self.check_exit(support.run("--config", options, "export", file))
        self.assertIn("alice", exported.out)

    def test_command_lines(self):
        """Exit 64: a wrong command line, before anything is looked at."""
        server, path = self.server(), self.file("a.toml", domain_text())
        before = server.snapshot()
        for words, message in COMMANDS:
            with self.subTest(words):
                done = server.vstate(*[path if word == "FILE" else word for word in words])
                self.assertEqual((done.code, done.err, done.out), (64, f"vstate: {message}\n", ""))
        self.check_same(before, server.snapshot())


if __name__ == "__main__":
    support.main()
