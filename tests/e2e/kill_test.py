"""Law 2: whatever call a run is killed before, the next run ends as if nothing had happened.

Each scenario is run once to count the calls that change something; then it is killed before each
of them (each fortieth without VSTATE_DEEP), run again, and compared with the run that nobody
disturbed: the same files with the same owners, modes and times, nothing left over, nothing to do,
and whole. What only reads works at any time, also over what the killed run left.
"""

import errno
import os
import shlex
import subprocess

import support
from support import denied, disturb
from support.killing import NAME, KillCase, ServersCase, vstate
from support.passes import FAKE_RSH

LEDGER = "new/var/lib/vstate"
REMOTE = f"{support.VSTATE} --root old"


def shell(*words):
    return " ".join(shlex.quote(word) for word in words)


class ApplyTest(ServersCase):
    """A domain file and its archives."""

    def setUp(self):
        super().setUp()
        self.dump()
        self.command = vstate("--root", "new", "apply", "file.toml", "--mail", "mail")

    def apply_before(self):
        self.in_base("--root", "new", "apply", "file.toml", "--mail", "mail")
        self.live_on()

    def test_first_apply(self):
        self.converge()

    def test_rerun_with_changes(self):
        self.apply_before()
        self.converge()

    def test_prune(self):
        self.apply_before()
        self.command += ["--prune", "--yes"]
        self.plan = [*self.plan, "--prune"]
        self.converge()


class ManyDomainsTest(KillCase):
    """Domains that are published together."""

    names = ("one.example", "two.example", "three.example")

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.files = disturb.make_domain_files(self.base, self.names)
        self.command = vstate("--root", "new", "apply", *self.files)

    def check_killed(self, work):
        """Law 5, of each."""
        with open(os.path.join(work, "new/var/qmail/control/rcpthosts"), encoding="utf-8") as file:
            accepted = file.read().split()
        for name in self.names:
            if name in accepted:
                self.run_in(work, vstate("--root", "new", "route", f"alice@{name}"))

    def check_end(self, work):
        said = self.run_in(work, [support.VSTATE, "--root", "new", "plan", *self.files])
        self.assertEqual(said.count(support.NOTHING), len(self.files), said)

    def test_first_apply(self):
        self.converge()


class StreamTest(ServersCase):
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


class PullTest(ServersCase):
    below = ("new", "old")

    def test_pull_from_a_directory(self):
        self.dump()
        self.command = vstate("--root", "new", "pull", "--freeze", "./old", NAME)
        self.converge()

    def test_second_pull_with_prune(self):
        self.in_base("--root", "new", "pull", "./old", NAME)
        self.live_on()
        self.command = vstate("--root", "new", "pull", "--prune", "--yes", "./old", NAME)
        self.plan = [*self.plan, "--prune"]
        self.converge()

    def test_pull_through_a_remote_shell(self):
        self.in_base("--root", "new", "pull", "./old", NAME)
        self.live_on()
        self.pipes = True
        self.command = vstate("--root", "new", "pull", "--rsh", FAKE_RSH, "--remote-vstate", REMOTE,
                              "--freeze", "old.example", NAME)
        self.converge()


@denied.needs_denied
class PlacedByLinkTest(ServersCase):
    """Without a rename that replaces nothing, a message is placed by a link and an unlink."""

    each = 120
    each_temporary = 60

    def setUp(self):
        super().setUp()
        self.dump()
        self.command = denied.words("ENOSYS", "renameat2", vstate(
            "--root", "new", "apply", "file.toml", "--mail", "mail"))

    def test_first_apply(self):
        self.converge()


class EmptiedTmpTest(ServersCase):
    """Mail servers, and people, delete what is old in `tmp`, also what a killed run left there: a
    message that was never seen in its place was not deleted by its owner."""

    each = 80

    def meanwhile(self, work):
        for place, _, files in os.walk(os.path.join(work, "new")):
            if os.path.basename(place) == "tmp":
                for name in files:
                    os.unlink(os.path.join(place, name))

    def test_pull(self):
        self.dump()
        self.command = vstate("--root", "new", "pull", "./old", NAME)
        self.converge()


class LedgerFaultTest(ServersCase):
    """A call on the ledger fails, before or after what it was to do: whatever is in the ledger
    then, the next run brings what is missing."""

    errnos = (errno.EIO, errno.ENOSPC, errno.EAGAIN)

    def fault(self, case, wanted):
        number, code = case
        work = self.work_on(f"fault-{number}-{code}")
        run = disturb.traced(work, ["--changes", "--locks", "--below", os.path.join(work, LEDGER),
                                    "--fail", number, code], self.command)
        words = self.after(work, wanted, (r"ledger\.sqlite",),
                           lambda: self.assertIn(run.code, (0, 1, 3, 75), run.err))
        if words:
            return f"{errno.errorcode[code]} at {run.hit}: {'; '.join(words[:5])}"
        self.forget(work)
        return None

    def check_all(self):
        whole = self.work_on("whole")
        os.makedirs(os.path.join(self.base, LEDGER), exist_ok=True)
        os.makedirs(os.path.join(whole, LEDGER), exist_ok=True)
        run = disturb.traced(whole, ["--changes", "--locks", "--below",
                                     os.path.join(whole, LEDGER)], self.command)
        self.assertEqual(run.code, 0, run.err)
        self.assertGreater(run.points, 20)
        wanted = disturb.picture(whole, (r"ledger\.sqlite",))
        cases = [(number, code) for number in disturb.sample(run.points, 80) for code in
                 (self.errnos if support.DEEP else [self.errnos[number % len(self.errnos)]])]
        bad = [failure for failure in disturb.at_once(lambda case: self.fault(case, wanted), cases)
               if failure]
        print(f"{self.id().split('.')[-1]}: {len(cases)} faults at {run.points} calls, "
              f"{len(cases) - len(bad)} right",
              flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {len(cases)} wrong", *bad[:10]]))

    def test_pull(self):
        self.dump()
        self.command = vstate("--root", "new", "pull", "./old", NAME)
        self.check_all()

    def test_apply(self):
        self.dump()
        self.command = vstate("--root", "new", "apply", "file.toml", "--mail", "mail")
        self.check_all()


class DumpTest(KillCase):
    """What a dump writes lies in `out`; its server is not changed."""

    below = ("out", "old")
    # An index holds what tells a file of this server from another: numbers of inodes.
    without = (r"\.index$",)

    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)
        os.mkdir(os.path.join(self.base, "out"))
        self.command = vstate("--root", "old", "dump", "--freeze", NAME, "-o", "out/file.toml",
                              "--mail", "out/mail")

    def check_killed(self, work):
        path = os.path.join(work, "out/file.toml")
        if os.path.exists(path):
            self.run_in(work, vstate("check", "out/file.toml", "--mail", "out/mail"))

    def check_end(self, work):
        """The index is as good as one that nobody disturbed: the next dump writes nothing."""
        if os.path.exists(os.path.join(work, "out/mail")):
            before = disturb.picture(os.path.join(work, "out"))
            self.run_in(work, self.command)
            self.assertEqual(
                disturb.differences(disturb.picture(os.path.join(work, "out")), before), [])

    def test_dump(self):
        self.converge()

    def test_dump_of_what_is_new(self):
        self.in_base(*self.command[2:])
        self.old.live_on()
        self.converge()

    def test_dump_as_a_stream(self):
        """The stamps and the order of a stream are not always the same: what comes of it is."""
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.in_base("--root", "old", "dump", NAME, "-o", "file.toml", "--mail", "mail")
        self.command = shell(*vstate("--root", "old", "dump", "--freeze", "--mail", "-", NAME)
                             ) + " > out/stream"
        self.without = ("out/stream$",)
        self.take = shell(*vstate("--root", "new", "apply", "-")) + " < out/stream"
        self.check_killed = self.check_cut_stream
        self.check_end = lambda work: self.run_in(work, self.take)
        self.each = 1
        self.converge()

    def check_cut_stream(self, work):
        """Either all of it is there, or its reader says that it is not."""
        if not os.path.exists(os.path.join(work, "out/stream")):
            return
        done = subprocess.run(["sh", "-c", self.take], cwd=work, capture_output=True, check=False,
                              env=support.environment())
        if done.returncode == 0:
            self.run_in(work, vstate("--root", "new", "verify", "file.toml", "--mail", "mail",
                                     "--deep"))
        else:
            self.assertIn(done.returncode, (1, 3), done.stderr)


if __name__ == "__main__":
    support.main()
