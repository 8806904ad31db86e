"""vstate on kernels from Linux 3.2 on, and below filters that refuse what they do not know: with
each younger system call denied, and with all of them, with ENOSYS and with EPERM, it does the same,
byte for byte, and what is hostile leads it nowhere either.

With VSTATE_DEEP the whole suites of links, trust, kills, swaps, captures and pulls run so.
"""

import os
import re
import subprocess
import sys

import support
from support import captures, denied, disturb
from support.denied import ALL, ERRORS
from support.killing import NAME

HERE = os.path.dirname(os.path.abspath(__file__))
#: Those that vstate uses or asks for, and two that libraries do.
OWN = ("openat2", "renameat2", "copy_file_range", "syncfs", "close_range", "getrandom", "clone3")
ROWS = [(error, calls) for calls in (*OWN, "statx", "faccessat2", ALL) for error in ERRORS]

#: What an index says of inodes and of changes holds for one copy of a server.
INDEXES = (r"\.index$",)
#: Suites whose tests run with all denied: a choice of them, with one error each; and with
#: VSTATE_DEEP all, with both.
SUITES = (
    ("ENOSYS", "links_test", ("SourceLinks.test_home_relative", "SourceLinks.test_bucket",
                              "SourceLinks.test_cur", "TargetLinks.test_maildir",
                              "SourceLinks.test_links_that_lead_nowhere_are_named")),
    ("EPERM", "trust_test", ("TrustTest.test_list_elsewhere",)),
    ("EPERM", "hard_links_test", ("HardLinkTest.test_target",)),
    ("EPERM", "swap_race_test", ("SwapTest.test_nothing_outside",)),
    ("EPERM", "freeze_test", ("FreezeTest.test_lifted_however_the_dump_ends",)),
)
DEEP_SUITES = ("links_test", "trust_test", "hard_links_test", "swap_race_test", "freeze_test",
               "kill_test", "captures_test", "pull_test", "batch_test", "increments_test",
               "publication_test", "repair_test", "changes_test", "live_source_test")


@denied.needs_denied
class DeniedTest(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        disturb.make_example("old-server", os.path.join(self.base, "old"))
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        disturb.make_example("empty-server", os.path.join(self.base, "pulled"))

    def run_with(self, row, work, *words, code=0):
        command = [support.VSTATE, *words]
        done = subprocess.run(denied.words(*row, command) if row else command, cwd=work,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=120,
                              env=support.environment(), check=False)
        said = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
        self.assertEqual(done.returncode, code, (row, words, said))
        return said

    def all_of_it(self, row, work):
        """Every way that a domain takes; what is there afterwards, and what was said."""
        mail = ("--mail", "mail")
        said = [self.run_with(row, work, *words) for words in (
            ("--root", "old", "dump", "--freeze", NAME, *mail, "-o", "file.toml"),
            ("--root", "new", "apply", "file.toml", *mail),
            ("--root", "new", "plan", "file.toml", *mail),
            ("--root", "new", "verify", "file.toml", *mail, "--deep"),
            ("--root", "pulled", "pull", "--freeze", "./old", NAME),
            ("--root", "pulled", "pull", "--prune", "--yes", "./old", NAME),
            ("--root", "pulled", "route", f"alice@{NAME}"))]
        self.assertIn(support.NOTHING, said[2])
        # Rates and times differ.
        same = [re.sub(r"[\d.]+ (s|[kM]B/s)", "", text) for text in said]
        return disturb.picture(work, INDEXES), same

    def test_same_as_without_denial(self):
        def one(row):
            work = self.work_on(f"{row[0]}-{row[1]}")
            here, said = self.all_of_it(row, work)
            words = disturb.differences(here, wanted)
            if said != wanted_said:
                words.append(f"says {said} where it says {wanted_said}")
            self.forget(work)
            return f"{row}: {'; '.join(words[:5])}" if words else None

        wanted, wanted_said = self.all_of_it(None, self.work_on("whole"))
        bad = [result for result in disturb.at_once(one, ROWS) if result]
        print(f"{len(ROWS)} rows of denied calls, {len(bad)} differ", flush=True)
        self.assertEqual(bad, [])

    def test_says_what_it_uses(self):
        for row in [None, *ROWS]:
            with self.subTest(row):
                said = self.run_with(row, self.directory, "--version", "--verbose").splitlines()
                gone = OWN if row and row[1] == ALL else (row[1],) if row else ()
                self.assertEqual([line.split()[0] for line in said[1:]], list(OWN))
                for line in said[1:]:
                    name, what = line.split(None, 1)
                    if name in gone:
                        self.assertRegex(what, "^not here: .")
                    elif row:
                        self.assertEqual(what, "used")
        self.assertEqual(len(self.run_with(None, self.directory, "--version").splitlines()), 1)

    def test_refusal_of_a_file_is_no_missing_call(self):
        """What the kernel refuses for a file is told, and not tried in another way."""
        if not support.IS_ROOT:
            self.skipTest("needs root: only root sets a file immutable")
        work = self.work_on("refused")
        self.run_with(None, work, "-q", "--root", "old", "dump", NAME, "--mail", "mail", "-o",
                      "file.toml")
        self.run_with(None, work, "-q", "--root", "new", "apply", "file.toml", "--mail", "mail")
        example = disturb.Example(os.path.join(work, "old"))
        example.write("Subject: new\n\n", "alice/Maildir/cur/1763000009.7.mail1:2,S")
        self.run_with(None, work, "-q", "--root", "old", "dump", NAME, "--mail", "mail", "-o",
                      "file.toml")
        place = os.path.join(work, "new/srv/vpopmail/domains/0/example.com/alice/Maildir/cur")
        if subprocess.run(["chattr", "+i", place], capture_output=True, check=False).returncode:
            self.skipTest("the file system knows no immutable files")
        try:
            for row in [None, *((error, ALL) for error in ERRORS)]:
                said = self.run_with(row, work, "--root", "new", "apply", "file.toml", "--mail",
                                     "mail", code=3)
                self.assertIn("Operation not permitted", said)
        finally:
            subprocess.run(["chattr", "-i", place], check=True)
        self.run_with((ERRORS[0], ALL), work, "-q", "--root", "new", "apply", "file.toml", "--mail",
                      "mail")

    @captures.needs_captures
    def test_captures(self):
        server = captures.captured_server("vp54-cdb")
        words = [*server.options, "-q", "dump", "--all", "--clear-passwords"]
        seen = []
        for row in (None, *((error, ALL) for error in ERRORS)):
            work = os.path.join(self.directory, f"dumped-{row[0] if row else 'plainly'}")
            os.mkdir(work)
            self.run_with(row, work, *words, "--mail", "mail", "-o", "toml/")
            seen.append(disturb.picture(work, INDEXES))
        for other in seen[1:]:
            self.assertEqual(disturb.differences(other, seen[0]), [])


@denied.needs_denied
class SuitesTest(support.SandboxCase):
    def run_suite(self, error, name, tests):
        wrapper = denied.wrapper(os.path.join(self.directory, f"vstate-{error}"), error, ALL)
        runs = {} if support.DEEP else {"VSTATE_RUNS": "14"}
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, name + ".py"), *tests], capture_output=True,
            env={**os.environ, **runs, "VSTATE": wrapper, "VSTATE_DENIED": denied.DENIED,
                 "VSTATE_ALL_DENIED": error,
                 "VSTATE_KILL_POINTS": disturb.KILL_POINTS}, check=False)
        said = done.stdout.decode("utf-8", "surrogateescape").splitlines()
        print(f"{error}, all denied, {name}:", *said, sep="\n    ", flush=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode("utf-8", "surrogateescape"))
        # A name that is gone would leave nothing that could fail.
        self.assertRegex(said[-1] if said else "", "^[1-9][0-9]* passed, 0 failed, ")

    def test_other_suites(self):
        deep = [(error, name, ()) for error in ERRORS for name in DEEP_SUITES]
        for error, name, tests in deep if support.DEEP else SUITES:
            with self.subTest(error=error, suite=name):
                self.run_suite(error, name, tests)


if __name__ == "__main__":
    support.main()
