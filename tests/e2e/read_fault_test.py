"""What cannot be read is not absent: no failure of a read makes less of a domain without a word.

A dump, and a second `pull --prune`, run once for each call that looks at something, and that call
fails with an errno (each so manieth call and one errno each without VSTATE_DEEP, all with it). Then
the same over servers where single places may not be read: as nobody, and as root without the
capabilities that pass over modes.

Right is an exit status that is not 0, no file, and nothing on standard output; or the very output
of the run that nothing disturbed. A pull deletes nothing that its source has, and the next one ends
as if nothing had happened.
"""

import errno
import os
import resource
import shutil
import subprocess
import unittest

import support
from support import disturb

NAME = "example.com"
ERRNOS = (errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTDIR, errno.EMFILE, errno.ENFILE,
          errno.ENOMEM)
#: Only what makes a descriptor can run out of them.
OF_OPENS = (errno.EMFILE, errno.ENFILE)
SOURCE_CHANGED = 4
SETPRIV = shutil.which("setpriv")
WITHOUT = "-dac_override,-dac_read_search"
NOBODY = [SETPRIV, "--reuid", "65534", "--regid", "65534", "--clear-groups"]
MODES_COUNT = [SETPRIV, "--bounding-set", WITHOUT, "--inh-caps", WITHOUT]


def vstate(*words):
    return [support.VSTATE, "-q", *words]


class Fault:
    def __init__(self, number, code):
        self.number, self.code = number, code

    def __str__(self):
        return errno.errorcode[self.code]


class FaultCase(disturb.DisturbCase):
    each = 40
    below = ("old",)

    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)

    def harness(self, work, command, *more):
        options = ["--reads", *more]
        for place in self.below:
            options += ["--below", os.path.join(work, place)]
        return disturb.traced(work, options, command)

    def faults(self, calls):
        """All errnos at all calls, or one of them at each so manieth."""
        numbers = disturb.sample(len(calls), self.each)
        for count, number in enumerate(numbers):
            codes = ERRNOS if support.DEEP else [ERRNOS[count % len(ERRNOS)]]
            for code in codes:
                if code in OF_OPENS and "open" not in calls[number - 1].split()[2]:
                    continue
                yield Fault(number, code)

    def disturb(self, command, judge):
        """Runs `command` undisturbed, then with each fault; `judge(work, run)` gives what is wrong
        with a run, or nothing. `judge.whole` is called with the undisturbed one first."""
        whole = self.work_on("whole")
        run = self.harness(whole, command, "--list")
        self.assertEqual(run.code, 0, run.err)
        judge.take(whole, run)
        faults = list(self.faults(run.calls))
        self.assertGreater(len(faults), 5)

        def one(fault):
            work = self.work_on(f"fault-{fault.number}-{fault}")
            run = self.harness(work, command, "--fail", fault.number, fault.code)
            words = judge.words(work, run, fault) if run.hit else ""
            if run.code in (128 + 6, 128 + 11, 124):
                words = f"ended with {run.code}"
            if not words:
                self.forget(work)
                return None
            return f"{fault} {run.hit}: exit {run.code}: {words}"

        results = disturb.at_once(one, faults)
        bad = [result for result in results if result]
        print(f"{self.id().split('.')[-1]}: {len(faults)} faults at {len(run.calls)} calls, "
              f"{len(faults) - len(bad)} right", flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {len(faults)} are wrong", *bad[:15]]))


class DumpJudge:
    """What a dump wrote, in `out` and on standard output."""

    def take(self, work, run):
        self.wanted = self.output(work, run)

    @staticmethod
    def output(work, run):
        path = os.path.join(work, "out/file.toml")
        if not os.path.exists(path):
            return None, run.out
        with open(path, "rb") as file:
            return file.read(), run.out

    def words(self, work, run, fault):
        file, out = self.output(work, run)
        if run.code == 0:
            return "" if (file, out) == self.wanted else "it is another dump"
        # ENOTDIR says that something is gone, which a live source may have done.
        if run.code == SOURCE_CHANGED and fault.code == errno.ENOTDIR:
            return ""
        if file is not None:
            return "there is a file"
        if out:
            return "there is something on standard output"
        partial = [name for _, _, names in os.walk(os.path.join(work, "out")) for name in names
                   if name.endswith(".partial")]
        if partial:
            return f"{partial} is left over"
        return "" if run.err.startswith("vstate: ") else "nothing is said"


@disturb.needs_tracing
class DumpTest(FaultCase):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.base, "out"))

    def test_dump_into_a_file(self):
        self.disturb(vstate("--root", "old", "dump", NAME, "-o", "out/file.toml"), DumpJudge())

    def test_dump_with_mail(self):
        self.disturb(vstate("--root", "old", "dump", NAME, "-o", "out/file.toml", "--mail",
                            "out/mail"), DumpJudge())

    def test_dump_to_standard_output(self):
        self.each = 60
        self.disturb(vstate("--root", "old", "dump", NAME), DumpJudge())

    def test_few_descriptors(self):
        command = vstate("--root", "old", "--jobs", "1", "dump", NAME, "-o", "out/file.toml",
                         "--mail", "out/mail")
        judge = DumpJudge()

        def run(most):
            work = self.work_on(f"most-{most}")
            done = subprocess.run(
                command, cwd=work, capture_output=True, env=support.environment(), check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
            done.code, done.out = done.returncode, done.stdout
            done.err = done.stderr.decode()
            return work, done

        work, done = run(512)
        self.assertEqual(done.code, 0, done.err)
        judge.take(work, done)
        for most in range(4, 40, 1 if support.DEEP else 5):
            with self.subTest(descriptors=most):
                work, done = run(most)
                words = judge.words(work, done, Fault(most, errno.EMFILE))
                # Where not even the program's libraries can be opened, the loader says so.
                if words != "nothing is said" or done.code != 127:
                    self.assertEqual(words, "")


class StreamJudge(DumpJudge):
    """Half a stream is on its way before the failure: who reads it does not take it for whole."""

    def take(self, work, run):
        pass

    def words(self, work, run, fault):
        if run.code == SOURCE_CHANGED and fault.code == errno.ENOTDIR:
            return ""
        path = os.path.join(work, "out/stream")
        with open(path, "rb") as stream:
            taken = subprocess.run(vstate("--root", "new", "apply", "-"), cwd=work, stdin=stream,
                                   capture_output=True, env=support.environment(), check=False)
        if run.code == 0:
            check = subprocess.run(
                vstate("--root", "new", "verify", "file.toml", "--mail", "mail", "--deep"),
                cwd=work, capture_output=True, env=support.environment(), check=False)
            return check.stdout.decode() if check.returncode else ""
        return "its reader takes it for whole" if taken.returncode == 0 else ""


@disturb.needs_tracing
class StreamTest(FaultCase):
    each = 120

    def test_dump_as_a_stream(self):
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        os.mkdir(os.path.join(self.base, "out"))
        subprocess.run(vstate("--root", "old", "dump", NAME, "-o", "file.toml", "--mail", "mail"),
                       cwd=self.base, check=True, capture_output=True)
        command = " ".join(vstate("--root", "old", "dump", "--mail", "-", NAME)) + " > out/stream"
        self.disturb(command, StreamJudge())


class PullJudge:
    """What a pull with --prune left on the target."""

    def __init__(self, case, command):
        self.case, self.command = case, command

    def take(self, work, run):
        self.before = self.picture(os.path.join(self.case.base, "new"))
        self.wanted = self.picture(os.path.join(work, "new"))
        self.may_go = self.before.keys() - self.wanted.keys()

    def words(self, work, run, fault):
        new = os.path.join(work, "new")
        here = self.picture(new)
        gone = sorted(path for path in self.before.keys() - here.keys() - self.may_go
                      # A message that got another flag has another name.
                      if not any(other.startswith(path.partition(":2,")[0]) for other in here)
                      and not path.endswith("maildirsize"))
        if gone:
            return f"deleted {gone[:5]}"
        for path in self.before.keys() & here.keys() & self.wanted.keys():
            if not path.endswith("/vpasswd") and "/subscribers/" not in path:
                continue
            parts = [set(self.parts(picture[path])) for picture in (self.before, here, self.wanted)]
            lost = parts[0] - parts[1] - (parts[0] - parts[2])
            if lost:
                return f"{path} lost {sorted(lost)[:5]}"
        if run.code == 0:
            return "; ".join(disturb.differences(here, self.wanted)[:5])
        again = subprocess.run(self.command, cwd=work, capture_output=True, check=False,
                               env=support.environment())
        if again.returncode != 0:
            return f"the next run ends with {again.returncode}: {again.stderr.decode()[:300]}"
        return "; ".join("after the next run " + word for word in disturb.differences(
            self.picture(new), self.wanted)[:5])

    @staticmethod
    def picture(root):
        """A home that could not be made and was made later has moved the counter of directories."""
        return disturb.picture(root, (r"\.dir-control$",))

    @staticmethod
    def parts(seen):
        """Names of accounts, or addresses of subscribers."""
        text = seen[4]
        if b"\0" in text:
            return text.split(b"\0")
        return [line.split(b":")[0] for line in text.splitlines()]


@disturb.needs_tracing
class PullTest(FaultCase):
    below = ("old", "new")
    each = 80

    def test_second_pull_with_prune(self):
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        subprocess.run(vstate("--root", "new", "pull", "./old", NAME), cwd=self.base, check=True,
                       capture_output=True)
        self.old.live_on()
        command = vstate("--root", "new", "pull", "--prune", "--yes", "./old", NAME)
        self.disturb(command, PullJudge(self, command))


#: Places of the domain that somebody may not read, and whether they are part of its mail only.
PLACES = {
    "home/vpopmail": False, "home/vpopmail/domains": False, "": False, "vpasswd": False,
    ".qmail-default": False, ".qmail-sales": False, ".qmail-dev:team": False,
    ".qmailadmin-limits": False, ".quotawarn.msg": False, "INFO": False, "INFO/message": False,
    "alice": False, "alice/lastauth": False, "bob/.qmail": False, "bob/vacation": False,
    "bob/vacation/message": False, "0": False, "0/erika": False, "news": False,
    "news/subscribers": False, "news/subscribers/K": False, "news/mod": False,
    "news/mod/subscribers": False, "news/editor": False, "news/key": False,
    "alice/Maildir": True, "alice/Maildir/cur": True, "alice/Maildir/new": True,
    "alice/Maildir/.Sent": True, "alice/Maildir/.Sent/cur": True,
    "alice/Maildir/subscriptions": True, "alice/Maildir/dovecot-uidlist": True,
    "alice/Maildir/dovecot-keywords": True,
    "alice/Maildir/cur/1761990100.4001.mail1.example.com,S=323:2,RS": True,
    "bob/Maildir/new/1762040000.4008.mail1.example.com,S=300": True,
    "news/archive": True, "news/archive/0/01": True,
    "var/qmail": False, "var/qmail/users": False, "var/qmail/users/assign": False,
    "var/qmail/control": False, "var/qmail/control/rcpthosts": False,
    "var/qmail/control/virtualdomains": False, "var/qmail/control/locals": False,
}


@unittest.skipUnless(support.IS_ROOT and SETPRIV, "needs root and setpriv")
class RightsTest(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.open_to_all()
        # Who is not root need not be able to enter the tree.
        self.program = shutil.copy(support.VSTATE, os.path.join(self.directory, "vstate"))

    def path_of(self, work, place):
        root = os.path.join(work, "old")
        if place.startswith(("home/", "var/")):
            return os.path.join(root, place)
        return os.path.join(root, self.old.domain, place).rstrip("/")

    def run_as(self, prefix, work, *words):
        done = subprocess.run([*prefix, self.program, "-q", *words], cwd=work, check=False,
                              capture_output=True, env=support.environment(), timeout=120)
        done.err = done.stderr.decode("utf-8", "surrogateescape")
        return done

    def check_dump(self, prefix, work, place, wanted):
        """A dump without and with mail of a server where `place` may not be read."""
        is_mail = PLACES.get(place, False)
        shown = "/" + os.path.relpath(self.path_of(work, place), os.path.join(work, "old"))
        for mail in ([], ["--mail", "out/mail"]):
            done = self.run_as(prefix, work, "--root", "old", "dump", NAME, "-o", "out/file.toml",
                               *mail)
            path = os.path.join(work, "out/file.toml")
            if done.returncode == 0:
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), wanted[bool(mail)])
                self.assertFalse(mail and is_mail, "what cannot be read was carried")
                os.unlink(path)
                continue
            self.assertEqual(done.returncode, 1, done.err)
            self.assertFalse(os.path.exists(path))
            # A place in a mailbox may be told in two: the home, and what is below it.
            self.assertIn(shown, done.err.replace(": ", "/"))
            self.assertIn("ermission denied", done.err)
            to_stdout = self.run_as(prefix, work, "--root", "old", "dump", NAME)
            if to_stdout.returncode != 0:
                self.assertEqual(to_stdout.stdout, b"")

    def wanted_dumps(self):
        work = self.work_on("whole")
        dumps = {}
        for mail in ([], ["--mail", "out/mail"]):
            done = self.run_as([], work, "--root", "old", "dump", NAME, "-o", "out.toml", *mail)
            self.assertEqual(done.returncode, 0, done.err)
            with open(os.path.join(work, "out.toml"), "rb") as file:
                dumps[bool(mail)] = file.read()
        return dumps

    def each_place(self, prefix):
        wanted = self.wanted_dumps()
        places = list(PLACES)
        if not support.DEEP:
            places = [places[0], *places[disturb.SEED % 3::3]]
        for place in places:
            with self.subTest(place=place):
                work = self.work_on("work")
                try:
                    os.mkdir(os.path.join(work, "out"))
                    os.chmod(os.path.join(work, "out"), 0o777)
                    os.chmod(self.path_of(work, place), 0)
                    self.check_dump(prefix, work, place, wanted)
                    self.check_pull(prefix, work, place)
                finally:
                    self.forget(work)

    def check_pull(self, prefix, work, place):
        """A pull with --prune from there deletes nothing on a server that has all of it."""

    def test_root_without_its_rights(self):
        def check_pull(prefix, work, place):
            new = os.path.join(work, "new")
            before = disturb.picture(new)
            done = self.run_as(prefix, work, "--root", "new", "pull", "--prune", "--yes", "./old",
                               NAME)
            here = disturb.picture(new)
            self.assertEqual(sorted(before.keys() - here.keys()), [])
            if done.returncode == 0:
                self.assertEqual(disturb.differences(here, before), [])

        subprocess.run(vstate("--root", "new", "pull", "./old", NAME), cwd=self.base, check=True,
                       capture_output=True)
        self.check_pull = check_pull
        self.each_place(MODES_COUNT)

    def open_to_all(self):
        """So that only what a test closes cannot be read."""
        for place, directories, files in os.walk(self.old.root):
            for name in directories + files:
                path = os.path.join(place, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)

    def test_nobody(self):
        self.each_place(NOBODY)

    def test_nobody_on_a_server_as_it_is(self):
        work = os.path.join(self.directory, "work")
        os.mkdir(work)
        disturb.make_example("old-server", os.path.join(work, "old"))
        os.mkdir(os.path.join(work, "out"))
        os.chmod(os.path.join(work, "out"), 0o777)
        for words in (["dump", NAME, "-o", "out/file.toml"], ["dump", "--all", "-o", "out/all"]):
            done = self.run_as(NOBODY, work, "--root", "old", *words)
            self.assertEqual(done.returncode, 1, done.err)
            self.assertRegex(done.err, "/home/vpopmail/domains.*ermission denied")
            self.assertEqual(os.listdir(os.path.join(work, "out")), [])


if __name__ == "__main__":
    support.main()
