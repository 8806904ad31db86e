"""Scenarios that are killed before each call, run again, and compared with an undisturbed run."""

import os
import re
import subprocess

from . import disturb
from .program import NOTHING, VSTATE, environment

NAME = "example.com"


def vstate(*words):
    return [VSTATE, "-q", *words]


class KillCase(disturb.DisturbCase):
    """What all scenarios share. `command` is what is killed, in a copy of the base."""

    command = None
    each = 90
    each_temporary = 25
    below = ("new",)
    pipes = False
    #: What says, after a run, that there is nothing left to do.
    plan = None
    verify = None
    #: Files whose content is not compared.
    without = ()

    def in_base(self, *words):
        return self.run_in(self.base, vstate(*words))

    def run_in(self, work, command, code=0):
        words = ["sh", "-c", command] if isinstance(command, str) else command
        done = subprocess.run(words, cwd=work, capture_output=True, stdin=subprocess.DEVNULL,
                              env=environment(), timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape")

    def harness(self, work, *more):
        options = ["--changes", *(["--pipes"] if self.pipes else []), *more]
        for place in self.below:
            options += ["--below", os.path.join(work, place)]
        return disturb.traced(work, options, self.command)

    def meanwhile(self, work):
        """What others do between the kill and the next run."""

    def check_killed(self, work):
        """What must hold between the kill and the next run."""

    def check_end(self, work):
        if self.plan:
            self.assertIn(NOTHING, self.run_in(work, self.plan))
        if self.verify:
            self.run_in(work, self.verify)

    def converge(self):
        whole = self.work_on("whole")
        run = self.harness(whole, "--list")
        self.assertEqual(run.code, 0, run.err)
        self.assertGreater(run.points, 5)
        self.check_end(whole)
        wanted = disturb.picture(whole, self.without)
        # What a stop between the placing of a file and the end of its temporary leaves is there for
        # one call only, which a sample would seldom hit.
        last = [n for n, call in enumerate(run.calls, 1) if re.search(r"unlinkat .*vstate", call)]
        numbers = sorted({*disturb.sample(run.points, self.each), *last[::self.each_temporary]})
        failures = disturb.at_once(lambda number: self.one(number, wanted), numbers)
        bad = [failure for failure in failures if failure]
        print(f"{self.id().split('.')[-1]}: {len(numbers)} points of {run.points}, "
              f"{len(numbers) - len(bad)} converged", flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {len(numbers)} did not converge", *bad[:10]]))

    def one(self, number, wanted):
        """Nothing, or what went wrong after a kill before that call."""
        work = self.work_on(f"kill-{number}")
        run = self.harness(work, "--kill", number)
        if not run.hit:  # threads came in another order, and there was one call less
            self.forget(work)
            return None
        words = self.after(work, wanted, self.without, lambda: self.between(work))
        if words:
            return f"killed {run.hit}: {'; '.join(words[:5])}"
        self.forget(work)
        return None

    def between(self, work):
        self.check_killed(work)
        self.meanwhile(work)

    def after(self, work, wanted, without, check):
        """What is wrong after the next run."""
        try:
            check()
            self.run_in(work, self.command)
            self.check_end(work)
            return disturb.differences(disturb.picture(work, without), wanted)
        except AssertionError as failure:
            return [str(failure)]


class ServersCase(KillCase):
    """The example's two servers."""

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

    def check_not_live_until_whole(self, work):
        """Law 5: what SMTP accepts finds its way to a mailbox."""
        with open(os.path.join(work, "new/var/qmail/control/rcpthosts"), encoding="utf-8") as file:
            if NAME in file.read().split():
                self.run_in(work, vstate("--root", "new", "route", f"alice@{NAME}"))
