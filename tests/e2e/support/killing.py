"""Kills a scenario before each call that changes something, runs it again, and compares with the
run that nobody disturbed."""

import random
import re

from . import disturb
from .scenario import NAME, Scenario, ServersScenario, vstate

__all__ = ["NAME", "KillCase", "Killing", "ServersCase", "vstate"]


class Killing:
    """Mixed into a scenario. Every third run that mends is killed, too, at any call of it."""

    #: How often it is disturbed without VSTATE_DEEP.
    tries = 2

    def converge(self):
        for jobs in self.jobs_to_try():
            self.kill_each(jobs)

    def kill_each(self, jobs):
        whole = self.work_on("whole")
        run = self.harness(whole, "--list", jobs=jobs)
        self.assertEqual(run.code, 0, run.err)
        self.assertGreater(run.points, 5)
        self.check_end(whole)
        wanted = self.picture(whole)
        self.forget(whole)
        # What a stop between the placing of a file and the end of its temporary leaves is there for
        # one call only, which a sample would seldom hit.
        last = [n for n, call in enumerate(run.calls, 1) if re.search(r"unlinkat .*vstate", call)]
        numbers = sorted({*disturb.spread(run.points, self.tries),
                          *(last[n - 1] for n in disturb.spread(len(last), 1))})
        failures = disturb.at_once(lambda number: self.one(number, wanted, jobs, run.points),
                                   numbers)
        twice = sum(1 for number in numbers if self.is_killed_twice(number))
        self.tell(f"killed at {len(numbers)} of {run.points} calls ({twice} twice), {jobs} threads",
                  len(numbers), [failure for failure in failures if failure])

    @staticmethod
    def is_killed_twice(number):
        return number % 3 == disturb.SEED % 3

    def one(self, number, wanted, jobs, points):
        """Nothing, or what went wrong after a kill before that call."""
        work = self.work_on(f"kill-{number}")
        hits = [self.harness(work, "--kill", number, jobs=jobs).hit]
        if not hits[0]:  # threads came in another order, and there was one call less
            self.forget(work)
            return None
        if self.is_killed_twice(number):
            # What is left to do is shorter, and what mends comes early.
            again = 1 + int(points * random.Random(number).random() ** 2)
            hits.append(self.harness(work, "--kill", again, jobs=jobs).hit or "the end")
        words = self.after(work, wanted, check=lambda: self.between(work))
        if words:
            return f"killed {' and '.join(hits)}: {'; '.join(words[:5])}"
        self.forget(work)
        return None


class KillCase(Killing, Scenario):
    """A scenario that only a kill disturbs."""


class ServersCase(Killing, ServersScenario):
    """One of the example's two servers."""
