"""Runs the program below tests/harness/kill_points, which kills it or lets a call fail, and says
how a server looks, so that two can be compared. It must not know what any single test checks.

VSTATE_KILL_POINTS  the harness; default is tests/kill_points beside the program
VSTATE_DEEP         all points instead of a sample
VSTATE_TRIES        a sample of so many
VSTATE_SEED         moves the sample
"""

import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from . import cases, domains, program, servers
from .example_server import EXAMPLES, make_server

KILL_POINTS = os.environ.get("VSTATE_KILL_POINTS") or os.path.join(
    os.path.dirname(program.VSTATE), "tests/kill_points")
SEED = int(os.environ.get("VSTATE_SEED", "1"))
TRIES = int(os.environ.get("VSTATE_TRIES", "0"))
WORKERS = max(2, os.cpu_count() or 2)
CANNOT = 125


def fast_directory():
    """A file system in memory where there is one: syncs cost nothing there, and change nothing
    that a killed process leaves."""
    place = "/dev/shm"
    try:
        free = os.statvfs(place)
        if os.access(place, os.W_OK | os.X_OK) and free.f_bavail * free.f_frsize > 1 << 28:
            return place
    except OSError:
        pass
    return None


class Traced:
    """How a run below the harness ended, how many calls counted, and which was hit ("" for
    none)."""

    def __init__(self, done, report):
        self.code = done.returncode
        self.out, self.err = done.stdout, done.stderr.decode("utf-8", "surrogateescape")
        try:
            with open(report, encoding="utf-8", errors="surrogateescape") as file:
                first, *self.calls = file.read().splitlines()
            self.points = int(first.split()[1])
        except (OSError, ValueError):
            self.points, self.calls = 0, []
        self.hit = self.calls[0] if len(self.calls) == 1 else ""


def traced(work, options, command, prefix=(), stdout=None):
    """Runs `command` (words, or a text for the shell) in `work` below the harness."""
    words = ["sh", "-c", command] if isinstance(command, str) else list(command)
    with tempfile.NamedTemporaryFile(prefix="vstate-points-") as report:
        done = subprocess.run(
            [KILL_POINTS, *map(str, options), "--report", report.name, "--", *prefix, *words],
            cwd=work, stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=180,
            # A build that looks for leaks cannot do so while it is traced.
            env=program.environment(ASAN_OPTIONS="detect_leaks=0", PYTHONDONTWRITEBYTECODE="1"))
        done.stdout = done.stdout or b""
        return Traced(done, report.name)


def can_trace():
    if not os.access(KILL_POINTS, os.X_OK):
        return f"{KILL_POINTS} is not built"
    done = subprocess.run([KILL_POINTS, "--changes", "--below", "/", "--", "true"],
                          capture_output=True, text=True, check=False)
    return done.stderr.strip() or "it is not allowed here" if done.returncode else ""


def needs_tracing(case):
    reason = can_trace()
    return unittest.skipIf(reason, f"nothing can be traced: {reason}")(case)


def make_example(tree, root):
    make_server.Server(pathlib.Path(EXAMPLES, tree), pathlib.Path(root)).make()
    # What an alias of the old server runs is on the new one too, else verify would have a word on
    # it.
    script = pathlib.Path(root, "usr/local/bin/ticket-import")
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)


class Example:
    """The old example server below `root`, as people and deliveries change it."""

    domain = "home/vpopmail/domains/example.com"

    def __init__(self, root):
        self.root = root

    def at(self, *parts):
        return os.path.join(self.root, self.domain, *parts)

    def write(self, text, *parts, mtime=None):
        path = self.at(*parts)
        made = not os.path.lexists(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if made:
            os.chmod(path, 0o600)
            servers.give(path)
        if mtime is not None:
            os.utime(path, (mtime, mtime))

    def set_accounts(self, change):
        """`change` takes the list of lines of vpasswd, each a list of fields, and gives another."""
        with open(self.at("vpasswd"), encoding="utf-8") as file:
            lines = change([line.rstrip("\n").split(":") for line in file])
        text = "".join(":".join(line) + "\n" for line in lines)
        self.replace("vpasswd", f"vpasswd.bak.{os.getpid()}", text.encode())
        self.replace("vpasswd.cdb", "cdb.tmp", make_server.vpasswd_cdb(text))

    def replace(self, name, temporary, data):
        """As vpopmail does, by rename: nobody reads half of it."""
        beside = self.at(temporary)
        with open(beside, "wb") as file:
            file.write(data)
        shutil.copystat(self.at(name), beside)
        os.utime(beside)
        info = os.stat(self.at(name))
        os.chown(beside, info.st_uid, info.st_gid)
        os.rename(beside, self.at(name))

    def subscribe(self, *addresses):
        for address in addresses:
            path = self.at("news/subscribers", make_server.bucket(address))
            made = not os.path.exists(path)
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"T{address}\0")
            if made:
                os.chmod(path, 0o600)
                servers.give(path)

    def live_on(self):
        """What a day brings: mail that comes, is read, moved and deleted; an account, an alias, a
        subscriber more and one less of each; other passwords, quotas, texts."""
        def change(lines):
            kept = [line for line in lines if line[0] not in ("frank", "bob")]
            bob = next(line for line in lines if line[0] == "bob")
            new = ["gerda", bob[1], "1", "0", "Gerda", "/" + self.domain + "/gerda", "NOQUOTA", ""]
            bob[4], bob[6] = "Robert", "20M"
            return sorted([*kept, bob, new])

        self.set_accounts(change)
        shutil.rmtree(self.at("frank"))
        for part in ("", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"):
            os.mkdir(self.at("gerda", part), 0o700)
            servers.give(self.at("gerda", part))
        os.unlink(self.at(".qmail-abuse"))
        self.write("&postmaster@example.com\n&bob@example.com\n", ".qmail-hostmaster")
        self.write("&gerda@example.com\n", ".qmail-sales")
        self.subscribe("new.one@example.org", "another@example.net")
        os.unlink(self.at("news/subscribers/i"))
        alice = self.at("alice/Maildir")
        os.rename(f"{alice}/new/1762076400.4003.mail1.example.com,S=320",
                  f"{alice}/cur/1762076400.4003.mail1.example.com,S=320:2,S")
        os.rename(f"{alice}/cur/1761990100.4001.mail1.example.com,S=323:2,RS",
                  f"{alice}/.Sent/cur/1761990100.4001.mail1.example.com,S=323:2,FRS")
        os.unlink(f"{alice}/.Entw&APw-rfe/cur/1762002000.4006.mail1.example.com,S=312:2,DS")
        with open(f"{alice}/subscriptions", "a", encoding="utf-8") as file:
            file.write("Projects\n")
        with open(f"{alice}/dovecot-uidlist", "a", encoding="utf-8") as file:
            file.write("8 :1763000000.5.mail1.example.com\n")
        for number in range(3):
            body = f"Subject: {number}\n\nnew\n"
            self.write(body, f"alice/Maildir/new/176300000{number}.5.mail1.example.com",
                       mtime=1763000000 + number)
            self.write(body, f"gerda/Maildir/cur/176300000{number}.6.mail1.example.com:2,S",
                       mtime=1763000000 + number)


def make_domain_files(base, names):
    """A file for each domain, with an alias domain; their names."""
    for name in names:
        with open(os.path.join(base, name + ".toml"), "w", encoding="utf-8") as file:
            file.write(domains.domain_text(name, head=f'aliases = ["also-{name}"]'))
    return [name + ".toml" for name in names]


def copy(base, work):
    subprocess.run(["cp", "-a", base, work], check=True)


def picture(root, without=()):
    """Each path below `root` with what the next reader of it sees; times where they are part of
    the state: of messages, and of last logins."""
    leave_out = re.compile("|".join(["ledger\\.sqlite$", *without]))
    found = {}
    for place, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(place, name)
            # Each run keeps a record of its own, one that was killed as well.
            if place.endswith("/var/lib/vstate/runs") and re.fullmatch(r"\d+\.json", name):
                continue
            info = os.lstat(path)
            relative = os.path.relpath(path, root)
            seen = [stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid]
            if stat.S_ISLNK(info.st_mode):
                seen.append(os.readlink(path))
            elif stat.S_ISREG(info.st_mode) and not leave_out.search(relative):
                with open(path, "rb") as file:
                    seen.append(file.read())
                if place.endswith(("/cur", "/new")) or name == "lastauth":
                    seen.append(int(info.st_mtime))
            found[relative] = seen
    return found


def differences(here, wanted):
    """What of two pictures differs, in words; empty for equal ones. A quota counter may be missing:
    vpopmail's library and Dovecot count anew then. One that counts something else is a
    difference."""
    words = []
    for path in sorted(here.keys() | wanted.keys()):
        if path not in wanted:
            words.append(f"{path} is left over")
        elif path not in here:
            if os.path.basename(path) != "maildirsize":
                words.append(f"{path} is missing")
        elif here[path] != wanted[path]:
            words.append(f"{path} differs")
    return words


def sample(points, each):
    """The numbers of the calls to disturb: all in a deep run, else each so manieth."""
    step = 1 if program.DEEP else each
    return range(1 + (SEED - 1) % step, points + 1, step)


def spread(points, tries):
    """So many of the numbers of calls, one from each stretch of them; all in a deep run, or as many
    as VSTATE_TRIES says."""
    tries = TRIES or (points if program.DEEP else tries)
    if points <= tries:
        return list(range(1, points + 1))
    chance = random.Random(SEED)
    return sorted({1 + int((part + chance.random()) * points / tries) for part in range(tries)})


def at_once(work, items):
    """Calls `work` for each item, some at a time; the results in their order."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, items))


class DisturbCase(cases.SandboxCase):
    """A sandbox where syncs are cheap, which holds `base`, and copies of it."""

    def run(self, result=None):
        before, tempfile.tempdir = tempfile.tempdir, fast_directory() or tempfile.tempdir
        try:
            return super().run(result)
        finally:
            tempfile.tempdir = before

    def setUp(self):
        self.base = os.path.join(self.directory, "base")
        os.mkdir(self.base)
        os.chmod(self.base, 0o755)

    def work_on(self, name):
        work = os.path.join(self.directory, name)
        copy(self.base, work)
        return work

    def forget(self, work):
        shutil.rmtree(work, ignore_errors=True)
