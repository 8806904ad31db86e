"""Stands in for ssh, over a link with a long way: what one side has said goes over when it has
nothing more to say for a moment, and the other side's answers come back alike. Writes into
VSTATE_TURNS how often that was, which is what a long way costs."""

import os
import selectors
import subprocess
import sys

MOMENT = 0.02


def said_by(file):
    """All that comes until nothing comes for a moment; empty at the end."""
    said = os.read(file, 1 << 20)
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while said and selector.select(MOMENT):
            more = os.read(file, 1 << 20)
            if not more:
                break
            said += more
    return said


def write_all(file, said):
    while said:
        said = said[os.write(file, said):]


def main():
    turns, is_ours = 0, False
    with subprocess.Popen(sys.argv[-1], shell=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other, \
            selectors.DefaultSelector() as selector:
        ours, theirs = sys.stdin.fileno(), other.stdout.fileno()
        selector.register(ours, selectors.EVENT_READ, other.stdin.fileno())
        selector.register(theirs, selectors.EVENT_READ, sys.stdout.fileno())
        # Either may speak next: what came of one side may have been half of what it says.
        while True:
            key = selector.select()[0][0]
            said = said_by(key.fd)
            if not said:
                break
            if key.fd == ours and not is_ours:
                turns += 1
                with open(os.environ["VSTATE_TURNS"], "w", encoding="ascii") as count:
                    count.write(str(turns))
            is_ours = key.fd == ours
            write_all(key.data, said)
        other.kill()


main()
