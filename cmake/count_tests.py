#!/usr/bin/env python3
"""count_tests.py JUNIT [NAME=passed|failed|skipped[:REASON] ...] [ctest=STATUS]

Sums up a run of ctest: each test case of a Catch2 program or of a Python unittest counts as one,
any other test as one. Prints one line "N passed, N failed, N skipped" and below it what was
skipped and why; a reason of what passed is what was left out of it. Fails when a test failed, when
ctest did without naming one, and when something was skipped that gives no reason.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter

OWN_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
CATCH_ALL = re.compile(r"^All tests passed \(.*? in (\d+) test cases?\)", re.M)
CATCH_SOME = re.compile(r"^test cases:\s*(\d+)(.*)$", re.M)
# A case's name between two lines of dashes, and below it version 2's warning of
# tests/support/catch.h, or version 3's own word.
CATCH_SKIP = re.compile(r"^-{40,}\n(?P<name>[^\n]+)\n(?:(?!-{40,}\n)[^\n]*\n)*?-{40,}\n"
                        r"(?:(?!-{40,}\n)[^\n]*\n)*?"
                        r"(?:  skipped: |[^\n]*SKIPPED:\nexplicitly with message:\n  )"
                        r"(?P<reason>[^\n]+(?:\n  [^\n]+)*)", re.M)
OWN_SKIP = re.compile(r"^(partly )?skipped: (.+)$", re.M)
MOST_LINES = 3  # of one suite and one reason


def cases_in(output):
    """The (passed, failed, skipped) that a program's own summary gives, or None."""
    if found := OWN_LINE.findall(output):
        return tuple(int(n) for n in found[-1])
    if found := CATCH_ALL.search(output):
        skipped = len(CATCH_SKIP.findall(output))
        return int(found[1]) - skipped, 0, skipped
    if found := CATCH_SOME.search(output):
        total, rest = int(found[1]), found[2]
        count = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z ]+?)\s*(?:\||$)", rest)}
        failed = count.get("failed", 0)
        skipped = count.get("skipped", 0) or len(CATCH_SKIP.findall(output))
        return total - failed - skipped, failed, skipped
    return None


class Run:
    def __init__(self):
        self.sums, self.errors = Counter(), []
        self.reasons = {}  # (suite, reason) -> names, in order

    def add_reason(self, suite, reason, name=""):
        self.reasons.setdefault((suite, reason), []).append(name)

    def fail(self, message):
        self.errors.append(message)
        self.sums["failed"] += 1

    def read_reasons(self, suite, output):
        """Notes each; returns how many there are that stand for a test, or for more."""
        number = 0
        for found in CATCH_SKIP.finditer(output):
            self.add_reason(suite, " ".join(found["reason"].split()), found["name"])
            number += 1
        for partly, line in OWN_SKIP.findall(output):
            name, reason = split_own(line)
            self.add_reason(suite, f"in part: {reason}" if partly else reason, name)
            number += not partly
        return number

    def read(self, path):
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError) as error:
            self.fail(f"{path}: {error}")
            return
        for case in root.iter("testcase"):
            self.read_case(case)

    def read_case(self, case):
        suite = case.get("name", "").removeprefix("script.")
        output = case.findtext("system-out") or ""
        failed = case.find("failure") is not None or case.get("status") == "fail"
        not_run = case.get("status") in ("notrun", "disabled")
        skipped = case.find("skipped") is not None or not_run
        own = cases_in(output)
        if skipped and not failed:
            own = (0, 0, 1)
        elif own is None or (failed and own[1] == 0):  # a crash, or a time limit
            own = (0, 1, 0) if failed else (1, 0, 0)
        self.sums.update(dict(zip(("passed", "failed", "skipped"), own)))
        if self.read_reasons(suite, output) == 0 and own[2] > 0:
            self.fail(f"{suite}: {own[2]} skipped without a reason")

    def read_argument(self, argument):
        name, _, value = argument.partition("=")
        if name == "ctest":
            if value != "0" and self.sums["failed"] == 0:
                self.fail(f"ctest ended with {value}")
            return
        word, _, reason = value.partition(":")
        self.sums[word] += 1
        if reason:
            self.add_reason(name, reason if word == "skipped" else f"in part: {reason}")

    def print(self):
        for error in self.errors:
            print(f"count_tests: {error}", file=sys.stderr)
        sys.stderr.flush()
        print(", ".join(f"{self.sums[word]} {word}" for word in ("passed", "failed", "skipped")))
        for (suite, reason), names in self.reasons.items():
            if len(names) > MOST_LINES:
                print(f"  skipped: {suite}, {len(names)} tests: {reason}")
                continue
            for name in names:
                print(f"  skipped: {suite}{', ' if name else ''}{name}: {reason}")


def split_own(line):
    """"Class.test: why" as ("Class.test", "why"), and "why" as ("", "why")."""
    found = re.match(r"((?:setUp\w+ \([\w.]+\)|\w+\.\w+)): (.*)$", line)
    return (found[1], found[2]) if found else ("", line)


def main():
    run = Run()
    run.read(sys.argv[1])
    for argument in sys.argv[2:]:
        run.read_argument(argument)
    run.print()
    return 1 if run.sums["failed"] else 0


sys.exit(main())
