"""What is disturbed: a command, the servers that it works on, and what must hold between a stop and
the next run, and after that. How it is disturbed is in killing, failing, and power_cut."""

import os
import subprocess

from . import disturb
from .program import NOTHING, VSTATE, environment

NAME = "example.com"


def vstate(*words):
    return [VSTATE, "-q", *words]


class Scenario(disturb.DisturbCase):
    """`command` is what is disturbed, in a copy of the base. A scenario prepares both, and calls
    `converge`, which a way of disturbing has."""

    command = None
    #: What the command changes.
    below = ("new",)
    #: What it looks at besides.
    reads = ()
    #: Whether what it writes into pipes, or sends into sockets, counts as a change.
    pipes = sockets = False
    #: What says, after a run, that there is nothing left to do.
    plan = None
    verify = None
    #: The domains that are made on "new", and addresses of each kind that all of them have.
    names = (NAME,)
    addresses = ("alice",)
    #: Files whose content is not compared.
    without = ()
    #: Whether it goes by the numbers of inodes, which a copied server has others of.
    by_inodes = False
    #: How many threads it may have: without VSTATE_DEEP one of them is tried.
    jobs = (1, 4)

    def converge(self):
        raise NotImplementedError

    def in_base(self, *words):
        return self.run_in(self.base, vstate(*words))

    def run_in(self, work, command, code=0):
        done = self.done_in(work, command)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape")

    def done_in(self, work, command):
        words = ["sh", "-c", command] if isinstance(command, str) else command
        return subprocess.run(words, cwd=work, capture_output=True, stdin=subprocess.DEVNULL,
                              env=environment(), timeout=120, check=False)

    def route(self, work, root, address):
        """What is said of the way of its mail, whatever that is."""
        return self.done_in(work, [VSTATE, "--root", root, "route", address]).stdout.decode()

    def with_jobs(self, jobs):
        """The command, with so many threads."""
        option = ["--jobs", str(jobs)]
        if isinstance(self.command, str):
            return self.command.replace(f"{VSTATE} -q", f"{VSTATE} -q {' '.join(option)}")
        at = self.command.index(VSTATE) + 1
        return [*self.command[:at], *option, *self.command[at:]]

    def jobs_to_try(self):
        if disturb.program.DEEP:
            return self.jobs
        return [self.jobs[disturb.SEED % len(self.jobs)]]

    def harness(self, work, *more, jobs=None, reads=()):
        options = ["--changes", *(["--pipes"] if self.pipes else []),
                   *(["--sockets"] if self.sockets else []), *more]
        for place in (*self.below, *reads):
            options += ["--below", os.path.join(work, place)]
        return disturb.traced(work, options, self.with_jobs(jobs) if jobs else self.command)

    def picture(self, work, more_without=()):
        return disturb.picture(work, (*self.without, *more_without))

    def check_not_live_until_whole(self, work):
        """Law 5: what SMTP accepts finds its way, to mailboxes, aliases, lists and the rest."""
        with open(os.path.join(work, "new/var/qmail/control/rcpthosts"), encoding="utf-8") as file:
            accepted = file.read().split()
        for name in self.names:
            if name in accepted:
                self.run_in(work, vstate("--root", "new", "route",
                                         *(f"{user}@{name}" for user in self.addresses)))

    def meanwhile(self, work):
        """What others do between the stop and the next run."""

    def check_killed(self, work):
        """What must hold between the stop and the next run."""

    def check_end(self, work):
        if self.plan:
            self.assertIn(NOTHING, self.run_in(work, self.plan))
        if self.verify:
            self.run_in(work, self.verify)

    def between(self, work):
        self.check_killed(work)
        self.meanwhile(work)

    def after(self, work, wanted, without=(), check=lambda: None):
        """What is wrong after the next run."""
        try:
            check()
            self.run_in(work, self.command)
        except AssertionError as failure:
            return [str(failure)]
        return self.at_end(work, wanted, without)

    def at_end(self, work, wanted, without=()):
        try:
            self.check_end(work)
        except AssertionError as failure:
            return [str(failure)]
        return disturb.differences(self.picture(work, without), wanted)

    def tell(self, what, tried, bad):
        """Prints how many of what was tried went well, and fails where one did not."""
        print(f"{self.id().removeprefix('__main__.')}: {what}, {tried - len(bad)} of {tried} right",
              flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {tried} are wrong", *bad[:10]]))


class ServersScenario(Scenario):
    """The example's two servers."""

    addresses = ("alice", "postmaster", "bob", "news", "hostmaster", "nobody-of-that-name")
    plan = [VSTATE, "--root", "new", "plan", "file.toml", "--mail", "mail"]
    verify = vstate("--root", "new", "verify", "file.toml", "--mail", "mail", "--deep")

    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)
        disturb.make_example("empty-server", os.path.join(self.base, "new"))

    def dump(self):
        self.in_base("--root", "old", "dump", NAME, "-o", "file.toml", "--mail", "mail")

    def live_on(self):
        self.old.live_on()
        self.dump()

    def check_killed(self, work):
        self.run_in(work, self.plan)
        self.check_not_live_until_whole(work)
