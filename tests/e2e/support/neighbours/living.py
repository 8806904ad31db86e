"""Neighbours as processes: each does its changes one after the other, remembers what must be there
for them, and looks at the end whether it is."""

import multiprocessing
import os
import random
import time
import traceback

from .. import program

#: A process of its own has locks of its own; threads would share the fcntl ones.
CONTEXT = multiprocessing.get_context("fork")


class Neighbour:
    """What one program does, called again and again.

    kept    what must be there at the end, by name; only this comes back from the process
    done    how many changes were made
    lost    what was found missing or wrong, in words; must stay empty
    """

    #: Whether it runs as the owner of the mail, as what qmail-local starts does.
    is_owner = False

    def __init__(self, server, seed):
        self.server, self.chance = server, random.Random(f"{type(self).__name__} {seed}")
        self.name = type(self).__name__
        self.kept, self.lost, self.done = {}, [], 0

    def step(self):
        """One change, noted in `kept`."""
        raise NotImplementedError

    def missing(self):
        """What of `kept` is not as it was left, in words."""
        return []

    def expect(self, is_right, words):
        if not is_right and len(self.lost) < 20:
            self.lost.append(f"{self.name} after {self.done}: {words}")


class Reader(Neighbour):
    """Looks things up until it is told to end; `done` counts the look-ups."""

    #: The longest pause between two of them.
    pause = 0.002


def live(neighbour, steps, pause, end, pipe):
    """The process of one neighbour: so many steps, or for a reader until the end."""
    try:
        os.umask(0o077)
        if neighbour.is_owner and program.IS_ROOT:
            os.setgroups([])
            os.setgid(neighbour.server.owner[1])
            os.setuid(neighbour.server.owner[0])
        while not end.is_set() and (steps is None or neighbour.done < steps):
            neighbour.step()
            neighbour.done += 1
            time.sleep(neighbour.chance.random() * pause)
    except Exception:
        neighbour.lost.append(f"{neighbour.name} ended: {traceback.format_exc()}")
    pipe.send((neighbour.kept, neighbour.lost, neighbour.done))
    pipe.close()


class Street:
    """All neighbours at once; writers make so many steps each, with a pause of up to so many
    seconds."""

    def __init__(self, writers, readers, steps, pause):
        self.writers, self.readers = writers, readers
        self.end, self.pipes, self.processes = CONTEXT.Event(), {}, {}
        for neighbour in [*writers, *readers]:
            ours, theirs = CONTEXT.Pipe(duplex=False)
            work = (None, neighbour.pause) if neighbour in readers else (steps, pause)
            process = CONTEXT.Process(target=live, args=(neighbour, *work, self.end, theirs))
            process.start()
            theirs.close()
            self.pipes[neighbour], self.processes[neighbour] = ours, process

    def is_alive(self):
        """Whether a change is still to come."""
        return any(self.processes[one].is_alive() and not self.pipes[one].poll()
                   for one in self.writers)

    def finish(self):
        """Waits for the writers, ends the readers, and takes what they have to tell."""
        for one in self.writers:
            self.take(one)
        self.end.set()
        for one in self.readers:
            self.take(one)

    def take(self, neighbour):
        try:
            neighbour.kept, neighbour.lost, neighbour.done = self.pipes[neighbour].recv()
        except EOFError:
            neighbour.lost.append(f"{neighbour.name} died")
        self.processes[neighbour].join()

    def stop(self):
        """For a test that failed: nothing of it goes on."""
        self.end.set()
        for process in self.processes.values():
            if process.is_alive():
                process.terminate()
            process.join()
