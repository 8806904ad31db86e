"""Law 2: whatever call a run is killed before, the next run ends as if nothing had happened.

Each scenario is run once to count the calls that change something; then it is killed before each
of them (without VSTATE_DEEP some calls of each second scenario), run again, in which every third is
killed once more, run to its end, and compared with the run that nobody disturbed: the same files
with the same owners, modes and times, nothing left over, nothing to do, and whole. What only reads
works at any time, also over what the killed run left, and no reader of qmail's files sees half a
domain.
"""

import support
from support import disturb, scenarios
from support.killing import Killing

globals().update({name: disturb.needs_tracing(case)
                  for name, case in scenarios.under(Killing, scenarios.some(2)).items()})

if __name__ == "__main__":
    support.main()
