"""Wrong servers, archives, locks, and command lines: what is said of each to the letter, the exit
status, and that nothing is changed."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import unittest

import support
from support import SHA512, domain_text, mailbox_text

HOME = "/srv/vpop"
DOMDIR = HOME + "/domains/example.com"
CONFIG = HOME + "/include/vpopmail_config.h"
ASSIGN = "/var/qmail/users/assign"
HOLD = ("import fcntl,sys,time; f=open(sys.argv[1],'a'); fcntl.lockf(f,fcntl.LOCK_EX);"
        "print('held',flush=True); time.sleep(120)")


class WrongServerCase(support.SandboxCase):
    def setUp(self):
        self.toml = self.file("d.toml", domain_text())

    def check_refused(self, server, message, path=None, code=1):
        """Plan and apply say exactly this, and leave the server as it is."""
        before = server.snapshot()
        for command in ("plan", "apply"):
            outcome = server.vstate("-q", command, path or self.toml)
            self.assertMultiLineEqual(outcome.err, f"vstate: {message}\n", command)
            self.check_exit(outcome, code)
            after = support.snapshot(server.root, skip=["var/lib"]) | {"var": before["var"]}
            before = {path: entry for path, entry in before.items()
                      if not path.startswith("var/lib")}
            self.check_same(before, after)

    def with_domain(self, **options):
        server = self.server(**options)
        self.apply(server, self.toml)
        return server

    def file_with(self, name="example.com", mailbox=None, **parts):
        if mailbox is not None:
            parts |= {"mailboxes": [], "more": mailbox}
        return self.file("other.toml", domain_text(name, **parts))


class NoServerTest(WrongServerCase):
    def test_no_qmail(self):
        """Detection: there is no qmail below the root."""
        server = self.server()
        shutil.rmtree(server.at("/var/qmail"))
        self.check_refused(server, '/var/qmail: there is no qmail here (no directory "control"); '
                                   "name its directory with --qmail-dir")

    def test_no_vpopmail(self):
        """Detection: the account's home is not there."""
        server = self.server()
        shutil.rmtree(server.at(HOME))
        self.check_refused(server, "vpopmail: there is no vpopmail here; name its home with "
                                   "--vpopmail-dir")

    def test_unknown_version(self):
        """Detection: a vpopmail that is neither 5.4 nor 5.6."""
        server = self.server()
        server.write(CONFIG, '#define PACKAGE_VERSION "6.0"\n')
        self.check_refused(server, "vpopmail 6.0 is not known; 5.4 and 5.6 are")

    def test_database_of_the_header(self):
        """Detection: vpopmail_config.h says MySQL; the cdb files are not touched."""
        server = self.server()
        server.write(CONFIG, '#define PACKAGE_VERSION "5.6.13"\n#define USE_MYSQL 1\n')
        self.check_refused(server, "this server keeps its accounts in MySQL (from "
                                   "vpopmail_config.h), which this build of vstate cannot read")

    def test_database_of_its_files(self):
        """Detection: etc/vpopmail.mysql says MySQL where there is no header."""
        server = self.server()
        os.unlink(server.at(CONFIG))
        server.write(HOME + "/etc/vpopmail.mysql", "localhost|0|u|p|vpopmail\n")
        self.check_refused(server, "this server keeps its accounts in MySQL (from "
                                   "etc/vpopmail.mysql), which this build of vstate cannot read")


class BrokenFilesTest(WrongServerCase):
    def check_rows(self, rows):
        for path, data, message in rows:
            with self.subTest(path=path, message=message):
                server = self.with_domain()
                old = server.read(path) if os.path.exists(server.at(path)) else b""
                server.write(path, old + data[1:] if data[:1] == b"+" else data)
                self.check_refused(server, f"{path}: {message}")
                shutil.rmtree(server.root)

    def test_each_file(self):
        """A file that vpopmail or qmail would misread is named with its line, and nothing of the
        domain is changed around it. Data that begins with "+" is appended to the right file."""
        self.check_rows((
            (ASSIGN, b"=x:y:1:1:/:::\n", 'line 2: the file ends without a "." line'),
            (ASSIGN, b"=x:y:1\n.\n", "line 1: fewer than seven colons"),
            (DOMDIR + "/vpasswd", b"+\n", "line 3: blank line"),
            (DOMDIR + "/vpasswd", b"+x:y:z\n", "line 3: 3 fields, at least 7 expected"),
            ("/var/qmail/users/cdb", b"x", "cdb: shorter than its header"),
            ("/var/qmail/users/cdb", b"\xff" * 3000,
             "cdb: table 0 lies behind the end of the file"),
            (DOMDIR + "/.qmailadmin-limits", b"maxpopaccounts: many\n",
             "line 1: maxpopaccounts: not a whole number"),
            (DOMDIR + "/.qmailadmin-limits", b"#" * 3000,
             "3000 bytes; vpopmail reads no more than 2046")))

    def test_counter_of_the_domains(self):
        """A new domain cannot be placed by a broken counter."""
        server, path = self.server(), HOME + "/domains/.dir-control"
        server.write(path, "x\n")
        self.check_refused(server, path + ": 1 lines, 8 expected")

    @unittest.expectedFailure
    def test_counter_of_the_accounts(self):
        """A new account cannot be placed by a broken counter: plan says so, exit 1."""
        server, path = self.with_domain(), DOMDIR + "/.dir-control"
        server.write(path, "x\n")
        self.check_refused(server, path + ": 1 lines, 8 expected",
                           self.file_with(mailboxes=["postmaster", "alice", "bob"]))


class RefusalsTest(WrongServerCase):
    """What a server's vpopmail cannot hold (law 1) or what belongs to somebody else there."""

    def check_rows(self, rows):
        for message, path, options in rows:
            with self.subTest(message=message):
                server = self.server(**options)
                self.check_refused(server, message, self.file_with(**path))
                shutil.rmtree(server.root)

    def test_names_and_values(self):
        """Each is named by plan and apply before anything is written."""
        old, new, keeps = {"version": "5.4"}, {}, {"version": "5.4", "clear": True}
        self.check_rows((
            ("mailbox a: a name of one character clashes with the hashed directories of this "
             "server",
             {"mailboxes": ["a"]}, new),
            ("mailbox vpasswd: the name clashes with the file vpasswd",
             {"mailboxes": ["vpasswd"]}, new),
            (f"mailbox {'a' * 33}: its name has 33 characters, this server takes 32",
             {"mailboxes": ["a" * 33]}, old),
            ("mailbox alice: gecos has 49 bytes, this server keeps 48",
             {"mailbox": mailbox_text(more=f'gecos = "{"g" * 49}"')}, old),
            ("mailbox alice: gecos has 65 bytes, this server keeps 64",
             {"mailbox": mailbox_text(more=f'gecos = "{"g" * 65}"')}, new),
            ("mailbox alice: its line in vpasswd would have 257 bytes, this server reads 255 "
             "(the hash alone has 106)",
             {"mailbox": mailbox_text(more=f'clear_password = "{"c" * 90}"')}, keeps),
            ("mailbox alice: the password has a {SCHEME} prefix, which vpopmail 5.4 never matches; "
             "remove the prefix",
             {"mailbox": mailbox_text(password="{SHA512-CRYPT}" + SHA512)}, old),
            ("mailbox alice: this system's crypt(3) does not accept the password's hash "
             "(unknown scheme)", {"mailbox": mailbox_text(password="$9$abc$def")}, new),
            ("domain intranet: its name has no dot, which vpopmail 5.6 refuses",
             {"name": "intranet"}, new),
            ('domain a..example: its name contains "..", which vpopmail 5.6 refuses',
             {"name": "a..example"}, new),
            ("list alice: needs the directory alice that mailbox alice needs too",
             {"more": '[list.alice]\nsubscribers = ["a@example.org"]\n'}, new)))

    def test_alias_domain_of_another(self):
        """The file's domain is an alias of another one there, or its alias belongs to another."""
        server = self.server()
        self.apply(server, self.file_with("real.example", head='aliases = ["example.com"]'))
        self.check_refused(server, "domain example.com: is an alias domain of real.example on this "
                                   "server; remove that first")
        self.check_refused(server, "alias domain example.com: belongs to real.example on this "
                                   "server; remove it there first",
                           self.file_with("new.example", head='aliases = ["example.com"]'))


class WrongArchiveTest(WrongServerCase):
    def archive(self, *names, kind=tarfile.REGTYPE, size=None):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in names:
                entry = tarfile.TarInfo(name)
                entry.type, entry.size = kind, 2 if kind == tarfile.REGTYPE else 0
                tar.addfile(entry, io.BytesIO(b"x\n"[:entry.size]))
        path = os.path.join(self.directory, "a.tar.zst")
        with open(path, "wb") as file:
            file.write(data.getvalue()[:size])
        return self.file_with(mailbox=mailbox_text(
            more='mail = { archive = "a.tar.zst", messages = 1, bytes = 2, '
                 f'sha256 = "{"0" * 64}" }}'))

    def check_archive(self, toml, said):
        server = self.server()
        where = f"{toml}:8:20: mailbox.alice.mail: {self.directory}/a.tar.zst"
        if said.endswith("…"):
            plan = self.check_exit(server.vstate("-q", "plan", toml), 1)
            self.assertTrue(plan.err.startswith(f"vstate: {where}{said[:-1]}"), str(plan))
        else:
            self.check_refused(server, where + said, toml)

    def test_digest(self):
        """The archive is not the one that was dumped with the file."""
        toml = self.archive("Maildir/new/x")
        outcome = self.server().vstate("-q", "plan", toml)
        self.assertRegex(outcome.err, r":8:20: mailbox\.alice\.mail: \S+/a\.tar\.zst has the "
                                      r"digest [0-9a-f]{12}…, the file says 000000000000…; take the "
                                      r"archive that was dumped with this file\n$")

    def test_cut_off(self):
        """The archive ends within an entry."""
        self.check_archive(self.archive("Maildir/new/x", size=700),
                           ": the archive is broken or cut off: …")

    def test_leads_up(self):
        """An entry leads out of the mailbox."""
        self.check_archive(self.archive("../x"), ': entry "../x": a name that leads up ("..")')

    def test_absolute(self):
        """An entry has an absolute name."""
        self.check_archive(self.archive("/etc/x"), ': entry "/etc/x": an absolute name')

    def test_device(self):
        """An entry is a device."""
        self.check_archive(self.archive("Maildir/new/x", kind=tarfile.CHRTYPE),
                           ': entry "Maildir/new/x": a device or socket is not accepted')


class LockTest(WrongServerCase):
    def hold(self, path):
        child = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (child.kill(), child.wait(), child.stdout.close()))
        child.stdout.readline()

    def test_another_run(self):
        """Exit 75 at once while another vstate works on the server; plan may read."""
        server = self.with_domain()
        self.hold(server.at("/var/lib/vstate/lock"))
        before = server.snapshot()
        outcome = self.check_exit(server.vstate("apply", self.toml), 75)
        self.assertEqual(outcome.err, "vstate: another vstate is at work on this server\n")
        self.check_nothing_to_do(server, self.toml)
        self.check_same(before, server.snapshot())

    def test_accounts_are_locked(self):
        """Exit 75 after vpopmail's own patience (about 25 s); accounts are not touched."""
        server = self.with_domain()
        self.hold(server.at(DOMDIR + "/.vpasswd.lock"))
        before = server.read(DOMDIR + "/vpasswd")
        toml = self.file_with(mailboxes=["postmaster", "alice", "bob"])
        outcome = self.check_exit(server.vstate("-q", "apply", toml), 75)
        self.assertEqual(outcome.err, f"vstate: accounts: {DOMDIR}/.vpasswd.lock: locked by "
                                      "another program for 25 s; run it again later\n")
        self.assertEqual(server.read(DOMDIR + "/vpasswd"), before)


class CommandLineTest(WrongServerCase):
    def test_wrong_command_lines(self):
        """Exit 64, with a word on standard error and nothing on standard output."""
        server = self.server()
        for arguments in ([], ["plan"], ["frob"], ["plan", "--frob", self.toml], ["dump"],
                          ["dump", "--all", "x.example"], ["apply"], ["verify"], ["check"],
                          ["dump", "a.example", "b.example"], ["route"], ["plan", "--mail"],
                          ["--color", "x", "plan", self.toml]):
            with self.subTest(arguments=arguments):
                outcome = self.check_exit(server.vstate(*arguments), 64)
                self.assertRegex(outcome.err, r"^vstate: .+\n$")
                self.assertEqual(outcome.out, "")

    @unittest.expectedFailure
    def test_unknown_command_is_named(self):
        """The word that is no command is named."""
        self.assertIn("frob", self.server().vstate("frob").err)

    def test_missing_file(self):
        """A file that is not there."""
        self.check_refused(self.server(), "/nowhere/d.toml: cannot be read", "/nowhere/d.toml")

    @unittest.expectedFailure
    def test_directory_as_file(self):
        """A directory where a file is wanted is the operator's slip, not an internal error."""
        self.check_refused(self.server(), f"{self.directory}: cannot be read", self.directory)

    def test_domain_that_is_not_there(self):
        """dump of a domain that the server does not have: exit 1, no standard output."""
        outcome = self.check_exit(self.server().vstate("dump", "nope.example"), 1)
        self.assertEqual((outcome.out, outcome.err),
                         ("", "vstate: nope.example: there is no such domain on this server\n"))


if __name__ == "__main__":
    support.main()
