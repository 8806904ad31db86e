"""The scenarios that are disturbed in every way: each module has those of one subject."""

from . import dumps, files, moves, sql, switch

ALL = (*files.ALL, *dumps.ALL, *moves.ALL, *sql.ALL, *switch.ALL)


def under(way, scenarios=ALL, **more):
    """A test class for each scenario, which is disturbed in this way. `more` goes into each."""
    return {f"{scenario.__name__}Test": type(f"{scenario.__name__}Test", (way, scenario),
                                             {"__module__": "__main__", **more})
            for scenario in scenarios}
