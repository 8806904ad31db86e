"""The scenarios that are disturbed in every way: each module has those of one subject."""

from .. import disturb, program
from . import dumps, files, moves, sql, switch

ALL = (*files.ALL, *dumps.ALL, *moves.ALL, *sql.ALL, *switch.ALL)


def some(each, scenarios=ALL):
    """One of so many, unless a run is deep or is told how much to try."""
    if program.DEEP or disturb.TRIES:
        return scenarios
    return scenarios[(disturb.SEED - 1) % each::each]


def under(way, scenarios=ALL, **more):
    """A test class for each scenario, which is disturbed in this way. `more` goes into each."""
    return {f"{scenario.__name__}Test": type(f"{scenario.__name__}Test", (way, scenario),
                                             {"__module__": "__main__", **more})
            for scenario in scenarios}
