"""A source that lives on while it is read: accounts, aliases, subscribers and messages come and go.
What is gone is gone: a run says that the source changed, and what it wrote can be read and
applied."""

import os
import random
import subprocess
import sys
import time

import support
from support import disturb, sftp

NAME = "example.com"
RUNS = 100 if support.DEEP else 12


def churn(root, seed, pause):
    """What vadduser, vdeluser, people and deliveries do, until whoever started it is gone."""
    example, chance, made = disturb.Example(root), random.Random(seed), []

    def add():
        name = f"guest{chance.randrange(10**6)}"
        for part in ("", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"):
            os.mkdir(example.at(name, part), 0o700)
            support.give(example.at(name, part))
        example.write("Subject: hello\n\n", name, f"Maildir/new/{chance.randrange(10**9)}.1.host")
        example.set_accounts(lambda lines: sorted([*lines, [
            name, support.MD5, "1", "0", "Guest", f"/{example.domain}/{name}", "NOQUOTA", ""]]))
        made.append(name)

    def remove():
        name = made.pop(chance.randrange(len(made)))
        example.set_accounts(lambda lines: [line for line in lines if line[0] != name])
        subprocess.run(["rm", "-r", example.at(name)], check=True)

    def alias():
        path = f".qmail-note{chance.randrange(5)}"
        if os.path.exists(example.at(path)):
            os.unlink(example.at(path))
        else:
            example.write("&alice@example.com\n", path)

    def subscribe():
        example.subscribe(f"s{chance.randrange(10**6)}@example.org")

    def deliver():
        example.write("Subject: new\n\n", f"alice/Maildir/new/{chance.randrange(10**9)}.2.host")

    def read():
        new, cur = example.at("alice/Maildir/new"), example.at("alice/Maildir/cur")
        for name in os.listdir(new)[:1]:
            os.rename(f"{new}/{name}", f"{cur}/{name}:2,S")
        for name in sorted(os.listdir(cur))[-1:]:
            if ".2.host" in name:
                os.unlink(f"{cur}/{name}")

    print("ready", flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(pause)
        deeds = [add, alias, subscribe, deliver, read] + [remove] * (2 if len(made) > 3 else 0)
        chance.choice(deeds)()


class LiveSourceTest(support.SandboxCase):
    def setUp(self):
        if not support.IS_ROOT:
            self.skipTest("only root can make the example server")
        self.old, self.new = (os.path.join(self.directory, name) for name in ("old", "new"))
        disturb.make_example("old-server", self.old)
        disturb.make_example("empty-server", self.new)

    def while_it_lives(self, work, pause=0):
        """Does `work` for each run, and says how many of them saw a change."""
        child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "churn", self.old,
                                  str(pause)], stdout=subprocess.PIPE, text=True)
        try:
            child.stdout.readline()
            codes = [work(number) for number in range(RUNS)]
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
        print(f"{self.id().split('.')[-1]}: {len(codes)} runs, {codes.count(4)} saw a change",
              flush=True)
        return codes

    def check_code(self, done):
        self.assertIn(done.code, (0, 4), done)
        return done.code

    def test_dump(self):
        def dump(number):
            file, mail = (os.path.join(self.directory, f"{name}{number}")
                          for name in ("file", "mail"))
            done = support.run("--root", self.old, "dump", NAME, "-o", file, "--mail", mail)
            self.check_code(done)
            self.check_exit(support.run("check", file, "--mail", mail))
            self.check_exit(support.run("--root", self.new, "plan", file, "--mail", mail))
            return done.code
        self.while_it_lives(dump)

    def test_pull(self):
        self.check_pulls(0, self.old)

    @sftp.needs_sftp_server
    def test_pull_by_sftp(self):
        # A look at a far server takes longer, and is taken five times where something was gone.
        self.check_pulls(0.02, "--rsh", sftp.RSH, "--via", "sftp", f"old.example:{self.old}")

    def check_pulls(self, pause, *source):
        def pull():
            return support.run("--root", self.new, "pull", "--prune", "--yes", "--max-delete",
                               "1000", *source, NAME)
        self.while_it_lives(lambda number: self.check_code(pull()), pause)
        # Once it is still, one more pass makes both alike.
        self.check_exit(pull())
        file, mail = (os.path.join(self.directory, name) for name in ("file", "mail"))
        self.check_exit(support.run("--root", self.old, "dump", NAME, "-o", file, "--mail", mail))
        self.check_exit(support.run("--root", self.new, "verify", file, "--mail", mail, "--deep"))

    def test_stream(self):
        def stream(_number):
            path = os.path.join(self.directory, "stream")
            with open(path, "wb") as out:
                done = subprocess.run([support.VSTATE, "--root", self.old, "dump", "--mail", "-",
                                       NAME],
                                      stdout=out, stderr=subprocess.PIPE, text=True, check=False,
                                      env=support.environment())
            self.assertIn(done.returncode, (0, 4), done.stderr)
            with open(path, "rb") as source:
                taken = subprocess.run([support.VSTATE, "--root", self.new, "apply", "-"],
                                       stdin=source, capture_output=True, text=True, check=False,
                                       env=support.environment())
            self.assertEqual(taken.returncode, done.returncode, taken.stdout + taken.stderr)
            return done.returncode
        self.while_it_lives(stream)


if __name__ == "__main__":
    if sys.argv[1:2] == ["churn"]:
        churn(sys.argv[2], 1, float(sys.argv[3]))
    else:
        support.main()
