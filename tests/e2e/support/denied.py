"""Programs below tests/harness/denied: on a kernel that seems to lack some system calls.

VSTATE_DENIED  the harness; default is tests/denied beside the program
"""

import os
import subprocess
import unittest

from . import program

DENIED = os.environ.get("VSTATE_DENIED") or os.path.join(
    os.path.dirname(program.VSTATE), "tests/denied")
ERRORS = ("ENOSYS", "EPERM")
#: All that Linux 3.2 does not have, and what it has and a filter may refuse.
ALL = "younger,syncfs,ofd_lock"
CANNOT = 125


def why_not():
    if not os.access(DENIED, os.X_OK):
        return f"{DENIED} is not built"
    done = subprocess.run([DENIED, "ENOSYS", "openat2", "/bin/true"], capture_output=True,
                          text=True, check=False)
    return done.stderr.strip() if done.returncode == CANNOT else ""


def needs_denied(case):
    reason = why_not()
    return unittest.skipIf(reason, f"no call can be denied: {reason}")(case)


def words(error, calls, command):
    return [DENIED, error, calls, *command]


def wrapper(path, error, calls, command=program.VSTATE):
    """A program at `path` that is `command` with these calls denied, for what takes one name."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{DENIED}" {error} {calls} "{command}" "$@"\n')
    os.chmod(path, 0o755)
    return path
