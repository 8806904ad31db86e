"""An update of subscriptions or of a list of UIDs that a lock of the mail server's or a kill held
up is late, not lost: the next pull brings it."""

import os
import re
import shutil
import subprocess

import support
from support import disturb
from support.killing import ServersCase, vstate
from support.passes import NAME, Mail

BUSY = "its server holds it; run it again"
COMPILER = shutil.which("cc")
#: Files that are replaced under a lock, and how a source changes them.
FILES = {
    "subscriptions": ("INBOX\nSent\n", "INBOX\nSent\nProjects\n", "INBOX\nProjects\n"),
    "courierimapsubscribed": ("INBOX.Sent\n", "INBOX.Sent\nINBOX.Projects\n", "INBOX.Projects\n"),
    "dovecot-uidlist": ("3 V1 N2 Gold\n1 :1700000000.M0P1.old\n",
                        "3 V1 N3 Gold\n1 :1700000000.M0P1.old\n2 :1700000001.M1P1.old\n",
                        "3 V1 N4 Gold\n3 :1700000001.M1P1.old\n"),
}
#: Puts the clock of a program forward: the time of a change cannot be put back.
LATER = """
#include <time.h>
time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += SECONDS;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""


def later(case, seconds):
    """What makes the program's clock go ahead."""
    if not COMPILER:
        case.skipTest("no C compiler to make a clock that goes ahead")
    source, made = (os.path.join(case.directory, f"later-{seconds}.{end}")
                    for end in ("c", "so"))
    with open(source, "w", encoding="ascii") as file:
        file.write(LATER.replace("SECONDS", str(seconds)))
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", made, source], check=True)
    return {"LD_PRELOAD": made, "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}


class LockedTest(support.SandboxCase):
    """Dovecot's lock of a file is NAME.lock beside it (file-dotlock.c), which it breaks after 120
    seconds."""

    def setUp(self):
        self.old, self.new = self.server("old"), self.server("new")
        self.apply(self.old,
                   self.file("old.toml", support.domain_text(NAME, ["postmaster", "alice"])))
        for number in range(2):
            Mail(self.old, "alice").deliver(f"170000000{number}.M{number}P1.old", b"hello\n", "",
                                            "S")
        self.change(0)
        self.pull()
        self.check_files(0)

    def at(self, server, name):
        return server.domain(NAME, "alice", "Maildir", name)

    def change(self, version):
        for name, texts in FILES.items():
            self.old.write(self.at(self.old, name), texts[version], 0o600, support.OWNER)

    def lock(self, name, seconds=0):
        """As another process holds it that wrote into it so long ago."""
        path = self.new.write(self.at(self.new, name + ".lock"), "half of a list\n", 0o600,
                              support.OWNER)
        then = os.stat(path).st_mtime - seconds
        os.utime(path, (then, then))
        return path

    def pull(self, code=0, **changes):
        environment = support.environment(**changes)
        return self.check_exit(self.new.vstate("pull", self.old.root, NAME, env=environment), code)

    def text_of(self, name):
        return self.new.read(self.at(self.new, name)).decode()

    def check_files(self, version, but=()):
        for name, texts in FILES.items():
            if name not in but:
                self.assertEqual(self.text_of(name), texts[version], name)

    def check_nothing_left(self):
        for place, _, names in os.walk(self.new.domain(NAME, "alice")):
            left = [name for name in names if name.endswith(".lock") or "vstate" in name]
            self.assertEqual(left, [], place)

    def test_fresh_lock(self):
        """It is respected and said, whatever is in it, and the other files do not wait for it."""
        for name, texts in FILES.items():
            with self.subTest(name):
                self.change(1)
                lock = self.lock(name)
                outcome = self.pull(3)
                self.assertIn(f"{name}: {BUSY}", outcome.out + outcome.err)
                self.assertEqual(self.text_of(name), texts[0])
                self.assertEqual(self.new.read(lock), b"half of a list\n")
                self.check_files(1, (name,))
                # The source lives on meanwhile.
                self.change(2)
                os.unlink(lock)
                self.pull()
                self.check_files(2)
                self.check_nothing_left()
                before = support.snapshot(self.new.domain(NAME, "alice"))
                self.pull()
                self.check_same(before, support.snapshot(self.new.domain(NAME, "alice")))
                self.change(0)
                self.pull()

    def test_stale_lock(self):
        """A lock is stale when nothing about it changed for 120 seconds. An old time of its content
        alone does not make it so: whoever holds it may have set that."""
        self.change(1)
        locks = [self.lock(name, 1000) for name in FILES]
        self.pull(3, **later(self, 60))
        self.check_files(0)
        self.assertTrue(all(map(os.path.exists, locks)))
        self.pull(**later(self, 130))
        self.check_files(1)
        self.check_nothing_left()

    def test_what_is_no_lock_file(self):
        """A directory or a link of that name is never broken, and nothing is done to what it leads
        to."""
        outside = self.new.write("/etc/secret", "of root\n", 0o600)
        before = support.entry_of(outside)
        self.change(1)
        place = self.at(self.new, "subscriptions.lock")
        for make in (lambda: os.mkdir(place), lambda: os.symlink(outside, place)):
            make()
            outcome = self.pull(3, **later(self, 1000))
            self.assertIn(f"subscriptions: {BUSY}", outcome.out + outcome.err)
            self.assertTrue(os.path.lexists(place))
            self.assertEqual(support.entry_of(outside), before)
            (os.unlink if os.path.islink(place) else os.rmdir)(place)
        self.pull()
        self.check_files(1)

    def test_converted(self):
        """The same for what is made of Courier's files."""
        names = ("dovecot-uidlist", "subscriptions")
        source = self.server("courier")
        self.apply(source,
                   self.file("courier.toml", support.domain_text(NAME, ["postmaster", "alice"])))
        Mail(source, "alice").deliver("1700000000.M0P1.old", b"hello\n", "", "S")
        new = self.server("dovecot")

        def change(subscribed, uids):
            source.write(self.at(source, "courierimapsubscribed"), subscribed, 0o600, support.OWNER)
            source.write(self.at(source, "courierimapuiddb"), uids, 0o600, support.OWNER)

        def pull(code):
            return self.check_exit(new.vstate("pull", "--convert", "courier-dovecot", source.root,
                                              NAME), code)

        def texts():
            return [new.read(self.at(new, name)) for name in names]

        change("INBOX.Sent\n", "1 1000 2\n1 1700000000.M0P1.old\n")
        pull(0)
        first = texts()
        Mail(source, "alice").deliver("1700000001.M1P1.old", b"hello\n", "", "S")
        change("INBOX.Sent\nINBOX.More\n",
               "1 1000 3\n1 1700000000.M0P1.old\n2 1700000001.M1P1.old\n")
        locks = [new.write(self.at(new, name + ".lock"), "x", 0o600, support.OWNER)
                 for name in names]
        outcome = pull(3)
        self.assertIn(BUSY, outcome.out + outcome.err)
        self.assertEqual(texts(), first)
        for lock in locks:
            os.unlink(lock)
        pull(0)
        self.assertIn(b"1700000001.M1P1.old", texts()[0])
        self.assertIn(b"More", texts()[1])


@disturb.needs_tracing
class KilledTest(ServersCase):
    """A second pull that is killed at any call that has to do with these files."""

    def setUp(self):
        super().setUp()
        self.write(0)
        self.in_base("--root", "new", "pull", "./old", NAME)
        self.write(1)
        self.command = vstate("--root", "new", "pull", "./old", NAME)
        self.plan = self.verify = None

    def write(self, version, root=None):
        old = disturb.Example(root) if root else self.old
        for name, texts in FILES.items():
            old.write(texts[version], "alice/Maildir", name)

    def place(self, work, *below):
        return os.path.join(work, "new/srv/vpopmail/domains/0", NAME, "alice/Maildir", *below)

    def check_killed(self, work):
        """Each file is the old one or the new one, whole."""
        for name, texts in FILES.items():
            with open(self.place(work, name), encoding="ascii") as file:
                self.assertIn(file.read(), texts[:2], name)

    def check_end(self, work):
        for name, texts in FILES.items():
            with open(self.place(work, name), encoding="ascii") as file:
                self.assertEqual(file.read(), texts[self.wanted], name)
        left = [name for name in os.listdir(self.place(work))
                if name.endswith(".lock") or "vstate" in name]
        self.assertEqual(left, [])

    def kill_each(self):
        whole = self.work_on("whole")
        run = self.harness(whole, "--list")
        self.assertEqual(run.code, 0, run.err)
        mine = re.compile("|".join(FILES))
        numbers = [number for number, call in enumerate(run.calls, 1) if mine.search(call)]
        self.assertGreater(len(numbers), 3 * len(FILES), run.calls)
        self.run_in(whole, self.command)
        wanted = disturb.picture(whole, (r"ledger\.sqlite",))
        if self.wanted != 1:
            wanted = None
        bad = [words for words in disturb.at_once(lambda number: self.killed(number, wanted),
                                                  numbers) if words]
        print(f"{self.id().split('.')[-1]}: {len(numbers)} points, "
              f"{len(numbers) - len(bad)} converged", flush=True)
        self.assertEqual(bad, [])

    def killed(self, number, wanted):
        work = self.work_on(f"kill-{number}")
        run = self.harness(work, "--kill", number)
        try:
            self.check_killed(work)
            self.meanwhile(work)
            self.again(work)
            self.check_end(work)
            words = disturb.differences(disturb.picture(work, (r"ledger\.sqlite",)),
                                        wanted) if wanted else []
        except AssertionError as failure:
            words = [str(failure)]
        self.forget(work)
        return f"killed {run.hit}: {'; '.join(words[:5])}" if words else None

    def again(self, work):
        self.run_in(work, self.command)

    def again_later(self, work):
        """A lock that holds neither the old bytes nor the new ones is broken when it is stale."""
        done = subprocess.run(self.command, cwd=work, capture_output=True, check=False,
                              env=support.environment())
        if done.returncode != 0:
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(BUSY, done.stderr.decode())
            subprocess.run(self.command, cwd=work, capture_output=True, check=True,
                           env=support.environment(**self.clock))

    def test_next_pull(self):
        """No lock of the killed run stops the next one."""
        self.wanted = 1
        self.kill_each()

    def test_source_changed_again(self):
        """The lock of the killed run holds what nobody wants any more."""
        self.wanted = 2
        self.clock = later(self, 130)
        self.again = self.again_later
        self.meanwhile = lambda work: self.write(2, os.path.join(work, "old"))
        self.kill_each()


if __name__ == "__main__":
    support.main()
