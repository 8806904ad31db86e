"""Each call of each scenario fails once, with each errno in turn, or moves fewer bytes than it was
asked to; without VSTATE_DEEP some calls of each third scenario. The run ends as if nothing had
been; or it ends with the status of an error and a message that names the place, nothing is lost,
and the next run ends as if nothing had been. What is read is disturbed at the source as well.
"""

import errno
import fcntl
import os
import threading

import support
from support import disturb, domains, scenarios, servers
from support.failing import Failing, FailingWhere

NAME = "example.com"
LIST = '[list.news]\nsubscribers = ["{address}"]\n[list.news.files]\noutlocal = "news\\n"\n'


class PlacedMailTest(FailingWhere, scenarios.files.Apply):
    """A disk is full at the moment in which a message, or what its server keeps of messages, gets
    its name: what is behind it in the same batch is not taken for delivered."""

    where = r" renameat2? .*/Maildir/"
    errnos = (errno.ENOSPC,)


class OfLedger(FailingWhere):
    """Whatever is in the ledger when a call on it fails, the next run brings what is missing."""

    where = r"/var/lib/vstate/ledger\."
    errnos = (errno.EIO, errno.ENOSPC, errno.EAGAIN)
    tries = 3


class LedgerOfApplyTest(OfLedger, scenarios.files.Apply):
    pass


class LedgerOfPullTest(OfLedger, scenarios.moves.Pull):
    pass


class HeldLocksTest(support.SandboxCase):
    """A lock that another program holds is waited for, and named."""

    LOCKS = ("{domain}/.vpasswd.lock", "{domain}/news/lock", "{qmail}/users/assign.lock",
             "{qmail}/control/rcpthosts.lock", "{qmail}/control/virtualdomains.lock")

    def setUp(self):
        super().setUp()
        self.first = self.file("first.toml", domains.domain_text(
            NAME, more=LIST.format(address="a@b.example")))
        self.more = self.file("more.toml", domains.domain_text(
            NAME, ("postmaster", "alice", "bob"), head='aliases = ["also.example"]',
            more=LIST.format(address="c@d.example") + "[domain.limits]\nmax_aliases = 7\n"))

    def each_lock(self, count=None):
        """A server on which all is to be changed, and a lock of it."""
        for number in range(count or len(self.LOCKS)):
            root = os.path.join(self.directory, f"new{number}")
            disturb.make_example("empty-server", root)
            self.new = servers.Server(root, "/srv/vpopmail")
            self.apply(self.new, self.first)
            path = self.LOCKS[number].format(domain=self.new.directory_of(NAME),
                                             qmail=self.new.qmail)
            with self.subTest(path=path):
                yield path, self.new.at(path)

    def held(self, path):
        """By the kind of lock that its programs take."""
        file = open(path, "ab")
        if path.endswith("/news/lock"):
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            fcntl.lockf(file, fcntl.LOCK_EX)
        return file

    def test_held_for_longer(self):
        """That of the accounts for as long as was said, the others for 25 seconds; without
        VSTATE_DEEP only the first."""
        seconds = "60" if support.DEEP else "1"
        for path, place in self.each_lock(None if support.DEEP else 1):
            with self.held(place):
                done = self.new.vstate("-q", "--lock-seconds", seconds, "apply", self.more)
            self.assertIn(done.code, (3, 75), done)
            self.assertIn(path, done.err)
            self.apply(self.new, self.more)
            self.check_nothing_to_do(self.new, self.more)

    def test_given_up_in_time(self):
        for _, place in self.each_lock():
            held = self.held(place)
            timer = threading.Timer(0.5, held.close)
            timer.start()
            self.apply(self.new, self.more)
            timer.join()
            self.check_nothing_to_do(self.new, self.more)


globals().update({name: disturb.needs_tracing(case)
                  for name, case in scenarios.under(Failing, scenarios.some(3)).items()})

if __name__ == "__main__":
    support.main()
