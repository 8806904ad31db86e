"""Somebody who swaps places of theirs for links, again and again, while the program works there."""

import subprocess
import sys

#: Swaps a directory for a link and back until it is killed, as the owner of the mail.
SWAPPER = """
import os, sys
uid, gid, outside, *places = sys.argv[1:]
os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid))
print("ready", flush=True)
while os.getppid() != 1:
    for place in places:
        away = place + ".away"
        try:
            os.rename(place, away)
            os.symlink(os.path.relpath(outside, os.path.dirname(place)), place)
        except OSError:
            pass
        try:
            os.unlink(place)
        except OSError:
            pass
        try:
            os.rename(away, place)
        except OSError:
            pass
"""


def start(uid, gid, outside, places):
    """A process that does so with each of `places`; when this returns it has begun."""
    process = subprocess.Popen([sys.executable, "-S", "-c", SWAPPER, str(uid), str(gid), outside,
                                *places], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()
