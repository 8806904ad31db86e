"""Reading a server of another machine by SFTP alone: `--root HOST:DIR`, and pulls without vstate
there. What is read so is what is read at home, byte for byte.

Without sshd, what needs one is skipped; the rest runs OpenSSH's sftp-server by itself.
"""

import contextlib
import copy
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import support
from support import cases, databases, servers
from support.captures import captured_server, needs_captures
from support.domains import domain_text
from support.example_server import EXAMPLES
from support.passes import FOLDERS, NAME, Passes, PullCase
from support.program import HERE
from support.sftp import RSH, SFTP_SERVERS, needs_sftp_server, tree_of
from support.ssh import SSH, WithSshd, needs_ssh

CUTS = 200 if support.DEEP else 6


def seen_by_sftp(server, rsh=RSH, host="old.example"):
    other = copy.copy(server)
    other.options = ["--rsh", rsh, *server.options]
    other.options[other.options.index("--root") + 1] = f"{host}:{server.root}"
    return other


class EqualCase(cases.SandboxCase):
    def check_equal_runs(self, one, two, *arguments):
        first, second = one.vstate(*arguments), two.vstate(*arguments)
        self.assertEqual((second.code, second.out), (first.code, first.out), str(second))
        return first

    def check_equal_dumps(self, one, two):
        """All domains with their mail: texts, archives, and what the command says."""
        trees = []
        for number, server in enumerate((one, two)):
            place = os.path.join(self.directory, f"dump{number}")
            done = server.vstate("dump", "--all", "--clear-passwords", "--mail",
                                 os.path.join(place, "mail"), "-o", place + "/")
            trees.append((done.code, done.out, done.err, tree_of(place)))
        self.assertGreater(len(trees[0][3]), 0)
        for said_here, said_there in zip(trees[0][:3], trees[1][:3]):
            self.assertEqual(said_there, said_here)
        self.assertEqual(sorted(trees[1][3]), sorted(trees[0][3]))
        self.assertEqual(trees[1][3], trees[0][3])


@needs_sftp_server
class ExampleTest(EqualCase):
    def setUp(self):
        self.old = servers.Server(os.path.join(self.directory, "old"))
        subprocess.run([sys.executable, os.path.join(EXAMPLES, "make-server.py"),
                        os.path.join(EXAMPLES, "old-server"), self.old.root], check=True,
                       stdout=subprocess.DEVNULL)
        self.far = seen_by_sftp(self.old)

    def test_dump(self):
        self.check_equal_dumps(self.old, self.far)

    def test_what_else_reads(self):
        done = self.check_equal_runs(self.old, self.far, "dump", "example.com")
        file = self.file("example.toml", done.out)
        self.check_equal_runs(self.old, self.far, "plan", file)
        self.check_equal_runs(self.old, self.far, "route", "alice@example.com", "no@example.com")
        self.check_equal_runs(self.old, self.far, "export", "--to", "csv", file)
        self.check_equal_runs(self.old, self.far, "verify", file)
        self.check_equal_runs(self.old, self.far, "history")
        self.check_equal_runs(self.old, self.far, "list")
        self.check_equal_runs(self.old, self.far, "list", "--json", "--only", "domain.example.*")

    def test_a_server_that_opens_few_files(self):
        """What is asked for ahead is too much for it, and asked for again."""
        mail = os.path.join(self.directory, "few")
        done = self.check_exit(self.far.vstate("dump", "example.com", "--mail", mail,
                                               env={"VSTATE_FILES": "8"}), 0)
        here = self.old.vstate("dump", "example.com", "--mail", mail + ".here")
        self.assertEqual(done.out, here.out)
        self.assertEqual(tree_of(mail), tree_of(mail + ".here"))

    def test_archives_are_compared(self):
        """With mail that is here, has moved, is missing, has another size, or another content."""
        mail = os.path.join(self.directory, "mail")
        file = os.path.join(self.directory, "example.toml")
        self.check_exit(self.old.vstate("dump", "example.com", "-o", file, "--mail", mail), 0)
        maildir = self.old.at("/home/vpopmail/domains/example.com/alice/Maildir")
        messages = sorted(os.path.join(place, name) for place, _, names in os.walk(maildir)
                          for name in names if ",S=" in name)
        self.assertGreater(len(messages), 4)
        for damage in (lambda path: None, os.unlink,
                       lambda path: os.rename(path, path.replace(":2,", ":2,T")),
                       lambda path: os.truncate(path, 7),
                       lambda path: self.old.write(path, b"x" * os.path.getsize(path))):
            if messages:
                damage(messages.pop())
            for words in (("plan", file), ("verify", file), ("verify", "--deep", file)):
                self.check_equal_runs(self.old, self.far, *words, "--mail", mail)

    def test_what_writes_refuses(self):
        file = self.file("example.toml", self.old.vstate("dump", "example.com").out)
        before = self.old.snapshot()
        done = self.check_exit(self.far.vstate("apply", file), 1)
        self.assertIn("does not work on another machine", done.err)
        self.check_same(before, self.old.snapshot())

    def test_no_such_directory(self):
        self.old.root += "/gone"
        far = seen_by_sftp(self.old)
        far.options[far.options.index("--root") + 1] += "/gone"
        done = self.check_exit(far.vstate("dump", "--all", "-o", "x/"), 1)
        self.assertIn("No such file", done.err)


@needs_sftp_server
class LongWayTest(EqualCase):
    """How often something is asked and waited for does not grow with what there is."""

    def turns(self, mailboxes, link=False):
        old = self.server(f"old{mailboxes}", big_dir=False)
        names = ["postmaster", *(f"box{number}" for number in range(mailboxes))]
        text = domain_text(NAME, names, "".join(
            f'\n[alias.sales{number}]\ndeliver = ["&boss@example.org"]\n'
            for number in range(mailboxes)))
        self.check_exit(old.vstate("apply", self.file("old.toml", text)), 0)
        if link:
            disk = os.path.join(old.root, "disk2")
            os.mkdir(disk)
            for name in names:
                home = os.path.join(old.domain(NAME), name)
                os.rename(home, os.path.join(disk, name))
                os.symlink(f"/disk2/{name}", home)
        count = os.path.join(self.directory, "turns")
        far = seen_by_sftp(old, rsh=f"{sys.executable} {os.path.join(HERE, 'turns_rsh.py')}")
        mail = os.path.join(self.directory, f"mail{mailboxes}")
        done = self.check_exit(far.vstate("dump", NAME, "--mail", mail + "/far",
                                          env={"VSTATE_TURNS": count}))
        self.assertEqual(done.out, old.vstate("dump", NAME, "--mail", mail + "/here").out)
        with open(count, encoding="ascii") as file:
            return int(file.read())

    def test_many_mailboxes(self):
        few, many = self.turns(3), self.turns(40)
        self.assertLess(few, 80)
        self.assertLess(many, few + 30)

    def test_mailboxes_on_another_disk(self):
        self.assertLess(self.turns(30, link=True), 120)


@needs_sftp_server
class LaterPassTest(EqualCase):
    """What an earlier pull asked is asked for at once, and nothing is believed because of that."""

    def setUp(self):
        self.old, self.new = (self.server(name, big_dir=False) for name in ("old", "new"))
        names = ["postmaster", *(f"box{number}" for number in range(12))]
        self.check_exit(self.old.vstate("apply", self.file("old.toml", domain_text(
            NAME, names, '\n[alias.sales]\ndeliver = ["&boss@example.org"]\n'))))
        self.turns = os.path.join(self.directory, "turns")
        # What was changed a moment ago is asked for twice.
        subprocess.run(["find", self.old.root, "-exec", "touch", "-h", "-d", "1 hour ago", "{}",
                        "+"], check=True)

    def pull(self):
        rsh = f"{sys.executable} {os.path.join(HERE, 'turns_rsh.py')}"
        done = self.new.vstate("pull", "--prune", "--yes", "--max-delete", "99", "--rsh", rsh,
                               "--via", "sftp", f"old.example:{self.old.root}", NAME,
                               env={"VSTATE_TURNS": self.turns})
        with open(self.turns, encoding="ascii") as file:
            return done, int(file.read())

    def pull_same(self):
        done, turns = self.pull()
        self.check_exit(done, 0)
        self.check_equal_runs(self.old, self.new, "dump", NAME)
        return turns

    def asked(self):
        state = self.new.at("/var/lib/vstate")
        found, = (name for name in os.listdir(state) if name.startswith("asked-"))
        return os.path.join(state, found)

    def test_turns(self):
        first = self.pull_same()
        self.assertLess(first, 26)
        self.assertLess(self.pull_same(), 15)
        before = os.stat(self.asked())
        self.pull_same()
        self.assertEqual(os.stat(self.asked()), before, "written again without a change")

    def test_what_changed_is_seen(self):
        self.pull_same()
        file = self.file("old.toml", domain_text(NAME, ["postmaster", "box1", "other"]))
        self.check_exit(self.old.vstate("apply", "--prune", "--yes", "--max-delete", "99", file))
        self.pull_same()

    def test_a_record_that_says_anything(self):
        self.pull_same()
        domain = self.old.domain(NAME)
        os.mkfifo(os.path.join(domain, "box1", "fifo"))
        below = domain[len(self.old.root):]
        with open(self.asked(), "rb") as file:
            good = file.read()
        for text in (b"", b"task ", os.urandom(5000), good[:len(good) // 2], good * 2,
                     f"task server\nread {below}/box1/fifo\nlist {below}/box1/fifo\n"
                     f"walk {below}/box1/fifo\nlink {below}\nname /../../../etc/shadow\n"
                     f"list /../..\nread /../../etc/shadow\n".encode()):
            with open(self.asked(), "wb") as file:
                file.write(text)
            done, _ = self.pull()
            self.assertIn(done.code, (0, 2), str(done))
            self.check_equal_runs(self.old, self.new, "dump", NAME, "--exclude", "no-such*")

    def test_what_stands_there_now_is_something_else(self):
        """A file becomes a fifo, or a link out of the root; a directory becomes a link."""
        self.pull_same()
        outside = os.path.join(self.directory, "outside")
        shutil.copytree(self.old.domain(NAME, "box2"), outside)
        alias = self.old.domain(NAME, ".qmail-sales")
        shutil.rmtree(self.old.domain(NAME, "box2"))
        os.symlink(outside, self.old.domain(NAME, "box2"))
        for put in (os.mkfifo, lambda path: os.symlink(outside + "/vpasswd", path), os.mkdir):
            if os.path.islink(alias) or os.path.exists(alias):
                os.unlink(alias)
            put(alias)
            done, _ = self.pull()
            other = self.server("other-" + str(put.__name__), big_dir=False)
            here = other.vstate("pull", "--prune", "--yes", self.old.root, NAME)
            self.assertEqual(done.code, here.code, str(done) + str(here))


@needs_sftp_server
class FurtherConnectionsTest(EqualCase):
    """Where the way is long and there is much to read, more than one connection brings it."""

    MESSAGES = 3300

    def setUp(self):
        self.old = self.server("old", big_dir=False)
        self.check_exit(self.old.vstate("apply", self.file("old.toml", domain_text(
            NAME, ["postmaster", "info"]))))
        for box in ("postmaster", "info"):
            place = self.old.domain(NAME, box, "Maildir", "cur")
            for number in range(self.MESSAGES // 2):
                self.old.write(os.path.join(place, f"17{number:08}.M1P1.old,S=9:2,S"),
                               b"Message.\n")
        support.give(self.old.domain(NAME))
        self.log = os.path.join(self.directory, "log")

    def check_pull(self, further, connections, *words):
        """`further`: what a further connection is put through."""
        server = next(path for path in SFTP_SERVERS if os.access(path, os.X_OK))
        os.makedirs(os.path.join(self.directory, further[:3] or "all"), exist_ok=True)
        ssh = self.file(os.path.join(further[:3] or "all", "ssh"), f"""#!/bin/sh
echo "$@" >>{self.log}
export VSTATE_TURNS=/dev/null
far="{sys.executable} {os.path.join(HERE, 'turns_rsh.py')} {server}"
case "$*" in *BatchMode*) exec {further} $far ;; esac
exec $far
""")
        os.chmod(ssh, 0o755)
        new = self.server("new-" + further[:3] + "".join(words), big_dir=False)
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.check_exit(new.vstate(*words, "pull", "--rsh", ssh, "--via", "sftp",
                                   f"old.example:{self.old.root}", NAME), 0)
        for box in ("postmaster", "info"):
            self.assertEqual(*(sorted(os.listdir(server.domain(NAME, box, "Maildir", "cur")))
                               for server in (self.old, new)))
        with open(self.log, encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), connections)

    def test_as_many_as_jobs(self):
        self.check_pull("", 4)
        self.check_pull("", 2, "--jobs", "2")
        self.check_pull("", 1, "--jobs", "1")

    def test_they_cannot_be_had(self):
        self.check_pull("false", 4)

    def test_they_are_cut(self):
        self.check_pull("timeout 0.4", 4)


@needs_sftp_server
class SeveralDomainsTest(EqualCase):
    def test_one_log_in(self):
        """A log-in may take its time, or ask for a password."""
        names = ("example.com", "example.net", "example.org")
        old, log = self.server("old"), os.path.join(self.directory, "log")
        for name in names:
            self.check_exit(old.vstate("apply", self.file("old.toml", domain_text(name))))
        rsh = self.file("rsh", f'#!/bin/sh\necho "$@" >>{log}\nexec {RSH} "$@"\n')
        os.chmod(rsh, 0o755)
        for via, source, log_ins in (("sftp", f"old.example:{old.root}", 1), ("auto", old.root, 0)):
            with self.subTest(via=via):
                new = self.server(f"new-{via}")
                self.check_exit(new.vstate("pull", "--rsh", rsh, "--via", via, source, *names))
                for name in names:
                    self.check_equal_runs(old, new, "dump", name)
                told = []
                if os.path.exists(log):
                    with open(log, encoding="utf-8") as file:
                        told = file.readlines()
                    os.unlink(log)
                self.assertEqual(len(told), log_ins, told)


@needs_sftp_server
@needs_captures
class CapturesTest(EqualCase):
    def test_every_domain(self):
        for name in ("vp54-cdb", "vp56-cdb"):
            with self.subTest(name):
                server = captured_server(name)
                self.check_equal_dumps(server, seen_by_sftp(server))


@needs_sftp_server
class PullBySftpTest(Passes, PullCase):
    """All that is expected of the other ways."""

    def pull(self, *options, code=0):
        return self.check_exit(
            self.new.vstate("pull", "--rsh", RSH, "--via", "sftp", *options,
                            f"old.example:{self.old.root}", NAME), code)

    def test_where_no_vstate_answers(self):
        """SFTP is tried, and said; here it finds this machine, which is no mail server."""
        words = ["pull", "--rsh", RSH, "--remote-vstate", "/nonexistent/vstate"]
        done = self.check_exit(self.new.vstate(*words, "old.example", NAME), 1)
        self.assertIn("no vstate answers there; its files are read by SFTP", done.out + done.err)
        done = self.check_exit(self.new.vstate(*words, "--via", "vstate", "old.example", NAME), 1)
        self.assertIn("sent no stream", done.err)
        self.assertNotIn("SFTP", done.out + done.err)

    def test_freeze(self):
        directory = self.old.domain(NAME)
        out = self.pull("--freeze")
        self.check_equal()
        self.assertFalse(os.stat(directory).st_mode & stat.S_ISVTX, out)

    def test_freeze_of_a_run_that_is_killed(self):
        directory = self.old.domain(NAME)
        for i in range(400):
            self.alice.deliver(f"18{i:08}.M1P1.old", b"x" * 20000)
        words = [support.VSTATE, "-q", *self.new.options, "pull", "--rsh", RSH, "--via", "sftp",
                 "--freeze", f"old.example:{self.old.root}", NAME]
        with subprocess.Popen(words) as run:
            end = time.monotonic() + 30
            while not os.stat(directory).st_mode & stat.S_ISVTX and time.monotonic() < end:
                time.sleep(0.002)
            self.assertTrue(os.stat(directory).st_mode & stat.S_ISVTX)
            run.send_signal(signal.SIGKILL)
        while os.stat(directory).st_mode & stat.S_ISVTX and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(os.stat(directory).st_mode & stat.S_ISVTX)
        self.pull()
        self.check_equal()


@needs_sftp_server
class MixedWaysTest(PullCase):
    """Passes of all ways follow each other in any order, while people read on both sides."""

    def pull(self, *options, code=0, way="sftp"):
        remote = f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"
        words = {"files": [self.old.root],
                 "vstate": ["--rsh", RSH, "--via", "vstate", "--remote-vstate", remote,
                            "old.example"],
                 "sftp": ["--rsh", RSH, "--via", "sftp", f"old.example:{self.old.root}"]}[way]
        return self.check_exit(self.new.vstate("pull", *options, *words, NAME), code)

    def test_random_histories(self):
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        print(f"VSTATE_SEED={seed}", file=sys.stderr)
        chance = random.Random(seed)
        deleted_here, flagged_here = set(), {}
        for number in range(60 if support.DEEP else 10):
            self.change(chance, number)
            way = chance.choice(("files", "vstate", "sftp", "sftp"))
            with self.subTest(seed=seed, number=number, way=way):
                self.pull("--prune", "--yes", "--max-delete", "1000", way=way)
                there, here = self.alice.messages(), self.here().messages()
                # What its owner did here stays so; all else is as it is there.
                for unique in set(there) | set(here):
                    if unique in deleted_here:
                        self.assertNotIn(unique, here)
                    elif unique in flagged_here and unique in here:
                        self.assertIn("F", here[unique][2], unique)
                    elif unique not in flagged_here:
                        self.assertEqual(here.get(unique), there.get(unique), unique)
            names = sorted(set(self.here().messages()) & set(there) - set(flagged_here))
            if names and chance.random() < 0.5:
                unique = chance.choice(names)
                self.here().delete(unique)
                deleted_here.add(unique)
            elif names and chance.random() < 0.5:
                unique = chance.choice(names)
                flags = "".join(sorted(set(self.here().messages()[unique][2]) | {"F"}))
                self.here().change(unique, flags=flags)
                flagged_here[unique] = flags

    def change(self, chance, number):
        for i in range(chance.randrange(8)):
            names = sorted(self.alice.messages())
            what = chance.choice(("deliver", "deliver", "flag", "move", "delete"))
            if what == "deliver" or not names:
                self.alice.deliver(f"19{number:02}000000{i}.M{i}P2.old",
                                   chance.randbytes(chance.randrange(1, 60000)),
                                   chance.choice(FOLDERS))
            elif what == "flag":
                self.alice.change(chance.choice(names),
                                  flags="".join(sorted(chance.sample("DRST", 2))))
            elif what == "move":
                self.alice.change(chance.choice(names), folder=chance.choice(FOLDERS))
            else:
                self.alice.delete(chance.choice(names))


@needs_sftp_server
class DamagedTest(PullCase):
    """The other side may send anything: an error, and nothing worse."""

    def test_flipped_bytes(self):
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        chance = random.Random(seed)
        length = sum(len(content) for content in self.alice.standing().values()) + 20000
        far, before = seen_by_sftp(self.old), self.old.snapshot()
        for _ in range(400 if support.DEEP else 12):
            at = chance.randrange(length)
            done = far.vstate("--timeout", "3", "dump", NAME, env={"VSTATE_FLIP": str(at)})
            with self.subTest(seed=seed, at=at):
                self.assertIn(done.code, (0, 1, 2, 4), str(done))
        self.check_same(before, self.old.snapshot())


@needs_ssh
@needs_sftp_server
class SshdTest(WithSshd, PullCase):
    """Through a real sshd: what an admin meets on the way."""

    def words(self, *options, client="client", via="sftp"):
        return ["pull", "--rsh", f"{SSH} -F {self.sshd.at(client)}", "--via", via, *options,
                f"127.0.0.1:{self.old.root}", NAME]

    def pull(self, *options, code=0, **how):
        return self.check_exit(self.new.vstate(*self.words(*options, **how)), code)

    def test_by_the_subsystem(self):
        self.sshd.restart("Subsystem sftp internal-sftp")
        self.pull()
        self.check_equal()

    def test_by_the_program(self):
        """An sshd without the subsystem has the program all the same."""
        self.pull()
        self.check_equal()

    def test_an_account_that_has_nothing_else(self):
        self.sshd.restart("Subsystem sftp internal-sftp", "ForceCommand internal-sftp")
        self.pull()
        self.check_equal()

    def test_an_account_that_is_locked_in(self):
        if not support.IS_ROOT:
            self.skipTest("needs root: chroot of an account")
        # sshd locks nobody into a directory below one that others may write.
        place = tempfile.mkdtemp(prefix="vstate-", dir="/run")
        self.addCleanup(shutil.rmtree, place)
        os.mkdir(os.path.join(place, "old"))
        subprocess.run(["cp", "-a", self.old.root + "/.", os.path.join(place, "old")], check=True)
        for directory in (place, os.path.join(place, "old")):
            os.chown(directory, 0, 0)
            os.chmod(directory, 0o755)
        self.sshd.restart("Subsystem sftp internal-sftp", "ForceCommand internal-sftp",
                          f"ChrootDirectory {place}/old")
        words = ["pull", "--rsh", f"{SSH} -F {self.sshd.at('client')}", "127.0.0.1", NAME]
        done = self.check_exit(self.new.vstate(*words))
        self.assertIn("no vstate answers there; its files are read by SFTP", done.out + done.err)
        self.check_equal()

    def test_cut_anywhere(self):
        """Each run brings more, and none brings half a message."""
        self.sshd.restart("Subsystem sftp internal-sftp")
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        chance = random.Random(seed)
        for i in range(60):
            self.alice.deliver(f"18{i:08}.M1P1.old", chance.randbytes(chance.randrange(1, 30000)),
                               chance.choice(FOLDERS))
        for _ in range(CUTS):
            at = chance.randrange(3000, 900000)
            done = self.new.vstate(*self.words(client="client-by-proxy"),
                                   env={"VSTATE_CUT": str(at)})
            with self.subTest(seed=seed, at=at):
                self.assertIn(done.code, (0, 1, 3, 4), str(done))
                if done.code:
                    self.assertIn("127.0.0.1", done.err)
                if os.path.isdir(self.here().root):
                    there = self.alice.standing()
                    for path, content in self.here().standing().items():
                        self.assertEqual(content, there[path])
        self.pull()
        self.check_equal()

    def test_a_shell_that_greets(self):
        self.sshd.restart("ForceCommand echo Welcome to old.example; "
                          "exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"")
        done = self.pull(code=1)
        self.assertIn('the remote shell printed "Welcome to old.example"', done.err)

    def test_a_key_that_changed(self):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        self.sshd.at("other")], check=True)
        with open(self.sshd.at("other.pub"), encoding="ascii") as public:
            self.sshd.write("known", f"[127.0.0.1]:{self.sshd.port} {public.read()}")
        done = self.pull(code=1)
        self.assertIn("its host key is another one than this machine knows", done.err)

    def test_a_key_that_is_not_known(self):
        self.sshd.write("known")
        done = self.pull(code=1)
        self.assertIn("its host key is not known here", done.err)

    def test_nobody_is_let_in(self):
        os.unlink(self.sshd.at("authorized"))
        self.assertIn("it lets nobody in", self.pull(code=1).err)

    def test_algorithms_of_long_ago(self):
        self.sshd.restart("Subsystem sftp internal-sftp", "Ciphers aes128-cbc")
        words = self.words()
        # What it has to say is less than an error to ssh.
        words[words.index("--rsh") + 1] += " -o LogLevel=INFO"
        done = self.check_exit(self.new.vstate(*words), 1)
        self.assertIn("-o Ciphers=+aes128-cbc", done.err)
        words[words.index("--rsh") + 1] += " -o Ciphers=+aes128-cbc"
        self.check_exit(self.new.vstate(*words))
        self.check_equal()

    def test_interrupted_while_it_is_silent(self):
        """A signal need not wait for --timeout, and what held deliveries off does so no longer."""
        self.sshd.restart("Subsystem sftp internal-sftp")
        directory = self.old.domain(NAME)
        # More than all buffers between both ends hold.
        for number in range(16):
            self.alice.deliver(f"18{number:08}.M1P1.old", os.urandom(1 << 20))
        remote = f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"
        for via, sign in (("sftp", signal.SIGTERM), ("vstate", signal.SIGINT)):
            words = self.words("--freeze", client="client-by-proxy", via=via)
            if via == "vstate":
                words[-2:] = ["--remote-vstate", remote, "127.0.0.1", NAME]
            hold = os.path.join(self.directory, f"hold-{via}")
            os.mkdir(hold)
            with self.subTest(via):
                self.check_interrupted(words, sign, hold)
            self.file(f"hold-{via}/go", "")
            end = time.monotonic() + 10
            while os.stat(directory).st_mode & stat.S_ISVTX and time.monotonic() < end:
                time.sleep(0.05)
            self.assertFalse(os.stat(directory).st_mode & stat.S_ISVTX, via)
        self.pull()
        self.check_equal()

    def check_interrupted(self, words, sign, hold):
        with subprocess.Popen([support.VSTATE, *self.new.options, *words], text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env=support.environment(VSTATE_HOLD=hold, VSTATE_HOLD_AT="200000")
                              ) as run:
            try:
                end = time.monotonic() + 30
                while not os.path.exists(os.path.join(hold, "held")) and time.monotonic() < end:
                    time.sleep(0.01)
                time.sleep(0.5)  # until all that came before is read
                self.assertTrue(os.stat(self.old.domain(NAME)).st_mode & stat.S_ISVTX)
                run.send_signal(sign)
                begun = time.monotonic()
                said = run.communicate(timeout=20)[1]
                # A second of silence, and a log-in that ends the freeze.
                self.assertLess(time.monotonic() - begun, 5)
                self.assertEqual(run.returncode, 130, said)
                self.assertIn("interrupted", said)
            finally:
                run.kill()

    def test_silence(self):
        self.sshd.restart("ForceCommand sleep 60")
        begun = time.monotonic()
        done = self.pull("--timeout", "2", code=1)
        self.assertIn("said nothing for 2 seconds", done.err)
        self.assertLess(time.monotonic() - begun, 30)


class Relay:
    """Listens on a port of loopback for what only has a socket."""

    def __init__(self, path):
        self.path = path
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listening.accept()[0],),
                                 daemon=True).start()

    def serve(self, near):
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(self.path)
            back = threading.Thread(target=self.copy, args=(far, near))
            back.start()
            self.copy(near, far)
            back.join()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        self.listening.close()


@needs_ssh
@needs_sftp_server
class DatabaseTest(WithSshd, EqualCase):
    """Accounts of the old server in a database that only its own machine reaches."""

    def check(self, backend, listen=None):
        old = databases.mail_server(self, "old", backend)
        if listen is not None:
            listen(old)
        self.apply(old, self.file("old.toml", domain_text(NAME, ["postmaster", "alice", "bob"])))
        rsh = f"{SSH} -F {self.sshd.at('client')}"
        far = seen_by_sftp(old, rsh, "127.0.0.1")
        self.check_equal_dumps(old, far)
        new = self.server("new")
        self.check_exit(new.vstate("pull", "--rsh", rsh, "--via", "sftp", f"127.0.0.1:{old.root}",
                                   NAME))
        self.check_equal_runs(old, new, "dump", NAME)
        # Nothing of ssh is left when the program has ended.
        left = subprocess.run(["pgrep", "-f", self.sshd.at("client")], capture_output=True,
                              text=True, check=False)
        self.assertEqual(left.stdout, "")

    def check_by_port(self, backend, socket_of):
        """The database's file names a port, and sshd forwards no sockets."""
        self.sshd.restart("AllowStreamLocalForwarding no")

        def listen(old):
            path = f"{old.home}/etc/vpopmail.{backend}"
            host, port, *rest = old.database.connection(old.schema).split("|")
            relay = Relay(socket_of(host, port))
            self.addCleanup(relay.close)
            old.write(path, "|".join(["127.0.0.1", str(relay.port), *rest]) + "\n", mode=0o640,
                      owner=support.OWNER)
        self.check(backend, listen)

    def test_mysql_by_port(self):
        self.check_by_port("mysql", lambda host, port: port)

    def test_pgsql_by_port(self):
        self.check_by_port("pgsql", lambda host, port: os.path.join(host, ".s.PGSQL.5432"))

    def test_mysql(self):
        self.check("mysql")

    def test_pgsql(self):
        self.check("pgsql")

    def test_sqlite(self):
        self.check("sqlite")


def tearDownModule():
    databases.close_all()


if __name__ == "__main__":
    support.main()
