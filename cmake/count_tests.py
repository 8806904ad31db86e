#!/usr/bin/env python3
"""count_tests.py JUNIT [NAME=passed|failed|skipped ...] [ctest=STATUS]

Sums up a run of ctest: each test case of a Catch2 program or of a Python unittest counts as one,
any other test as one. Prints one line "N passed, N failed, N skipped" and fails when a test did,
or when ctest did without naming one.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter

OWN_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
CATCH_ALL = re.compile(r"^All tests passed \(.*? in (\d+) test cases?\)", re.M)
CATCH_SOME = re.compile(r"^test cases:\s*(\d+)(.*)$", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n+(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", re.M)


def cases_in(output):
    """The (passed, failed, skipped) that a program's own summary tells, or nothing."""
    if found := OWN_LINE.search(output):
        return tuple(int(n) for n in found.groups())
    if found := CATCH_ALL.search(output):
        # Version 2 cannot skip; tests/support/catch.h says it in a warning.
        skipped = len(re.findall(r"^\s+skipped: ", output, re.M))
        return int(found[1]) - skipped, 0, skipped
    if found := CATCH_SOME.search(output):
        total, rest = int(found[1]), found[2]
        count = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z ]+?)\s*(?:\||$)", rest)}
        failed = count.get("failed", 0)
        skipped = count.get("skipped", 0) or len(re.findall(r"^\s+skipped: ", output, re.M))
        return total - failed - skipped, failed, skipped
    if found := UNITTEST.search(output):
        count = {word: int(n) for word, n in re.findall(r"([a-z][a-z ]*)=(\d+)", found[2] or "")}
        failed = sum(count.get(word, 0) for word in ("failures", "errors", "unexpected successes"))
        skipped = count.get("skipped", 0)
        return int(found[1]) - failed - skipped, failed, skipped
    return None


def count_file(path, sums):
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        print(f"count_tests: {path}: {error}", file=sys.stderr)
        sums["failed"] += 1
        return
    for case in root.iter("testcase"):
        failed = case.find("failure") is not None or case.get("status") == "fail"
        skipped = case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")
        own = cases_in(case.findtext("system-out") or "")
        if skipped and not failed:
            sums["skipped"] += 1
        elif own is None or (failed and own[1] == 0):  # a crash, or a time limit
            sums["failed" if failed else "passed"] += 1
        else:
            for word, number in zip(("passed", "failed", "skipped"), own):
                sums[word] += number


def main():
    sums = Counter()
    count_file(sys.argv[1], sums)
    for argument in sys.argv[2:]:
        name, _, value = argument.partition("=")
        if name != "ctest":
            sums[value] += 1
        elif value != "0" and sums["failed"] == 0:
            print(f"count_tests: ctest ended with {value}", file=sys.stderr)
            sums["failed"] += 1
    print(f"{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")
    return 1 if sums["failed"] else 0


sys.exit(main())
