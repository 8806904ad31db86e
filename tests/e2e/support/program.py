"""The program under test, run without a terminal in a fixed environment.

VSTATE       the program; default is build/release/vstate of this tree
VSTATE_DEEP  everything instead of a sample
"""

import os
import shutil
import subprocess
import sys
import unittest

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


def main():
    if not os.access(VSTATE, os.X_OK):
        sys.exit(f"{VSTATE}: no such program; name it with VSTATE")
    unittest.main()
