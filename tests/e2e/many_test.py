"""Many domains in one run: named by patterns, read from a directory, brought from another server;
one that fails holds up no other, and a run that has nothing to do writes nothing."""

import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import threading
import time

import support
from support.captures import captured_server, needs_captures
from support.sftp import RSH, needs_sftp_server

NAMES = ("a.example", "b.example", "c.example.org", "d.example.org")


class RunsCase(support.SandboxCase):
    @staticmethod
    def without_runs(server):
        """All of a server but the record of runs."""
        return {path: entry for path, entry in server.snapshot().items()
                if not path.startswith("var/lib/vstate")}


class ManyCase(RunsCase):
    def setUp(self):
        self.old, self.new = self.server("old", home="/home/vp"), self.server("new")
        files = [self.file(f"{name}.toml", support.domain_text(
            name, ["postmaster", "info"], f'\n[alias.sales]\ndeliver = ["&info@{name}"]\n'))
            for name in NAMES]
        self.check_exit(self.old.vstate("apply", *files))
        for name in NAMES:
            path = self.old.domain(name, "info/Maildir/new", "1700000000.M1P1.old")
            self.old.write(path, b"to " + name.encode(), owner=support.OWNER)

    def check_here(self, *names):
        """These domains and no others, as they are there."""
        self.assertEqual(self.new.vstate("list", "--names").out.split(), sorted(names))
        for name in names:
            dumps = [server.vstate("dump", name).out for server in (self.old, self.new)]
            self.assertEqual(*dumps)
            self.assertTrue(os.path.exists(
                self.new.domain(name, "info/Maildir/new", "1700000000.M1P1.old")))

    def snapshot(self):
        return self.without_runs(self.new)

    def spoil(self, name):
        """The domain cannot be read."""
        home = self.old.domain(name)
        os.rename(home, home + ".away")
        self.old.write(home, b"no directory")


class ListTest(ManyCase):
    def test_text(self):
        done = self.check_exit(self.old.vstate("list"))
        lines = done.out.splitlines()
        self.assertEqual(lines[0].split(), ["domain", "mailboxes", "aliases", "robots", "lists",
                                            "messages", "size"])
        self.assertEqual(lines[1].split(), ["a.example", "2", "1", "0", "0", "1", "12", "B"])
        self.assertEqual(lines[-1].split(), ["4", "domains", "8", "4", "0", "0", "4", "56", "B"])
        self.assertEqual(len(lines), 6)

    def test_json(self):
        done = self.check_exit(self.old.vstate("list", "--json", "--only", "domain.*.org"))
        found = json.loads(done.out)
        self.check_schema(found)
        self.assertEqual([domain["domain"] for domain in found["domains"]], list(NAMES[2:]))
        self.assertEqual(found["domains"][0]["messages"], 1)
        self.assertEqual(found["domains"][0]["bytes"], len("to c.example.org"))

    def check_schema(self, found):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        with open(os.path.join(support.TREE, "schemas/list.schema.json"), "rb") as file:
            jsonschema.validate(found, json.load(file))

    def test_names(self):
        done = self.check_exit(self.old.vstate("list", "--names", "--exclude", "domain.b*"))
        self.assertEqual(done.out.split(), ["a.example", "c.example.org", "d.example.org"])

    def test_one_that_cannot_be_read(self):
        self.spoil("b.example")
        done = self.check_exit(self.old.vstate("list", "--json"), 2)
        self.assertIn("b.example", done.err)
        found = {domain["domain"]: domain for domain in json.loads(done.out)["domains"]}
        self.assertIn("failure", found["b.example"])
        self.assertEqual(found["a.example"]["messages"], 1)

    def test_nothing(self):
        done = self.check_exit(self.new.vstate("list"))
        self.assertEqual(done.out, "")
        self.assertIn("there is no domain", done.err)
        self.assertEqual(json.loads(self.new.vstate("list", "--json").out)["domains"], [])

    @needs_captures
    def test_captures(self):
        """Counts are those of the dump."""
        for name in ("vp54-cdb", "vp56-cdb"):
            server = captured_server(name)
            done = self.check_exit(server.vstate("list", "--json"))
            for domain in json.loads(done.out)["domains"]:
                text = server.vstate("dump", domain["domain"]).out
                for table, key in (("mailbox", "mailboxes"), ("alias", "aliases"),
                                   ("autoresponder", "autoresponders"), ("list", "lists")):
                    tables = {line.split("]")[0] for line in text.splitlines()
                              if line.startswith(f"[{table}.")}
                    top = {line for line in tables if "." not in line.replace(
                        f"[{table}.", "").split('"')[-1]}
                    self.assertEqual(domain[key], len(top), (domain["domain"], table))


class DirectoryTest(ManyCase):
    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.directory, "dumped")
        self.check_exit(self.old.vstate("dump", "--all", "-o", self.place + "/", "--mail",
                                        self.place))

    def test_there_and_back(self):
        self.check_exit(self.new.vstate("check", self.place))
        self.assertIn("4 domains", self.check_exit(self.new.vstate("plan", self.place)).err)
        self.check_exit(self.new.vstate("apply", self.place))
        self.check_here(*NAMES)
        self.check_exit(self.new.vstate("verify", self.place))
        before = self.new.snapshot()
        self.check_exit(self.new.vstate("apply", "--detailed-exitcode", self.place))
        self.check_same(before, self.new.snapshot())

    def test_some_of_them(self):
        self.check_exit(self.new.vstate("apply", "--only", "domain.*.org", "--exclude",
                                        "domain.d.*", self.place))
        self.check_here("c.example.org")
        done = self.check_exit(self.new.vstate("plan", "--only", "domain.x*", self.place), 1)
        self.assertIn('"domain.x*"', done.err)

    def test_what_is_not_wanted_need_not_be_sound(self):
        with open(os.path.join(self.place, "b.example.toml"), "w", encoding="ascii") as file:
            file.write("rubbish")
        done = self.check_exit(self.new.vstate("apply", self.place), 1)
        self.assertIn("b.example.toml:1:", done.err)
        self.check_here()
        self.check_exit(self.new.vstate("apply", "--exclude", "domain.b.*", self.place))
        self.check_here(*(name for name in NAMES if name != "b.example"))
        done = self.check_exit(self.new.vstate("verify", self.place), 1)
        self.assertIn("3 done", done.err)

    def test_no_files(self):
        empty = os.path.join(self.directory, "empty")
        os.mkdir(empty)
        for command in ("check", "plan", "apply", "verify"):
            self.assertIn("has no file", self.check_exit(self.new.vstate(command, empty), 1).err)


class SideBySideTest(RunsCase):
    """Several domains are looked at at a time; what comes of it is the same."""

    JOBS = ("1", "3", "16")
    NAMES = [f"d{number:02}.example" for number in range(14)]
    BROKEN, EMPTY = "d03.example", "d09.example"

    def setUp(self):
        self.old = self.server("old", home="/home/vp")
        self.check_exit(self.old.vstate("apply", *(self.file(f"{name}.toml", support.domain_text(
            name, ["postmaster", "info"], f'\n[alias.sales]\ndeliver = ["&info@{name}"]\n'))
            for name in self.NAMES)))
        for number, name in enumerate(self.NAMES):
            for message in range(number):
                path = self.old.domain(name, "info/Maildir/new", f"17{message:08}.M1P1.old")
                self.old.write(path, b"to " + name.encode() * message, owner=support.OWNER)
        for name, spoiled in ((self.BROKEN, b"no directory"), (self.EMPTY, None)):
            home = self.old.domain(name)
            os.rename(home, home + ".away")
            if spoiled:
                self.old.write(home, spoiled)
        # What was written a moment ago is looked at twice by SFTP.
        for path, _, names in os.walk(self.old.root):
            for name in [".", *names]:
                os.utime(os.path.join(path, name), (1.7e9, 1.7e9), follow_symlinks=False)

    def roots(self):
        return {"files": ([], self.old.root),
                "sftp": (["--rsh", RSH, "--via", "sftp"], f"old.example:{self.old.root}")}

    def contents(self, directory):
        """An index remembers places of the machine it was made on."""
        for place, _, names in os.walk(directory):
            for name in names:
                if not name.endswith(".index"):
                    with open(os.path.join(place, name), "rb") as file:
                        yield os.path.relpath(file.name, directory), file.read()

    @needs_sftp_server
    def test_pull(self):
        sound = [name for name in self.NAMES if name not in (self.BROKEN, self.EMPTY)]
        whole = None
        for way, (options, root) in self.roots().items():
            for jobs in self.JOBS:
                with self.subTest(way=way, jobs=jobs):
                    new = self.server(f"new-{way}-{jobs}")
                    done = self.check_exit(new.vstate("--jobs", jobs, "pull", "--all", *options,
                                                      root), 3)
                    self.assertIn("14 domains: 12 done, 2 failed (d03.example, d09.example)",
                                  done.err)
                    self.assertEqual(new.vstate("list", "--names").out.split(), sound)
                    for name in sound:
                        self.assertEqual(self.old.vstate("dump", name).out,
                                         new.vstate("dump", name).out)
                    paths = sorted(self.without_runs(new))
                    whole = whole or paths
                    self.assertEqual(paths, whole)
                    before = self.without_runs(new)
                    self.check_exit(new.vstate("--jobs", jobs, "pull", "--all", *options, root), 3)
                    self.check_same(before, self.without_runs(new))

    @needs_sftp_server
    def test_dump(self):
        dumped, said = {}, {}
        # Only how the root is called may differ.
        for way, (options, root) in self.roots().items():
            for jobs in self.JOBS:
                with self.subTest(way=way, jobs=jobs):
                    out = os.path.join(self.directory, f"out-{way}-{jobs}")
                    rsh = options[:2]
                    done = self.check_exit(support.run(
                        "--root", root, *self.old.options[2:], *rsh, "--jobs", jobs, "dump",
                        "--all", "-o", out + "/", "--mail", os.path.join(out, "mail")), 3)
                    said.setdefault(way, done.err.replace(out, ""))
                    self.assertEqual(done.err.replace(out, ""), said[way])
                    files = dict(self.contents(out))
                    self.assertEqual(files, dumped.setdefault("all", files))
        self.assertEqual(len([path for path in dumped["all"] if path.endswith(".toml")]), 13)

    def test_changed_meanwhile(self):
        """Whichever domain somebody works on while it is copied, that one is named."""
        busy = "d05.example"
        accounts = self.old.domain(busy, "vpasswd")
        with open(accounts, "rb") as file:
            text = file.read()
        stop = threading.Event()

        def change():
            for turn in itertools.count():
                if stop.is_set():
                    return
                with open(accounts + ".new", "wb") as file:
                    file.write(text.replace(b":alice", b":Alice %d" % turn)
                               if b":alice" in text else text + b"more%d:*:1:0:::\n" % turn)
                shutil.copystat(accounts, accounts + ".new")
                os.chown(accounts + ".new", *support.OWNER)
                os.rename(accounts + ".new", accounts)

        thread = threading.Thread(target=change)
        thread.start()
        try:
            # On a busy machine nobody may have come to change it between both looks.
            for turn in range(10):
                done = self.server(f"new{turn}").vstate("--jobs", "4", "pull", "--all",
                                                        self.old.root)
                if "changed meanwhile" in done.err:
                    break
        finally:
            stop.set()
            thread.join()
        self.assertIn(f"1 changed meanwhile ({busy})", done.err)


class PullAllTest(ManyCase):
    def pull(self, *options, code=0):
        return self.check_exit(self.new.vstate("pull", "--all", *self.ways[self.way], *options,
                                               self.host()), code)

    def host(self):
        return {"files": self.old.root, "vstate": "old.example",
                "sftp": f"old.example:{self.old.root}"}[self.way]

    def each_way(self):
        remote = f"{support.VSTATE} --root {self.old.root} --qmail-dir {self.old.qmail}"
        self.ways = {"files": [], "vstate": ["--rsh", RSH, "--remote-vstate", remote],
                     "sftp": ["--rsh", RSH, "--via", "sftp"]}
        for self.way in self.ways:
            self.new = self.server("new-" + self.way)
            yield self.way

    @needs_sftp_server
    def test_all(self):
        for _ in self.each_way():
            self.assertIn("4 domains: 4 done", self.pull().err)
            self.check_here(*NAMES)
            before = self.snapshot()
            self.pull("--detailed-exitcode")
            self.check_same(before, self.snapshot())

    @support.needs_strace
    @needs_sftp_server
    def test_published_together(self):
        """qmail's tables are written once for all of them."""
        for _ in self.each_way():
            log = os.path.join(self.directory, "log")
            self.check_exit(self.new.vstate(
                "pull", "--all", *self.ways[self.way], self.host(),
                prefix=[support.STRACE, "-f", "-qq", "-e", "trace=rename,renameat,renameat2",
                        "-o", log]))
            with open(log, encoding="utf-8", errors="replace") as file:
                renames = [line for line in file if '"cdb"' in line and "= 0" in line]
            self.assertEqual(len(renames), 1, "".join(renames))
            self.check_here(*NAMES)

    @needs_sftp_server
    def test_some(self):
        for _ in self.each_way():
            self.pull("--only", "domain.*.org")
            self.check_here("c.example.org", "d.example.org")
            done = self.pull("--only", "domain.nothing*", code=1)
            self.assertIn("domain.nothing*", done.err)

    @needs_sftp_server
    def test_one_fails(self):
        self.spoil("b.example")
        for _ in self.each_way():
            done = self.pull(code=3)
            self.assertRegex(done.err, r"4 domains: 3 done, 1 failed \(b\.example\)")
            self.check_here(*(name for name in NAMES if name != "b.example"))

    @needs_sftp_server
    def test_killed_at_any_time(self):
        """The next run ends as if nobody had, and leaves nothing of a stopped one."""
        chance = random.Random(os.environ.get("VSTATE_SEED", "1"))
        for _ in self.each_way():
            whole = self.server("whole-" + self.way)
            begun = time.monotonic()
            self.check_exit(whole.vstate("pull", "--all", *self.ways[self.way], self.host()))
            took = time.monotonic() - begun
            for number in range(20 if support.DEEP else 3):
                self.new = self.server(f"new-{self.way}-{number}")
                words = [support.VSTATE, "-q", *self.new.options, "pull", "--all",
                         *self.ways[self.way], self.host()]
                with subprocess.Popen(words, env=support.environment()) as run:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        run.wait(chance.uniform(0, took))
                    run.kill()
                self.pull()
                self.check_here(*NAMES)
                self.assertEqual(self.paths(self.new), self.paths(whole))

    def paths(self, server):
        """All but the record of runs, whose files come and go."""
        return sorted(path for path in server.snapshot() if not path.startswith("var/lib/vstate"))

    def test_named_twice(self):
        done = self.check_exit(self.new.vstate("pull", self.old.root, "a.example", "b.example",
                                               "a.example"))
        self.assertIn("2 domains: 2 done", done.err)
        self.check_here("a.example", "b.example")

    def test_each_line_names_its_domain(self):
        done = self.check_exit(self.new.vstate("pull", "--all", self.old.root))
        for name in NAMES:
            self.assertIn(f"{name}: Applied: ", done.out)
        events = [json.loads(line) for line in self.check_exit(self.server("other").vstate(
            "pull", "--all", "--json", self.old.root)).out.splitlines()]
        for event in events:
            if event["event"] not in ("version", "outcomes"):
                self.assertTrue("domain" in event or "outcomes" in event, event)

    def test_no_names(self):
        for words in ((), ("--all", "a.example")):
            done = self.check_exit(self.new.vstate("pull", self.old.root, *words), 64)
            self.assertIn("name the domains to pull, or say --all", done.err)

    def test_another_answer(self):
        """What is no list of domains is none."""
        for words, said in (("echo Welcome to old.example; true", "Welcome to old.example"),
                            ("true", "sent no stream"), ("echo a.example; false", "ended with 1")):
            done = self.new.vstate("pull", "--all", "--rsh", RSH, "--via", "vstate",
                                   "--remote-vstate", words + " #", "old.example")
            self.check_exit(done, 1)
            self.assertIn(said, done.err)
        self.check_here()


if __name__ == "__main__":
    support.main()
