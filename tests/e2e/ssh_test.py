"""Pulling through a real ssh: passes, connections that are cut anywhere, a source that changes.

Without sshd this suite is skipped. VSTATE_DEEP cuts 200 times; VSTATE_SEED repeats the places.
"""

import os
import random
import shlex
import subprocess
import time

import support
from support.passes import FOLDERS, NAME, Mail, Passes, PullCase
from support.ssh import SSH, WAIT, WithSshd, needs_ssh

CUTS = 200 if support.DEEP else 12


def change_source(mail, chance, turn):
    """Some messages come; others are flagged, moved, and deleted."""
    for number in range(chance.randrange(1, 6)):
        body = chance.randbytes(chance.randrange(1, 40000))
        mail.deliver(f"19{turn:04}{number:04}.M1P1.old", body, chance.choice(FOLDERS),
                     chance.choice((None, "", "S", "FS")))
    there = sorted(mail.messages())
    chance.shuffle(there)
    mail.change(there[0], flags=chance.choice(("", "S", "FRS", "T")))
    mail.change(there[1], folder=chance.choice(FOLDERS))
    mail.delete(there[2])


@needs_ssh
class SshCase(WithSshd, PullCase):
    def words(self, *options, client="client"):
        remote = shlex.join([support.VSTATE, *self.old.options, "--qmail-dir", self.old.qmail])
        return ["pull", "--rsh", f"{SSH} -F {self.sshd.at(client)}", "--remote-vstate", remote,
                *options, "127.0.0.1", NAME]

    def pull(self, *options, code=0):
        return self.check_exit(self.new.vstate(*self.words(*options)), code)


class PassesTest(Passes, SshCase):
    """All that is expected of the other ways."""

    def test_equal_after_each_pass(self):
        chance = random.Random(3)
        self.pull("--prune", "--yes")
        self.check_equal()
        for turn in range(5):
            change_source(self.alice, chance, turn)
            self.pull("--prune", "--yes")
            self.check_equal()

    def test_a_key_that_is_not_known_changes_no_mail(self):
        os.unlink(self.sshd.at("authorized"))
        before = support.snapshot(self.new.at(self.new.home))
        outcome = self.pull(code=1)
        self.assertIn("127.0.0.1: sent no stream", outcome.err)
        self.check_same(before, support.snapshot(self.new.at(self.new.home)))


class SeveralTest(SshCase):
    def test_one_log_in(self):
        """Whoever pulls several domains is asked for one password, and not once a domain."""
        names = ["b.example", "c.example", "d.example"]
        for name in names:
            self.apply(self.old, self.file(f"{name}.toml", support.domain_text(name)))
        words = self.words()
        for what in (["--all", words[-2]], [words[-2], *names]):
            with open(self.sshd.at("log"), encoding="utf-8") as log:
                before = log.read().count("Accepted publickey")
            done = self.check_exit(self.new.vstate(*words[:-2], *what))
            self.assertRegex(done.err, f"{len(names) + (what[0] == '--all')} domains: ")
            with open(self.sshd.at("log"), encoding="utf-8") as log:
                self.assertEqual(log.read().count("Accepted publickey") - before, 1)
        for name in names:
            self.assertEqual(*(server.vstate("dump", name).out for server in (self.old, self.new)))

    def test_without_sharing(self):
        """An sshd that allows one command a connection, and a place where no socket can be."""
        self.apply(self.old, self.file("b.toml", support.domain_text("b.example")))
        words = self.words()
        self.sshd.restart("MaxSessions 1")
        self.check_exit(self.new.vstate(*words[:-1], "b.example", NAME))
        self.check_equal()
        deep = os.path.join(self.directory, *["deep" * 30] * 2)
        os.makedirs(deep)
        self.check_exit(self.new.vstate(*words[:-1], "b.example", NAME, env={"TMPDIR": deep}))


class CutTest(SshCase):
    """The connection breaks at a random place of what comes back."""

    def left_overs(self):
        return [os.path.join(place, name)
                for place, _, names in os.walk(self.new.at(self.new.home))
                for name in names if name.startswith(("vstate.", ".vstate"))]

    def check_whole(self, gone):
        """Each message that is there is one that the source has or had, whole, and there once."""
        for user in ("alice", "bob"):
            if not os.path.isdir(self.here(user).root):
                continue
            source = Mail(self.old, user).messages() | gone
            for unique, found in self.here(user).messages().items():
                self.assertEqual(found[3], source[unique][3], unique)

    def test_cut_anywhere(self):
        seed = int(os.environ.get("VSTATE_SEED") or random.randrange(1 << 32))
        chance = random.Random(seed)
        codes = []
        bodies = self.alice.messages()
        for turn in range(CUTS):
            change_source(self.alice, chance, turn)
            bodies |= self.alice.messages()
            # A connection's greeting and keys take some 3,000 bytes.
            cut = chance.randrange(1, 4000) if turn % 4 == 0 else chance.randrange(3000, 90000)
            with self.subTest(f"VSTATE_SEED={seed}", turn=turn, cut=cut):
                outcome = self.new.vstate(
                    *self.words("--prune", "--yes", client="client-by-proxy"),
                    env=support.environment(VSTATE_CUT=str(cut)))
                codes.append(outcome.code)
                self.check_whole(bodies)
                if outcome.code == 0:  # cut behind its end
                    self.check_equal()
                    continue
                self.assertIn(outcome.code, (1, 3), str(outcome))
                if chance.randrange(2):
                    change_source(self.alice, chance, 5000 + turn)
                    bodies |= self.alice.messages()
                if chance.randrange(4) == 0:
                    continue  # cut again before it is whole
                self.pull("--prune", "--yes")
                self.check_equal()
                self.assertEqual(self.left_overs(), [])
        self.pull("--prune", "--yes")
        self.check_equal()
        self.assertEqual(self.left_overs(), [])
        self.assertGreater(sum(code != 0 for code in codes), CUTS // 3, codes)


class ChangingSourceTest(SshCase):
    def test_exit_4_when_the_source_changes_meanwhile(self):
        # More than all buffers between both ends hold.
        for number in range(24):
            self.alice.deliver(f"16000000{number:02}.M1P1.old", os.urandom(1 << 20),
                               ".Archive.2024", "S")
        hold = os.path.join(self.directory, "hold")
        os.mkdir(hold)
        env = support.environment(VSTATE_HOLD=hold, VSTATE_HOLD_AT="200000")
        words = self.words("--yes", client="client-by-proxy")
        with subprocess.Popen([support.VSTATE, *self.new.options, *words], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL) as process:
            end = time.monotonic() + WAIT
            while not os.path.exists(os.path.join(hold, "held")):
                self.assertLess(time.monotonic(), end, "the stream did not come so far")
                self.assertIsNone(process.poll(), "it ended before the stream was held")
                time.sleep(0.01)
            self.alice.deliver("2000000000.M1P1.old", b"meanwhile\n", ".Archive.2024")
            with open(os.path.join(hold, "go"), "wb"):
                pass
            out, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, 4, (out + err).decode())
        self.assertIn("the source changed while it was copied", err.decode())
        self.pull()
        self.check_equal()


if __name__ == "__main__":
    support.main()
