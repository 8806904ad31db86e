"""A domain goes from one server to another at once: by a pipe, from a directory, through vstate
there, by SFTP, converted, all domains, over an old ledger."""

import contextlib
import os
import sqlite3

from .. import denied, disturb, program, servers, sftp
from ..passes import FAKE_RSH
from ..scenario import NAME, Scenario, ServersScenario, vstate
from ..shell import shell

REMOTE = f"{program.VSTATE} --root old"


class Stream(ServersScenario):
    """A dump that comes through a pipe. Whichever of the two is killed, the other says so."""

    pipes = True
    below = ("new", "old")

    def setUp(self):
        super().setUp()
        self.dump()

    def test_stream(self):
        self.command = (shell(*vstate("--root", "old", "dump", "--freeze", "--mail", "-", NAME))
                        + " | " + shell(*vstate("--root", "new", "apply", "-")))
        self.converge()


class Pull(ServersScenario):
    below = ("new", "old")

    def test_from_a_directory(self):
        self.dump()
        self.command = vstate("--root", "new", "pull", "--freeze", "./old", NAME)
        self.converge()

    def test_second_with_prune(self):
        self.in_base("--root", "new", "pull", "./old", NAME)
        self.live_on()
        self.command = vstate("--root", "new", "pull", "--prune", "--yes", "./old", NAME)
        self.plan = [*self.plan, "--prune"]
        self.converge()

    def test_through_a_remote_shell(self):
        self.in_base("--root", "new", "pull", "./old", NAME)
        self.live_on()
        self.pipes = True
        self.command = vstate("--root", "new", "pull", "--rsh", FAKE_RSH, "--remote-vstate", REMOTE,
                              "--freeze", "old.example", NAME)
        self.converge()


@sftp.needs_sftp_server
class PullBySftp(ServersScenario):
    """The old side has sshd, and nothing else."""

    below = ("new", "old")
    pipes = True

    def picture(self, work, more_without=()):
        """But for hints of what to ask for at once, which only spare time."""
        return {path: seen for path, seen in super().picture(work, more_without).items()
                if "/asked-" not in path}

    def pull(self, work, *more):
        return vstate("--root", "new", "pull", "--rsh", sftp.RSH, "--via", "sftp", *more,
                      "old.example:old", NAME)

    def test_first(self):
        self.dump()
        self.command = self.pull(self.base, "--freeze")
        self.converge()

    def test_second_with_prune(self):
        self.in_base(*self.pull(self.base)[2:])
        self.live_on()
        self.command = self.pull(self.base, "--prune", "--yes")
        self.plan = [*self.plan, "--prune"]
        self.converge()


class Convert(ServersScenario):
    """Courier's lists of UIDs become Dovecot's."""

    def setUp(self):
        super().setUp()
        maildir = self.old.at("bob/Maildir")
        lines = ["1 1500000000 9\n"]
        names = sorted(name.partition(":")[0] for part in ("new", "cur")
                       for name in os.listdir(os.path.join(maildir, part)))
        lines += [f"{uid} {name}\n" for uid, name in enumerate(names, 3)]
        self.old.write("".join(lines), "bob/Maildir/courierimapuiddb")
        self.plan = self.verify = None
        self.command = vstate("--root", "new", "pull", "--convert", "courier-dovecot", "./old",
                              NAME)

    def check_end(self, work):
        place = os.path.join(work, "new/srv/vpopmail/domains/0", NAME, "bob/Maildir")
        self.assertTrue(os.path.exists(os.path.join(place, "dovecot-uidlist")), os.listdir(place))

    def check_killed(self, work):
        self.check_not_live_until_whole(work)

    def test_pull(self):
        self.converge()


class PullAll(Scenario):
    """All domains of a server, some at a time."""

    names = ("one.example", "two.example", "three.example")
    command = vstate("--root", "new", "pull", "--all", "./old")

    def setUp(self):
        super().setUp()
        for name in ("old", "new"):
            disturb.make_example("empty-server", os.path.join(self.base, name))
        files = disturb.make_domain_files(self.base, self.names)
        self.in_base("--root", "old", "apply", *files)
        for name in self.names:
            for number in range(3):
                path = os.path.join(self.base, f"old/srv/vpopmail/domains/0/{name}/alice/Maildir",
                                    f"new/17000000{number}.M1P1.old")
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"Subject: {number}\n\n{name}\n")
                os.chmod(path, 0o600)
                servers.give(path)

    def check_killed(self, work):
        self.check_not_live_until_whole(work)

    def check_end(self, work):
        for name in self.names:
            here, there = (self.run_in(work, vstate("--root", root, "dump", name))
                           for root in ("new", "old"))
            self.assertEqual(here, there)

    def test_pull(self):
        self.converge()


class OldLedger(ServersScenario):
    """The ledger is that of an older vstate, which kept nothing of mail, and becomes one of
    today."""

    def setUp(self):
        super().setUp()
        self.in_base("--root", "new", "pull", "./old", NAME)
        with contextlib.closing(sqlite3.connect(
                os.path.join(self.base, "new/var/lib/vstate/ledger.sqlite"))) as ledger:
            for table in ("entry", "announced", "archive", "box"):
                ledger.execute(f"DROP TABLE {table}")
            ledger.execute("PRAGMA user_version = 1")
            ledger.commit()
        self.live_on()
        self.command = vstate("--root", "new", "pull", "./old", NAME)

    def test_pull(self):
        self.converge()


@denied.needs_denied
class PlacedByLink(ServersScenario):
    """Without a rename that replaces nothing, a message is placed by a link and an unlink."""

    def setUp(self):
        super().setUp()
        self.dump()
        self.command = denied.words("ENOSYS", "renameat2", vstate(
            "--root", "new", "apply", "file.toml", "--mail", "mail"))

    def test_first_apply(self):
        self.converge()


class EmptiedTmp(ServersScenario):
    """Mail servers, and people, delete what is old in `tmp`, also what a killed run left there: a
    message that was never seen in its place was not deleted by its owner."""

    def meanwhile(self, work):
        for place, _, files in os.walk(os.path.join(work, "new")):
            if os.path.basename(place) == "tmp":
                for name in files:
                    os.unlink(os.path.join(place, name))

    def test_pull(self):
        self.dump()
        self.command = vstate("--root", "new", "pull", "./old", NAME)
        self.converge()


ALL = (Stream, Pull, PullBySftp, Convert, PullAll, OldLedger, PlacedByLink, EmptiedTmp)
