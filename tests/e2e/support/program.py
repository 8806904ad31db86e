"""The program under test, run without a terminal in a fixed environment.

VSTATE       the program; default is build/release/vstate of this tree
VSTATE_DEEP  everything instead of a sample
"""

import collections
import os
import shutil
import subprocess
import sys
import unittest
from unittest.util import strclass

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
VSTATE = os.path.abspath(os.environ.get("VSTATE") or os.path.join(TREE, "build/release/vstate"))
DEEP = bool(os.environ.get("VSTATE_DEEP"))
IS_ROOT = os.geteuid() == 0
STRACE = shutil.which("strace")
NOTHING = "Nothing to do"  # what a plan without changes says


class Outcome:
    """What a finished run of a program left: exit status and both streams as text."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def environment(**changes):
    """A fixed environment, so that no colour, locale, or option of the caller's shows."""
    kept = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH", "TMPDIR"):
        if name in os.environ:
            kept[name] = os.environ[name]
    kept.update(changes)
    return {name: value for name, value in kept.items() if value is not None}


def run(*arguments, prefix=(), stdin=b"", cwd=None, umask=0o022, env=None, timeout=120):
    """Runs the program without a terminal, under the given umask."""
    text = stdin.encode() if isinstance(stdin, str) else stdin
    old = os.umask(umask)
    try:
        done = subprocess.run([*prefix, VSTATE, *map(str, arguments)], input=text, cwd=cwd,
                              env=env or environment(), capture_output=True, timeout=timeout)
    finally:
        os.umask(old)
    return Outcome(done)


class Program(unittest.TestProgram):
    """Runs the tests of the calling module, and knows how many each class and module has."""

    def runTests(self):
        self.sizes = collections.Counter()
        left = [self.test]
        while left:
            test = left.pop()
            if isinstance(test, unittest.TestCase):
                self.sizes.update([strclass(type(test)), type(test).__module__])
            else:
                left += test
        super().runTests()


class Summary:
    """The numbers of a run. Of a class or a module that was skipped or failed as a whole unittest
    keeps one entry, and does not count its tests as run; here each of them counts."""

    def __init__(self, result, sizes):
        self.lines, self.sizes = set(), sizes
        skipped, failed = set(), set()
        self.passed, self.failed, self.skipped = result.testsRun, 0, 0
        for test, reason in result.skipped:
            case = getattr(test, "test_case", test)
            name = case.id().removeprefix("__main__.")
            if case is not test:  # a subtest: others of the test have run
                self.lines.add(f"partly skipped: {name}: {reason}")
                continue
            self.lines.add(f"skipped: {name}: {reason}")
            skipped.update([name] if isinstance(case, unittest.TestCase) else [])
            self.skipped += self.size_of(case)
        for test, _ in result.failures + result.errors:
            case = getattr(test, "test_case", test)
            failed.update([case.id()] if isinstance(case, unittest.TestCase) else [])
            self.failed += self.size_of(case)
        self.passed -= len(skipped) + len(failed)
        self.skipped += len(skipped)
        self.failed += len(failed)

    def size_of(self, entry):
        """How many tests an entry for a whole stands for, such as "setUpClass (__main__.ATest)"."""
        if isinstance(entry, unittest.TestCase) or not entry.id().startswith("setUp"):
            return 0
        return self.sizes[entry.id().partition("(")[2].rstrip(")")]

    def print(self):
        for line in sorted(self.lines):
            print(line)
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")


def main():
    """Runs the tests of the calling module. The last line has their numbers; the lines before it
    say what was skipped and why."""
    if not os.access(VSTATE, os.X_OK):
        sys.exit(f"{VSTATE}: no such program; name it with VSTATE")
    program = Program(exit=False)
    sys.stderr.flush()
    Summary(program.result, program.sizes).print()
    sys.exit(not program.result.wasSuccessful())
