"""People who call vstate again and again on a server where other programs are at work: they apply
the files of two domains, changed each time, pull a third one, and dump and plan beside that."""

import collections
import os
import random
import threading
import time

from . import disturb, domains, program, servers
from .neighbours import ezmlm, vpopmail

#: A domain where others work as well, one of the operator's own, and one that is pulled.
SHARED, MINE, PULLED = "example.com", "mine.example", "pulled.example"
QUOTA = "{ bytes = 50000000, messages = 100000 }"
#: What differs between the two files of the shared domain, and what in each of them: {} is a turn.
CHANGES = [("&reseller@example.org", "&planned@example.org"),
           ("max_mailboxes = 50", "max_mailboxes = 51")]
EACH_TIME = [('"Alice Example"', '"Alice {}"'), ('"Carol Jones"', '"Carol {}"')]
MOST_NEW = 30
#: A run that met others is done, done in part, or found a lock held; a dump also sees changes.
ALLOWED = {"apply": {0, 3, 75}, "pull": {0, 3, 75}, "dump": {0, 4}, "plan": {0}}


def wait_for_open(process, path):
    """Until a process has a file open, such as a lock that it waits for."""
    wanted, end = os.stat(path), time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                found = os.stat(f"/proc/{process.pid}/fd/{name}")
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return
        time.sleep(0.01)
    raise AssertionError(f"the process did not open {path}")


class Operator:
    """Calls vstate, and counts how it ended."""

    def __init__(self, options):
        self.options, self.codes, self.wrong = options, collections.Counter(), []

    def vstate(self, command, *words):
        outcome = program.run(*self.options, command, *words)
        self.codes[command, outcome.code] += 1
        if outcome.code not in ALLOWED[command]:
            self.wrong.append(f"{command} {' '.join(words)}: {outcome}")
        return outcome


class Source:
    """The server that is pulled from, which lives on."""

    def __init__(self, server):
        self.server, self.sent = server, 0
        host = vpopmail.MailHost(server.root, server.home, servers.OWNER)
        self.domain = vpopmail.Domain(host, PULLED)

    def at(self, user, name=""):
        return self.server.domain(PULLED, user, "Maildir", name)

    def live_on(self):
        for user in ("alice", "bob"):
            fields = self.domain.host.look_up(self.domain.directory, user)
            self.domain.set_record(user, [*fields[:3], f"{user} {self.sent}", *fields[4:]])
        for user in ("alice", "bob", "carol"):
            self.sent += 1
            name = f"17{self.sent:08}.M1P1.old"
            path = self.server.write(self.at(user, f"new/{name}"), f"Subject: {name}\n\n", 0o600,
                                     servers.OWNER)
            os.rename(path, self.at(user, f"cur/{name}:2,{'S' if self.sent % 2 else ''}"))
        folders = "".join(f"Folder{i}\n" for i in range(self.sent % 7))
        for user, name, first in (("alice", "subscriptions", "INBOX"),
                                  ("bob", "courierimapsubscribed", "INBOX.Sent")):
            self.server.write(self.at(user, name), f"{first}\n{folders}", 0o600, servers.OWNER)


class OperatorsCase(disturb.DisturbCase):
    """`begin` brings the domains of the operator to a server that has the shared one."""

    def begin(self, host, options, news):
        self.host, self.options = host, options
        self.seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        self.operator, self.second = Operator(options), Operator(options)
        self.write_files(news)
        self.source = Source(self.server("source"))
        boxes = "".join(domains.mailbox_text(name, more=f"quota = {QUOTA}" if name == "carol"
                                             else "") for name in ("alice", "bob", "carol"))
        self.apply(self.source.server, self.file("old.toml", domains.domain_text(
            PULLED, ["postmaster"], more=boxes)))
        self.source.live_on()
        for words in (["apply", self.files[SHARED][0]], ["apply", self.files[MINE][0]],
                      ["pull", self.source.server.root, PULLED]):
            self.check_exit(self.operator.vstate(*words))

    def write_files(self, news):
        text = self.check_exit(program.run(*self.options, "dump", SHARED)).out
        other = text
        for before, after in CHANGES:
            self.assertEqual(text.count(before), 1, before)
            other = other.replace(before, after)
        #: Who is on the list all the time.
        self.members = ezmlm.List(news).members()
        self.listed = f'  "{self.members[0]}",\n'
        for before in (self.listed, *(before for before, _ in EACH_TIME)):
            self.assertEqual(text.count(before), 1, before)
        self.text = [text, other]
        mine = [domains.domain_text(MINE, ["postmaster", *names], head=f'aliases = ["{alias}"]',
                                    more=f'[alias.{names[0]}s]\ndeliver = ["&{names[0]}@{MINE}"]\n')
                for names, alias in ((["anna", "berta"], "also-a.example"),
                                     (["anna", "carla", "dora"], "also-b.example"))]
        self.files = {SHARED: [self.write_shared(turn, "first") for turn in (0, 1)],
                      MINE: [self.file(f"mine-{i}.toml", one) for i, one in enumerate(mine)]}

    def write_shared(self, turn, who):
        """The shared domain's file of a turn: one of the two texts, an account's field that is new
        each time, and an account and a subscriber more."""
        text = self.text[turn % 2]
        for before, after in EACH_TIME:
            text = text.replace(before, after.format(turn))
        new = range(min(turn, MOST_NEW))
        text = text.replace(self.listed, self.listed + "".join(
            f'  "planned{number}@example.org",\n' for number in new))
        boxes = "".join(domains.mailbox_text(f"new{number}", domains.MD5) for number in new)
        return self.file(f"{who}-{turn % 2}.toml", text + boxes)

    def passes(self, turn):
        """What the operator does in one turn, with the one file or the other."""
        self.operator.vstate("apply", self.write_shared(turn, "first"))
        self.operator.vstate("apply", "--prune", "--yes", "--max-delete", "1000",
                             self.files[MINE][turn % 2])
        self.source.live_on()
        self.operator.vstate("pull", self.source.server.root, PULLED)

    def work_beside(self, is_over):
        """A second operator, who knows nothing of the first."""
        turn = 1
        while not is_over.is_set():
            self.second.vstate("apply", self.write_shared(turn, "second"))
            self.second.vstate("dump", SHARED)
            self.second.vstate("plan", self.files[MINE][0])
            turn += 1

    def work_while(self, is_alive):
        """Both operators, for as long as the others are at work; how many turns were made."""
        is_over, turns = threading.Event(), 0
        second = threading.Thread(target=self.work_beside, args=(is_over,))
        second.start()
        try:
            while is_alive():
                self.passes(turns)
                turns += 1
        finally:
            is_over.set()
            second.join()
        return turns

    def settle(self):
        """Once the others are still, a run or two make all as the files say."""
        for words in (["apply", self.files[SHARED][0]],
                      ["apply", "--prune", "--yes", "--max-delete", "1000", self.files[MINE][0]],
                      ["pull", self.source.server.root, PULLED]):
            if self.operator.vstate(*words).code != 0:
                self.check_exit(self.operator.vstate(*words))
            if words[0] == "apply":
                prune = ["--prune"] if "--prune" in words else []
                self.assertIn(program.NOTHING,
                              self.operator.vstate("plan", *prune, words[-1]).out)

    def report(self, turns, changes, looks):
        codes = self.operator.codes + self.second.codes
        print(f"VSTATE_SEED={self.seed}: {changes} changes by others, {looks} look-ups, {turns} "
              "turns of vstate: " + ", ".join(f"{count} {command} {code}" for (command, code), count
                                              in sorted(codes.items())), flush=True)
