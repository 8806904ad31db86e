"""server.toml: a server's own settings are dumped, planned, applied, and verified key by key; what
a target has besides stays, and what is of one machine is left."""

import fcntl
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import support
from support import captures, disturb, needs_root, servers
from support.captures import needs_captures
from support.cases import SandboxCase
from support.program import DEEP, IS_ROOT, NOTHING
from support.sftp import RSH, needs_sftp_server

HEAD = "vstate_server = 1\n"
#: What the captured servers and those of the tests say of themselves.
MACHINE = ("mx-old.example.net", "mail.example.org", "mx1.isp.example", "pg.isp.example",
           "mail2.example.org", "192.0.2.")


class ServerCase(SandboxCase):
    def dump(self, server, *more, code=0):
        return self.check_exit(server.vstate("dump", "--server", *more), code)

    def plan(self, server, text, *more, code=0):
        return self.check_exit(server.vstate("plan", self.file("server.toml", text), *more), code)

    def apply_text(self, server, text, *more, code=0):
        return self.check_exit(server.vstate("apply", self.file("server.toml", text), *more), code)

    def check_settled(self, server, text, *more):
        """Fixed point: nothing to do, all there, and another apply writes nothing."""
        self.assertIn(NOTHING, self.plan(server, text, *more).out)
        path = self.file("server.toml", text)
        before = server.snapshot()
        self.assertIn("is whole", self.check_exit(server.vstate("verify", path, *more)).out)
        self.check_exit(server.vstate("apply", path, *more))
        self.check_same(before, server.snapshot())

    def add_domain(self, server, name="own.example"):
        text = support.domain_text(name, ["postmaster"])
        self.apply(server, self.file("domain.toml", text))

    def add_user(self, server, name):
        passwd = server.read("/etc/passwd").decode()
        server.write("/etc/passwd", f"{passwd}{name}:x:1000:1000::/home/{name}:/bin/sh\n")

    def control(self, server, name):
        return server.read(server.control(name)).decode()


class KeysTest(ServerCase):
    def test_lines_are_added_in_their_place(self):
        """Foreign lines, comments, and their order stay; a name is added where vpopmail would."""
        server = self.server()
        text = HEAD + '[control]\nlocals = ["alpha.example"]\nrcpthosts = ["aaa.example"]\n'
        self.apply_text(server, text)
        self.assertEqual(self.control(server, "locals"),
                         "alpha.example\nlocalhost\nmail2.example.org\n")
        self.assertEqual(self.control(server, "rcpthosts"),
                         "aaa.example\nlocalhost\n# comment\nzzz.example\n")
        self.check_settled(server, text)

    def test_every_kind_of_file(self):
        """One of each shape, onto a server that has none of them."""
        server = self.server()
        text = HEAD + """
[control]
badmailfrom = ["@worse.example", "spammer@bad.example"]
databytes = "20971520"
defaultdelivery = ["./Maildir/"]
defaultdomain = "example.net"
queuelifetime = "86400"
[control.smtproutes]
"" = "relay.example.net"
".intern.example" = "relay.isp.example:26"
[control.virtualdomains]
".lists.example" = "alias-lists"
[vpopmail]
default_domain = "example.net"
tcp_smtp = ["127.:allow,RELAYCLIENT=\\"\\"", "=.bad.example:deny", ":allow"]
[vpopmail.limits]
max_mailboxes = 50
disable = ["webmail"]
[alias.root]
deliver = ["&admin@example.net", "| {vpopmail}/bin/vdelivermail '' delete"]
[alias.lists-default]
deliver = ["./Mailbox"]
forwards_only = true
"""
        outcome = self.apply_text(server, text)
        self.assertEqual(self.control(server, "databytes"), "20971520\n")
        self.assertEqual(self.control(server, "smtproutes"),
                         ":relay.example.net\n.intern.example:relay.isp.example:26\n")
        self.assertEqual(self.control(server, "virtualdomains"),
                         ".lists.example:alias-lists\nzzz.example:foreign\n")
        self.assertEqual(server.read("/srv/vpop/etc/tcp.smtp").decode(),
                         '127.:allow,RELAYCLIENT=""\n=.bad.example:deny\n:allow\n')
        self.assertEqual(server.read("/srv/vpop/etc/vlimits.default").decode(),
                         "maxpopaccounts: 50\ndisable_webmail\n")
        self.assertEqual(server.read("/var/qmail/alias/.qmail-root").decode(),
                         "&admin@example.net\n| /srv/vpop/bin/vdelivermail '' delete\n")
        alias = server.at("/var/qmail/alias/.qmail-lists-default")
        self.assertEqual(os.stat(alias).st_mode & 0o777, 0o744)
        self.assertIn("defaultdelivery, queuelifetime take effect when qmail is started again",
                      outcome.err)
        self.assertIn("tcprules", outcome.err)
        self.assertIn("qmail-send is not running here", outcome.err)
        self.assertIn("tcp.smtp.cdb", self.plan(server, text).out)
        server.write("/srv/vpop/etc/tcp.smtp.cdb", "compiled")
        self.check_settled(server, text)

    def test_what_stands_there_is_kept(self):
        """Comments, keys that stand twice, carriage returns, a missing last newline, an empty
        file."""
        server = self.server()
        server.write(server.control("smtproutes"),
                     "# ours\nA.example:one\n\na.example:two\nb.example:three\r\nlast.example:four")
        server.write(server.control("badmailfrom"), "")
        text = HEAD + """
[control]
badmailfrom = ["x@bad.example"]
[control.smtproutes]
"a.example" = "new"
"c.example" = "five"
"""
        plan = self.plan(server, text)
        self.assertIn("line 5: ends with a carriage return", plan.out)
        self.assertIn("two → new", plan.out)
        self.apply_text(server, text)
        self.assertEqual(server.read(server.control("smtproutes")),
                         b"# ours\nA.example:one\n\na.example:new\nb.example:three\r\n"
                         b"last.example:four\nc.example:five\n")
        self.assertEqual(self.control(server, "badmailfrom"), "x@bad.example\n")
        self.assertIn(NOTHING, self.plan(server, text).out)

    def test_rules_keep_their_order(self):
        """A rule is put before those that the file has behind it; of equal addresses the first
        counts."""
        server = self.server()
        server.write("/srv/vpop/etc/tcp.smtp", "# office\n10.1.:allow\n:deny\n:allow\n")
        text = HEAD + '[vpopmail]\ntcp_smtp = ["127.:allow", "=mail.example:allow", ":allow"]\n'
        self.apply_text(server, text)
        self.assertEqual(server.read("/srv/vpop/etc/tcp.smtp").decode(),
                         "# office\n10.1.:allow\n127.:allow\n=mail.example:allow\n:allow\n:allow\n")

    def test_many_names_go_to_morercpthosts(self):
        """By vpopmail's rule of fifty lines; what only its compiled file lacks is added to it."""
        server = self.server()
        names = [f"h{number:02}.example" for number in range(60)]
        text = HEAD + "[control]\nrcpthosts = %s\n" % json.dumps(names)
        self.apply_text(server, text)
        self.assertEqual(self.control(server, "rcpthosts").count("\n"), 50)
        self.assertEqual(self.control(server, "morercpthosts").count("\n"), 13)
        self.check_settled(server, text)
        server.write(server.control("morercpthosts.cdb"), bytes(2048))
        self.assertIn("13 to add", self.plan(server, text).out)
        self.apply_text(server, text)
        self.check_settled(server, text)

    def test_no_rcpthosts_is_told(self):
        """An open relay is neither made nor closed without a word, and vpopmail's domains stay
        accepted."""
        server = self.server()
        self.add_domain(server)
        os.unlink(server.control("rcpthosts"))
        self.assertIn("accepts mail for every domain", self.dump(server).err)
        self.assertNotIn("rcpthosts", self.dump(server).out)
        without = HEAD + '[control]\ndatabytes = "1"\n'
        self.apply_text(server, without)
        self.assertFalse(os.path.exists(server.control("rcpthosts")))
        text = HEAD + '[control]\nrcpthosts = ["other.example"]\n'
        self.assertIn("is missing here, so that mail for every host is accepted",
                      self.plan(server, text).out)
        self.apply_text(server, text)
        self.assertEqual(self.control(server, "rcpthosts"), "other.example\nown.example\n")
        self.check_settled(server, text)

    def test_empty_rcpthosts(self):
        server = self.server()
        os.unlink(server.control("rcpthosts"))
        text = HEAD + "[control]\nrcpthosts = []\n"
        self.apply_text(server, text)
        self.assertEqual(self.control(server, "rcpthosts"), "")
        self.check_settled(server, text)

    def test_no_locals(self):
        """While the file is missing the machine's name is local, and it stays so."""
        server = self.server()
        os.unlink(server.control("locals"))
        self.assertNotIn("locals", self.dump(server).out)
        text = HEAD + '[control]\nlocals = ["new.example"]\n'
        self.assertIn("it stays so in the file that is made", self.plan(server, text).out)
        self.apply_text(server, text)
        self.assertEqual(self.control(server, "locals"), "mail2.example.org\nnew.example\n")
        self.check_settled(server, text)

    def test_domains_of_vpopmail_are_left(self):
        """Their lines are in no dump, and no file takes their mail away."""
        server = self.server()
        self.add_domain(server)
        self.assertNotIn("own.example", self.dump(server).out)
        text = HEAD + '[control]\nlocals = ["own.example"]\n' \
                      '[control.virtualdomains]\n"own.example" = "root"\n'
        plan = self.plan(server, text)
        self.assertIn(NOTHING, plan.out)
        self.assertEqual(plan.out.count("is a domain of vpopmail's here"), 2)

    def test_machine_keys(self):
        """Shown and left, unless asked for."""
        server = self.server()
        text = HEAD + """
[control]
me = "old.example.net"
defaulthost = "old.example.net"
locals = ["old.example.net"]
[control.smtproutes]
"a.example" = "[192.0.2.7]:26"
"b.example" = "relay.example"
[vpopmail]
tcp_smtp = ["192.0.2.:allow,RELAYCLIENT=\\"\\"", "127.:allow"]
[vpopmail.ip_alias_map]
"192.0.2.1" = "example.net"
"""
        plan = self.plan(server, text)
        self.assertEqual(plan.out.count("of one machine; left (--take-machine-keys takes it)"), 6)
        self.assertIn("2 to add, 0 to change", plan.out)
        self.apply_text(server, text)
        server.write("/srv/vpop/etc/tcp.smtp.cdb", "compiled")
        self.assertEqual(self.control(server, "me"), "mail2.example.org\n")
        self.check_settled(server, text)
        self.apply_text(server, text, "--take-machine-keys")
        self.assertEqual(self.control(server, "me"), "old.example.net\n")
        self.assertEqual(server.read("/srv/vpop/etc/ip_alias_map"), b"192.0.2.1 example.net\n")
        server.write("/srv/vpop/etc/tcp.smtp.cdb", "compiled")
        self.check_settled(server, text, "--take-machine-keys")

    def test_logins_of_routes_are_not_shown(self):
        server = self.server()
        text = HEAD + '[control.smtproutes]\n"a.example" = "relay.example user SECRET-7"\n'
        seen = [self.plan(server, text), self.plan(server, text, "--json"),
                self.apply_text(server, text)]
        server.write(server.control("smtproutes"), "a.example:relay.example user SECRET-8\n")
        seen += [self.plan(server, text, "--overwrite"),
                 self.check_exit(server.vstate("verify", self.file("s.toml", text)), 0)]
        for outcome in seen:
            self.assertNotIn("SECRET", outcome.out + outcome.err)

    def test_a_link_that_leads_nowhere(self):
        server = self.server()
        os.symlink("/gone", server.control("smtproutes"))
        outcome = self.dump(server, code=2)
        self.assertIn("left out: control.smtproutes: a link that leads nowhere", outcome.err)
        self.assertNotIn("[control.smtproutes]", outcome.out)

    def test_long_lists(self):
        """A hundred thousand senders are no matter of minutes."""
        server = self.server()
        senders = [f"s{number}@bad.example" for number in range(100000)]
        server.write(server.control("badmailfrom"), "\n".join(senders[::2]))
        text = HEAD + "[control]\nbadmailfrom = %s\n" % json.dumps(senders)
        started = time.monotonic()
        self.apply_text(server, text)
        self.assertLess(time.monotonic() - started, 30)
        self.assertEqual(sorted(self.control(server, "badmailfrom").split()), sorted(senders))

    def test_links_are_read_and_not_replaced(self):
        server = self.server()
        server.write("/etc/ours", "# ours\na.example:one\n")
        os.symlink("../../../etc/ours", server.control("smtproutes"))
        self.assertIn('"a.example" = "one"', self.dump(server).out)
        text = HEAD + '[control.smtproutes]\n"a.example" = "one"\n"b.example" = "two"\n'
        outcome = self.apply_text(server, text)
        self.assertIn("the file is a link to ../../../etc/ours", outcome.out)
        self.assertTrue(os.path.islink(server.control("smtproutes")))
        self.check_exit(server.vstate("verify", self.file("server.toml", text)), 2)
        server.write("/etc/ours", "a.example:one\nb.example:two\n")
        self.apply_text(server, text)
        self.check_settled(server, text)

    def test_users_and_programs_that_are_not_here(self):
        server = self.server()
        text = HEAD + '[control.virtualdomains]\n"x.example" = "ghost"\n' \
                      '[alias.robot]\ndeliver = ["|/usr/local/bin/robot"]\n'
        plan = self.plan(server, text)
        self.assertIn("x.example  goes to ghost, which is no user here", plan.out)
        self.assertIn("runs /usr/local/bin/robot, which is not on this server", plan.out)


class MemoryTest(ServerCase):
    def test_owner_wins_over_a_repeat(self):
        """Law 4, key by key."""
        server = self.server()
        text = HEAD + '[control]\ndatabytes = "1000"\nbadmailfrom = ["a@bad.example"]\n'
        self.apply_text(server, text)
        server.write(server.control("databytes"), "2000\n")
        server.write(server.control("badmailfrom"), "")
        plan = self.plan(server, text)
        self.assertIn(NOTHING, plan.out)
        self.assertIn("was changed here after the last apply; kept", plan.out)
        self.assertIn("was removed here after the last apply; kept", plan.out)
        self.check_exit(server.vstate("verify", self.file("server.toml", text)))
        both = text.replace("1000", "3000")
        self.assertIn("changed in the file since the last apply", self.plan(server, both).out)
        self.apply_text(server, both, "--overwrite")
        self.assertEqual(self.control(server, "databytes"), "3000\n")
        self.assertEqual(self.control(server, "badmailfrom"), "a@bad.example\n")

    def test_prune_removes_what_was_written_here(self):
        """And nothing that was there before."""
        server = self.server()
        server.write(server.control("badmailfrom"), "theirs@bad.example\n")
        self.apply_text(server, HEAD + '[control]\ndatabytes = "1"\n'
                                       'badmailfrom = ["ours@bad.example", "both@bad.example"]\n'
                                       '[alias.old]\ndeliver = ["&x@example.net"]\n')
        text = HEAD + '[control]\nbadmailfrom = ["both@bad.example"]\n'
        kept = self.plan(server, text).out
        self.assertEqual(kept.count("kept (--prune deletes)"), 3)
        self.apply_text(server, text)
        refused = self.apply_text(server, text, "--prune", code=1)
        self.assertIn("nobody confirmed it", refused.err)
        self.apply_text(server, text, "--prune", "--yes")
        self.assertEqual(self.control(server, "badmailfrom"),
                         "theirs@bad.example\nboth@bad.example\n")
        self.assertFalse(os.path.exists(server.control("databytes")))
        self.assertFalse(os.path.exists(server.at("/var/qmail/alias/.qmail-old")))
        self.check_settled(server, text)

    def test_history_knows_the_run(self):
        server = self.server()
        self.apply_text(server, HEAD + '[control]\ndatabytes = "1"\n')
        self.assertIn("(server)", self.check_exit(server.vstate("history")).out)

    def test_verify_names_what_is_missing(self):
        server = self.server()
        path = self.file("server.toml", HEAD + '[control]\ndatabytes = "1"\n')
        outcome = self.check_exit(server.vstate("verify", path), 2)
        self.assertIn("control/databytes is not as the file says", outcome.out)

    def test_selection(self):
        server = self.server()
        text = HEAD + '[control]\ndatabytes = "1"\nbadmailto = ["x@bad.example"]\n'
        self.apply_text(server, text, "--only", "server.control.data*")
        self.assertFalse(os.path.exists(server.control("badmailto")))
        self.assertEqual(self.control(server, "databytes"), "1\n")
        self.apply_text(server, text, "--exclude", "server.control.badmailto")
        self.assertFalse(os.path.exists(server.control("badmailto")))
        self.apply_text(server, text)
        self.check_settled(server, text)
        for option in ("--only", "--exclude"):
            bad = self.plan(server, text, option, "server.contrl.*", code=1)
            self.assertIn("is called \"server.contrl.*\"", bad.err)
        dumped = self.dump(server, "--exclude", "server.control.*").out
        self.assertNotIn("[control]", dumped)


class FailureTest(ServerCase):
    def test_one_file_fails(self):
        """The others are written, but for rcpthosts, and the next run takes it up."""
        server = self.server()
        obstacle = server.control(".vstate-badmailfrom.vstate-tmp")
        os.mkdir(obstacle)
        text = HEAD + '[control]\nbadmailfrom = ["x@bad.example"]\ndatabytes = "1"\n' \
                      'rcpthosts = ["new.example"]\n'
        failed = self.apply_text(server, text, code=3)
        self.assertIn("server.control.badmailfrom", failed.err)
        self.assertIn("server.control.rcpthosts: waits until the other files", failed.err)
        self.assertIn("Partly applied: 1 file done, 2 failed; run it again", failed.out)
        self.assertEqual(self.control(server, "databytes"), "1\n")
        self.assertNotIn("new.example", self.control(server, "rcpthosts"))
        os.rmdir(obstacle)
        self.assertIn("2 to add", self.plan(server, text).out)
        self.apply_text(server, text)
        self.check_settled(server, text)

    @unittest.skipUnless(DEEP, "waits for a lock for 25 seconds; VSTATE_DEEP runs it")
    def test_somebody_else_holds_a_lock(self):
        """Nothing waits for ever, and nothing is done half."""
        server = self.server()
        text = HEAD + '[control]\nlocals = ["new.example"]\n'
        with open(server.write(server.control("locals.lock"), ""), "r+b") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            busy = self.apply_text(server, text, code=75)
            self.assertIn("locals.lock", busy.err)
        self.apply_text(server, text)
        self.check_settled(server, text)


@needs_root
class SignalTest(ServerCase):
    """qmail-send is told of what it reads when it is told, and of nothing else."""

    def setUp(self):
        super().setUp()
        self.target = self.server()
        servers.make_directories(self.target.at("/var/qmail/queue"))
        self.program = os.path.join(self.directory, "qmail-send")
        shutil.copy("/bin/sleep", self.program)

    def is_told(self, text):
        """Whether an apply ends a process that HUP ends."""
        process = subprocess.Popen([self.program, "60"], cwd=self.target.at("/var/qmail/queue"))
        try:
            time.sleep(0.1)
            done = self.apply_text(self.target, text)
            self.assertNotIn("qmail-send is not running", done.err)
            time.sleep(0.1)
            return process.poll() == -signal.SIGHUP
        finally:
            process.kill()
            process.wait()

    def test_only_of_what_it_reads(self):
        self.assertFalse(self.is_told(HEAD + '[control]\ndatabytes = "1"\n'))
        text = HEAD + '[control]\nlocals = ["new.example"]\n'
        self.assertTrue(self.is_told(text))
        self.assertFalse(self.is_told(text))

    def test_after_a_run_that_was_stopped(self):
        """Whether it was told before the stop nobody knows; it is told again, once."""
        text = HEAD + '[control]\nlocals = ["new.example"]\n'
        self.is_told(text)
        with sqlite3.connect(self.target.at("/var/lib/vstate/ledger.sqlite")) as ledger:
            ledger.execute("UPDATE run SET ended = 0 WHERE domain = '(server)'")
        ledger.close()
        self.assertTrue(self.is_told(text))
        self.assertFalse(self.is_told(text))


class FilesTest(ServerCase):
    def errors_of(self, text):
        return self.check_exit(support.run("check", self.file("bad.toml", text)), 1).err

    def test_every_error_has_its_place(self):
        bad = """vstate_server = 2
[control]
databites = "1"
databytes = 1
locals = ["a.example", "A.example", "#x", ""]
me = "two\\nlines"
badmailfrom = "x"
[control.smtproutes]
"a:b" = "relay"
"c" = 5
[vpopmail]
tcp_smtp = ["127.allow", ":allow", ":deny"]
[vpopmail.limits]
max_mailbox = 1
disable = ["fax"]
[alias."A/b"]
deliver = ["{vpopmial}/x"]
[alias.none]
[other]
"""
        err = self.errors_of(bad)
        for line, words in [(1, "format version 2"), (3, 'did you mean "databytes"?'),
                            (4, "a string is wanted"), (5, "stands here twice"),
                            (5, "comment"), (5, "is empty"), (6, "more than one line"),
                            (7, "an array of strings is wanted"), (9, "holds a colon"),
                            (10, "is no string"), (12, "has no colon"), (12, "stands here twice"),
                            (14, "did you mean"), (15, 'there is no service "fax"'),
                            (16, "alias name"), (17, "vpopmial"), (18, '"deliver" is missing'),
                            (19, "unknown key")]:
            with self.subTest(line=line, words=words):
                found = [text for text in err.splitlines() if f"bad.toml:{line}:" in text]
                self.assertTrue(any(words in text for text in found), err)

    def test_nothing_is_changed_by_a_bad_file(self):
        server = self.server()
        before = server.snapshot()
        self.apply_text(server, HEAD + '[control]\ndatabytes = "1"\nlocal = ["x"]\n', code=1)
        self.check_same(before, server.snapshot())

    def test_kinds_are_told_apart(self):
        path = self.file("server.toml", HEAD)
        exported = support.run("export", path, "--to", "csv")
        self.assertIn("has the settings of a server", self.check_exit(exported, 1).err)
        self.assertIn('"vstate" is missing', self.errors_of('[control]\ndatabytes = "1"\n'))
        other = self.file("other.toml", HEAD)
        both = self.check_exit(support.run("check", path, other), 1)
        self.assertIn("is described in", both.err)

    def test_saved_plan(self):
        """All of a server is planned, looked at, and carried out, or not at all."""
        server = self.server()
        directory = os.path.join(self.directory, "files")
        os.mkdir(directory)
        settings = os.path.join(directory, "server.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(HEAD + '[control]\ndatabytes = "1000"\n')
        with open(os.path.join(directory, "a.example.toml"), "w", encoding="utf-8") as file:
            file.write(support.domain_text("a.example"))
        saved = os.path.join(self.directory, "saved")
        self.check_exit(server.vstate("plan", directory, "-o", saved))
        # Somebody sets it meanwhile.
        server.write(server.control("databytes"), "2000\n")
        stale = server.vstate("apply", saved)
        self.check_exit(stale, 3)
        self.assertIn("its settings: the server changed since the plan was made; plan again",
                      stale.err)
        self.assertEqual(server.read(server.control("databytes")), b"2000\n")
        # The domain was as it was planned, and is another one now.
        self.assertIn("a.example: the server changed since", server.vstate("apply", saved).err)

        other = self.server("other")
        self.check_exit(other.vstate("plan", directory, "-o", saved))
        with open(settings, "a", encoding="utf-8") as file:
            file.write("# looked at\n")
        self.assertIn("server.toml: the file changed since", other.vstate("apply", saved).err)
        self.assertFalse(os.path.exists(other.control("databytes")))
        third = self.server("third")
        self.check_exit(third.vstate("plan", directory, "-o", saved))
        self.check_exit(third.vstate("apply", saved))
        self.assertEqual(third.read(third.control("databytes")), b"1000\n")
        self.assertIn(b"a.example", third.read(third.control("virtualdomains")))

    def test_unknown_files_are_named(self):
        """Nothing is left behind without a word, and what is of vpopmail's build is no loss."""
        server = self.server()
        server.write(server.control("domainkeys/example.org/default"), "key")
        server.write(server.control("strange"), "x\n")
        server.write("/var/qmail/alias/Mailbox", "mail")
        server.write("/var/qmail/users/assign",
                     "=joe:joe:1000:1000:/home/joe:::\n"
                     "+lists.example-:mailman:38:38:/srv/mailman:-::\n.\n")
        os.symlink("elsewhere", server.at("/var/qmail/alias/.qmail-link"))
        outcome = self.dump(server, code=2)
        for name in ("control.domainkeys", "control.strange", "qmail/alias/Mailbox",
                     "qmail/alias/.qmail-link", "users/assign =joe"):
            self.assertIn(f"left out: {name}", outcome.err)
            self.assertIn(f'what = "{name}"', outcome.out)
        self.assertIn("lists.example: left alone: users/assign gives it to mailman", outcome.err)
        other = self.server("other")
        plan = self.plan(other, outcome.out).out
        self.assertIn("left out control.strange", " ".join(plan.split()))

    def test_bytes_that_are_no_text(self):
        server = self.server()
        server.write(server.control("badmailfrom"), b"\xe4@bad.example\n")
        text = self.dump(server).out
        self.assertIn('"{byte:e4}@bad.example"', text)
        other = self.server("other")
        self.apply_text(other, text)
        self.assertEqual(other.read(other.control("badmailfrom")), b"\xe4@bad.example\n")

    @unittest.skipUnless(IS_ROOT and shutil.which("setpriv"), "needs root and setpriv")
    def test_what_cannot_be_read_is_an_error(self):
        """And no setting that is not there."""
        server = self.server()
        server.write(server.control("databytes"), "7\n", mode=0o600)
        # Who is not root need not be able to enter the tree.
        copied = shutil.copy(support.VSTATE, os.path.join(self.directory, "vstate"))
        somebody = ["setpriv", "--reuid", "89", "--regid", "89", "--clear-groups", copied,
                    *server.options]
        os.chmod(self.file("server.toml", HEAD), 0o644)
        for words in (["dump", "--server"], ["plan", os.path.join(self.directory, "server.toml")]):
            done = subprocess.run([*somebody, *words], capture_output=True, text=True,
                                  env=support.environment(), check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertIn("control/databytes", done.stderr)

    def test_dump_is_private(self):
        server = self.server()
        path = os.path.join(self.directory, "out.toml")
        self.dump(server, "-o", path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.dump(server, "-o", os.path.join(self.directory, "dumped/"))
        with open(path, encoding="utf-8") as one, \
                open(os.path.join(self.directory, "dumped/server.toml"), encoding="utf-8") as other:
            self.assertEqual(one.read(), other.read())
        for words in (["example.com"], ["--mail", "mail"], ["--freeze"], ["--clear-passwords"]):
            self.assertIn("is about no domain", self.dump(server, *words, code=64).err)

    def test_all_of_a_server(self):
        """`dump --all` writes it beside the domains, and the directory is applied whole."""
        old, new = self.server("old"), self.server("new")
        self.add_domain(old)
        old.write(old.control("databytes"), "77\n")
        directory = os.path.join(self.directory, "all")
        self.check_exit(old.vstate("dump", "--all", "-o", directory + "/"))
        self.assertEqual(sorted(os.listdir(directory)), ["own.example.toml", "server.toml"])
        self.check_exit(support.run("check", directory))
        self.check_exit(support.run("export", directory, "--to", "csv"))
        done = self.check_exit(new.vstate("apply", directory))
        self.assertIn("1 domain: 1 done; server.toml: done", done.err)
        self.assertEqual(self.control(new, "databytes"), "77\n")
        self.assertIn("own.example", self.control(new, "rcpthosts"))
        verify = self.check_exit(new.vstate("verify", directory)).out
        self.assertIn("goes to foreign, which is no user here", verify)
        self.add_user(new, "foreign")
        self.check_exit(new.vstate("verify", directory))
        plan = json.loads(self.check_exit(new.vstate("plan", "--json", directory)).out)
        self.assertEqual([item["domain"] for item in plan], ["", "own.example"])
        self.assertEqual(plan[0]["document"], "server")

    def test_through_a_pipe(self):
        old, new = self.server("old"), self.server("new")
        old.write(old.control("databytes"), "7\n")
        text = self.dump(old).out
        self.check_exit(new.vstate("plan", "-", stdin=text))
        self.check_exit(new.vstate("apply", "-", stdin=text))
        self.assertEqual(self.control(new, "databytes"), "7\n")
        self.assertEqual(new.vstate("plan", "--detailed-exitcode", "-", stdin=text).code, 0)

    def test_json_is_as_its_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        server = self.server()
        server.write(server.control("databytes"), "2\n")
        text = HEAD + '[control]\ndatabytes = "1"\nme = "x.example"\nlocals = ["y.example"]\n'
        plan = json.loads(self.plan(server, text, "--json").out)
        with open(os.path.join(support.TREE, "schemas/plan.schema.json"),
                  encoding="utf-8") as file:
            jsonschema.validate(plan, json.load(file))
        self.assertEqual([change["name"] for change in plan["changes"]],
                         ["control/databytes", "control/locals y.example"])


class UntidyTest(ServerCase):
    """Files of any words and bytes: what one server says is on the other after one apply, and
    nothing else of that server is gone."""

    rounds = 300 if DEEP else 12
    control_names = ("badhelo badmailfrom badrcptto bouncefrom concurrencylocal databytes "
                     "defaultdelivery defaulthost locals me morercpthosts percenthack rcpthosts "
                     "simcontrol smtpgreeting smtproutes virtualdomains").split()
    others = ("/srv/vpop/etc/tcp.smtp", "/srv/vpop/etc/ip_alias_map",
              "/srv/vpop/etc/defaultdomain", "/var/qmail/alias/.qmail-root",
              "/var/qmail/alias/.qmail-x:y")
    limits = (b"maxaliases 5\ndisable_pop\n", b"quota: 7\r\n# x\n junk\n", b"")
    words = ("a.example", "A.example", ".c.example", "user@d.example", "127.0.0.1", "10.1.",
             "[192.0.2.1]", "#x", "", "  lead", "trail  ", "x:y", ":z", "a:b:c", "\r", "{vpopmail}",
             "}{", "\xe4\xff", "| /srv/vpop/bin/x", "./Maildir/", "1 2", "\0", "mx:26 user pw")

    def text(self, rng):
        lines = []
        for _ in range(rng.randint(0, 6)):
            word = rng.choice(self.words)
            if rng.random() < 0.4:
                word += rng.choice(": @.") + rng.choice(self.words)
            lines.append(word)
        return "\n".join(lines).encode("latin-1") + rng.choice((b"", b"\n"))

    def untidy(self, rng, name):
        server = self.server(name)
        for file in (*map(server.control, self.control_names), *self.others):
            if rng.random() < 0.5:
                server.write(file, self.text(rng))
        if rng.random() < 0.5:
            server.write("/srv/vpop/etc/vlimits.default", rng.choice(self.limits))
        return server

    def dumped(self, server):
        outcome = server.vstate("dump", "--server")
        self.assertIn(outcome.code, (0, 2), str(outcome))
        return outcome.out, support.load_toml(outcome.out)

    def check_has(self, here, wanted):
        for key, value in wanted.items():
            if isinstance(value, dict):
                self.check_has(here.get(key, {}), value)
            elif isinstance(value, list) and key not in ("deliver", "defaultdelivery", "left_out"):
                self.assertLessEqual(set(value), set(here.get(key, [])), key)
            elif key != "left_out":
                self.assertEqual(here.get(key), value, key)

    def test_from_one_to_another(self):
        for number in range(self.rounds):
            seed = disturb.SEED * 1000 + number
            with self.subTest(seed=seed):
                rng = random.Random(seed)
                old, new = self.untidy(rng, f"old{number}"), self.untidy(rng, f"new{number}")
                text, wanted = self.dumped(old)
                before = self.dumped(new)[1]
                self.apply_text(new, text, "--take-machine-keys")
                self.assertIn(NOTHING, self.plan(new, text, "--take-machine-keys").out)
                here = self.dumped(new)[1]
                self.check_has(here, wanted)
                for key in ("badhelo", "badmailfrom", "badrcptto", "locals", "percenthack"):
                    self.assertLessEqual(set(before.get("control", {}).get(key, [])),
                                         set(here["control"].get(key, [])))


class MentionsTest(ServerCase):
    """Files of control that name a domain, and are no part of its file."""

    def test_dump_names_them(self):
        server = self.server()
        self.add_domain(server)
        server.write(server.control("smtproutes"), "other.example:x\nOWN.example:relay:26\n"
                                                   ".own.example:relay2 user SECRET-9\n")
        server.write(server.control("badrcptto"), "ghost@own.example\n# own.example\n")
        server.write(server.control("mystery"), "x=own.example,y\nnotown.example\n")
        server.write(server.control("domainkeys/own.example/default"), "KEY")
        server.write("/etc/domainkeys/own.example/rsa", "KEY")
        err = self.check_exit(server.vstate("dump", "own.example")).err
        for words in ('control/smtproutes has "OWN.example:relay:26"; server.toml carries it',
                      'control/smtproutes has ".own.example:relay2 with a login (not shown)"',
                      'control/badrcptto has "ghost@own.example"',
                      'control/mystery has "x=own.example,y"; it is no part of the domain\'s file',
                      "control/domainkeys/own.example is there for it",
                      "/etc/domainkeys/own.example is there for it"):
            self.assertIn(words, err)
        for words in ("other.example", "notown", "# own", "SECRET", "KEY"):
            self.assertNotIn(words, err)

    def test_list_names_them(self):
        server = self.server()
        self.add_domain(server)
        server.write(server.control("smtproutes"), "own.example:relay\n")
        done = self.check_exit(server.vstate("list", "--json"))
        self.assertIn('own.example: control/smtproutes has "own.example:relay"', done.err)
        self.assertEqual(len(json.loads(done.out)["domains"][0]["mentions"]), 1)

    def test_pull_names_them(self):
        old, new = self.server("old"), self.server("new")
        self.add_domain(old)
        old.write(old.control("mystery"), "own.example\n")
        done = self.check_exit(new.vstate("pull", old.root, "own.example"))
        self.assertIn('control/mystery has "own.example"', done.err)


@needs_sftp_server
class RemoteTest(ServerCase):
    def test_reads_by_sftp_what_is_read_at_home(self):
        server = self.server()
        server.write(server.control("smtproutes"), ":relay.example\n")
        server.write("/var/qmail/alias/.qmail-root", "| {/srv/vpop/bin/x}\n")
        server.write("/srv/vpop/etc/tcp.smtp", ":allow\n")
        far = ["--rsh", RSH, "--root", f"old.example:{server.root}"]
        here, there = self.dump(server), support.run(*far, "dump", "--server")
        self.assertEqual((there.code, there.out, there.err), (here.code, here.out, here.err))
        path = self.file("server.toml", here.out)
        self.assertIn(NOTHING, self.check_exit(support.run(*far, "plan", path)).out)
        self.check_exit(support.run(*far, "apply", path), 1)


@needs_captures
@needs_root
class CapturesTest(ServerCase):
    def without_machine(self, text):
        """The keys of a file that are not of one machine."""
        def is_common(item):
            return not str(item).startswith(MACHINE)

        def common(value):
            if isinstance(value, list):
                return [item for item in value if is_common(item)]
            return {key: common(item) for key, item in value.items() if is_common(item)} \
                if isinstance(value, dict) else value

        return common(support.load_toml(text))

    def test_round_trip(self):
        """Each capture onto an empty server: the same text but for the keys of one machine."""
        for name in ("vp54-cdb", "vp56-cdb", "vp56-mysql", "vp56-pgsql"):
            if captures.has_captures(name):
                with self.subTest(capture=name):
                    self.round_trip(name)

    def round_trip(self, name):
        digits = name[2:4] + {"mysql": "my", "pgsql": "pg"}.get(name[5:], "")
        old = servers.Server(os.path.join(captures.CAPTURES, name), f"/opt/real/vp{digits}",
                             f"/opt/real/q{digits}", named=True)
        old.options += ["--backend", "cdb"]
        # Lines of others in users/assign are named, and made by hand.
        left_out = {"vp56-cdb": ["users/assign =webmaster", "users/assign +webmaster-"]}
        dumped = self.dump(old, code=2 if name in left_out else 0).out
        self.assertEqual([item["what"] for item in support.load_toml(dumped).get("left_out", [])],
                         left_out.get(name, []))
        text = dumped.split("\n[[left_out]]")[0]
        new = self.server(f"new-{name}")
        for file in ("rcpthosts", "virtualdomains", "locals"):
            new.write(new.control(file), "")
        self.add_user(new, "webmaster")
        self.apply_text(new, text)
        new.write("/srv/vpop/etc/tcp.smtp.cdb", "compiled")
        self.check_settled(new, text)
        again = self.dump(new).out
        self.assertEqual(self.without_machine(again), self.without_machine(text))
        self.apply_text(new, text, "--take-machine-keys")
        new.write("/srv/vpop/etc/tcp.smtp.cdb", "compiled")
        self.assertEqual(self.dump(new).out, text)

    def test_foreign_keys_stay(self):
        """A server with lines of its own keeps each of them."""
        old = servers.Server(os.path.join(captures.CAPTURES, "vp54-cdb"), "/opt/real/vp54",
                             "/opt/real/q54", named=True)
        text = self.dump(old).out
        new = self.server()
        new.write(new.control("smtproutes"), "# ours\n.ours.example:relay.ours.example\n")
        new.write(new.control("badmailfrom"), "ours@bad.example\n")
        new.write(new.control("databytes"), "1\n")
        before = {name: self.control(new, name).splitlines() for name in
                  ("locals", "rcpthosts", "virtualdomains", "smtproutes", "badmailfrom")}
        self.apply_text(new, text)
        for name, lines in before.items():
            self.assertEqual([line for line in self.control(new, name).splitlines()
                              if line in lines], lines)
        self.assertEqual(self.control(new, "databytes"), "20971520\n")


if __name__ == "__main__":
    support.main()
