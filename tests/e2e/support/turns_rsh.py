"""Stands in for ssh, over a link with a long way: what one side has said goes over when it has
nothing more to say for a moment, and the other side's answers come back alike. Writes into
VSTATE_TURNS how often that was, which is what a long way costs."""

import os
import selectors
import subprocess
import sys

MOMENT = 0.01


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
    turns = 0
    with subprocess.Popen(sys.argv[-1], shell=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        while said := said_by(sys.stdin.fileno()):
            turns += 1
            with open(os.environ["VSTATE_TURNS"], "w", encoding="ascii") as count:
                count.write(str(turns))
            write_all(other.stdin.fileno(), said)
            write_all(sys.stdout.fileno(), said_by(other.stdout.fileno()))
        other.kill()


main()
