"""Secrets stay secret: a clear-text password, a hash, a list's key, the password of a database and
that in a connection file are looked for in all that the program prints, keeps, and gives to other
programs, whatever it does and however it ends. What may hold one is for its owner alone, and a
crash leaves no memory behind."""

import contextlib
import os
import resource
import signal
import stat
import subprocess
import sys
import time

import support
from support import databases, disturb
from support.domains import domain_text
from support.sftp import RSH, needs_sftp_server

NAME = "example.com"
HASH, CLEAR, KEY = "CaNaRyHashXXXXXXXXXXXX", "CaNaRyClear", "Q2FOYVJ5S2V5"
DATABASE, LIST_SQL = "CaNaRyDatabase", "CaNaRyListSql"
OTHER_HASH, OTHER_CLEAR = "CaNaRyOtherXXXXXXXXXXX", "CaNaRyOtherClear"
SECRETS = [*(text.encode() for text in (HASH, CLEAR, KEY, DATABASE, LIST_SQL, OTHER_HASH,
                                        OTHER_CLEAR)), b"CaNaRyKey"]
TEXT = domain_text(NAME, ("postmaster",)) + f"""
[mailbox.alice]
password = "$1$abcdefgh${HASH}"
clear_password = "{CLEAR}"
[list.news]
subscribers = ["alice@{NAME}"]
key = "{KEY}"
[list.news.files]
outhost = "{NAME}\\n"
sql = "db:3306:user:{LIST_SQL}:ezmlm:news\\n"
"""
CHANGED = TEXT.replace(HASH, OTHER_HASH).replace(CLEAR, OTHER_CLEAR)


def holds(data):
    return [secret.decode() for secret in SECRETS if secret in data]


class CanaryCase(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        self.old, self.new = self.server("old", clear=True), self.server("new", clear=True)
        self.whole, self.changed = self.file("whole.toml", TEXT), self.file("changed.toml", CHANGED)
        for path in (self.whole, self.changed):
            os.chmod(path, 0o600)
        self.count = 0

    def check_said(self, done, codes=(0, 2)):
        self.count += 1
        self.assertIn(done.code, codes, done)
        self.assertEqual(holds((done.out + done.err).encode("utf-8", "surrogateescape")), [],
                         "said")
        return done

    def check_kept(self, directory, may=()):
        """Files that hold one: theirs whose it is, and nobody else's to read. `may`: the ends of
        their paths."""
        found = set()
        for place, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    held = holds(file.read())
                if not held:
                    continue
                info = os.lstat(path)
                self.assertTrue(path.endswith(tuple(may)), (path, held))
                self.assertEqual(stat.S_IMODE(info.st_mode) & 0o077, 0, path)
                self.assertIn(info.st_uid, (os.geteuid(), support.OWNER[0]), path)
                found.add(next(end for end in may if path.endswith(end)))
        return found


#: What of a server holds secrets, and what vstate keeps of them to take a run back.
OF_SERVER = ("/vpasswd", "/vpasswd.cdb", "/news/key", "/news/sql")
OF_VSTATE = tuple(f"/runs/{number}.json" for number in range(1, 20))


class CommandsTest(CanaryCase):
    def test_said_and_kept(self):
        plan, out = os.path.join(self.directory, "plan"), os.path.join(self.directory, "out")
        os.mkdir(out)
        new, old = self.new, self.old
        self.check_said(old.vstate("apply", "-v", self.whole))
        runs = [(new, "check", self.whole), (new, "plan", "-v", self.whole),
                (new, "plan", "--json", self.whole), (new, "plan", self.whole, "-o", plan),
                (new, "apply", "-v", "--json", plan), (new, "plan", "-v", self.changed),
                (new, "plan", "--json", self.changed), (new, "apply", "-v", self.changed),
                (new, "verify", "-v", self.whole), (new, "verify", self.changed),
                (new, "history"), (new, "history", "--json"), (new, "list", "--json"),
                (new, "rollback", "2", "--dry-run"), (new, "rollback", "2", "--yes"),
                (new, "route", f"alice@{NAME}"), (new, "pull", "-v", old.root, NAME),
                (new, "pull", "--json", "--overwrite", old.root, NAME),
                (old, "dump", NAME, "--clear-passwords", "-v", "--mail", out, "-o",
                 out + "/d.toml"),
                (old, "dump", NAME, "--clear-passwords", "-o", out + "/open.toml", "--secrets",
                 out + "/secrets.toml"),
                (old, "export", "--to", "dovecot", self.whole, "-o", out + "/dovecot"),
                (old, "cutover", NAME, "--to", "new.example", "--yes"),
                (old, "cutover", "--status")]
        for server, *words in runs:
            with self.subTest(words[:3]):
                self.check_said(server.vstate(*words))
        held = self.check_kept(new.root, (*OF_SERVER, *OF_VSTATE))
        self.assertLess(set(OF_SERVER), held)
        self.check_kept(old.root, (*OF_SERVER, *OF_VSTATE))
        self.check_kept(out, ("/d.toml", "/secrets.toml", "/news.tar.zst", "/dovecot/users",
                              "/dovecot/passwd"))
        with open(plan, "rb") as file:
            self.assertEqual(holds(file.read()), [])
        self.assertEqual(stat.S_IMODE(os.stat(plan).st_mode), 0o600)
        print(f"{self.count} commands, none of them says one", file=sys.stderr)

    def test_what_is_wrong(self):
        """An error names the place, and not what stands there."""
        for old, new in (('"$1$abcdefgh$', '"'), ('"$1$', '"$99$'), ("clear_pass", "clear"),
                         ("clear_password = ", "clear_password = 5 # "),
                         (f'"{CLEAR}"', f'"{CLEAR}'),
                         (f'"{CLEAR}"', f'["{CLEAR}"]'), (f'"{KEY}"', f'"?{KEY}"'),
                         (f'"{CLEAR}"', f'"{CLEAR}\\u0000"'), (f'"{CLEAR}"', f'"{CLEAR * 99}"'),
                         (f'"{CLEAR}"', f'"{CLEAR}:x\\n"'), ("[list.news]", "[list.news"),
                         ("$abcdefgh$", "$abc\\ndefgh$"), ("$abcdefgh$", "$abc:defgh$"),
                         ('password = "$1', 'pasword = "$1'), ("key = ", "key = = "),
                         ("sql = ", "sqll = "), ("sql = ", '"../sql" = '),
                         (f'"{KEY}"', f'"{KEY}" x'), ("[mailbox.alice]", "[mailbox]")):
            self.assertIn(old, TEXT)
            file = self.file("wrong.toml", TEXT.replace(old, new))
            for words in (("check", file), ("plan", file), ("apply", "-v", file), ("verify", file),
                          ("plan", "--json", file), ("apply", "--json", file),
                          ("export", "--to", "csv", file)):
                with self.subTest(old=old, new=new, words=words[:2]):
                    done = self.new.vstate(*words)
                    self.assertEqual(holds(done.err.encode()), [])
                    if words[0] != "export":
                        self.assertEqual(holds(done.out.encode()), [])
                    self.count += 1
        print(f"{self.count} commands with wrong files", file=sys.stderr)

    def test_connection(self):
        """The password of a database that is not there, at home and far away."""
        for kind, more in (("mysql", ""), ("pgsql", "")):
            if kind not in databases.compiled():
                continue
            server = self.server(f"server-{kind}")
            config = f"{server.home}/include/vpopmail_config.h"
            word = {"mysql": "USE_MYSQL", "pgsql": "USE_POSTGRES"}[kind]
            server.write(config, server.read(config).decode() + f"#define {word} 1\n")
            connection = f"{server.home}/etc/vpopmail.{kind}"
            for text in (f"127.0.0.1|1|user|{DATABASE}|vpopmail\n", f"x y|z|user|{DATABASE}|v\n",
                         f"127.0.0.1|1|user|{DATABASE}\n", f"{DATABASE}\n",
                         f"/nowhere|0|user|{DATABASE}|vpopmail\n"):
                server.write(connection, text, 0o640, support.OWNER)
                far = ["--rsh", RSH, "--root", f"h:{server.root}"]
                for words in ((*server.options, "plan", "-v", self.whole),
                              (*server.options, "dump", "-v", NAME),
                              (*server.options, "list", "--json"),
                              (*server.options, "route", f"alice@{NAME}"),
                              (*server.options, "history"),
                              (*far, "dump", "-v", NAME),
                              (*self.new.options, "pull", server.root, NAME)):
                    with self.subTest(kind=kind, text=text, words=words[2:]):
                        self.check_said(support.run(*words), (0, 1, 2))
        print(f"{self.count} commands without their database", file=sys.stderr)


@support.needs_root
@disturb.needs_tracing
class KilledTest(CanaryCase):
    def test_what_is_left(self):
        """A run that changes each of them, killed at any change."""
        self.apply(self.new, self.whole)
        os.rename(self.new.root, os.path.join(self.base, "new"))
        command = [support.VSTATE, "--root", "new", "apply", "-v", self.changed]
        whole = self.work_on("count")
        points = disturb.traced(whole, ["--changes", "--below", whole + "/new"], command).points
        self.assertGreater(points, 10)
        numbers, held = disturb.sample(points, 5), set()
        for number in numbers:
            work = self.work_on(f"kill-{number}")
            done = disturb.traced(work, ["--changes", "--below", work + "/new", "--kill", number],
                                  command)
            self.assertEqual(holds(done.out + done.err.encode()), [])
            held |= self.check_kept(work, (*OF_SERVER, *OF_VSTATE, ".vstate-tmp"))
            self.forget(work)
        print(f"{len(numbers)} of {points} kills, held by {sorted(held)}", file=sys.stderr)


@needs_sftp_server
class OtherProgramsTest(CanaryCase):
    """What an ssh, and what it runs there, can be told."""

    def test_words_and_environment(self):
        told = os.path.join(self.directory, "told")
        rsh = self.file("rsh", f"""#!/bin/sh
cat /proc/$$/cmdline /proc/$$/environ >>{told}
for last; do :; done
exec sh -c "$last"
""")
        os.chmod(rsh, 0o755)
        program = self.file("vstate", f"""#!/bin/sh
cat /proc/$$/cmdline /proc/$$/environ >>{told}
exec {support.VSTATE} --root {self.old.root} "$@"
""")
        os.chmod(program, 0o755)
        self.apply(self.old, self.whole)
        far = ["--rsh", rsh, "--root", f"h:{self.old.root}"]
        for words in (("pull", "--rsh", rsh, "--via", "vstate", "--remote-vstate", program,
                       "--clear-passwords", "h", NAME),
                      ("pull", "--rsh", rsh, "--via", "vstate", "--remote-vstate", program,
                       "--clear-passwords", "--exclude", "mailbox.postmaster", "--all", "h"),
                      ("pull", "--rsh", rsh, "--via", "sftp", "--clear-passwords",
                       f"h:{self.old.root}", NAME)):
            with self.subTest(words[:5]):
                self.check_said(self.new.vstate("-v", *words))
        for words in (("plan", "-v", self.whole), ("verify", self.whole), ("list",),
                      ("cutover", NAME, "--to", "new.example", "--yes"), ("cutover", "--status")):
            with self.subTest(words[:2]):
                self.check_said(support.run(*far, *words))
        with open(told, "rb") as file:
            text = file.read()
        self.assertGreater(text.count(b"PATH="), 10)
        self.assertEqual(holds(text), [])
        self.check_kept(self.new.root, (*OF_SERVER, *OF_VSTATE))

    def test_databases(self):
        """Libraries of databases take passwords from the environment too, and hand them on."""
        for kind in ("mysql", "pgsql", "sqlite"):
            if kind not in databases.compiled():
                continue
            with self.subTest(kind):
                server = databases.mail_server(self, f"server-{kind}", kind)
                self.check_said(server.vstate("apply", "-v", self.whole))
                self.check_said(server.vstate("plan", "-v", "--json", self.changed))
                self.check_said(server.vstate("apply", "--json", self.changed))
                self.check_said(server.vstate("pull", self.old.root, NAME), (0, 1, 2))


class CrashTest(CanaryCase):
    def crash(self, words, ready):
        """Whether a process that crashes leaves a core, where all others may."""
        place = os.path.join(self.directory, os.path.basename(words[0]))
        os.mkdir(place)

        def unlimited():
            limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        child = subprocess.Popen(words, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, preexec_fn=unlimited,
                                 env=support.environment())
        try:
            end = time.monotonic() + 20
            while not ready(child.pid) and time.monotonic() < end:
                time.sleep(0.01)
            with open(f"/proc/{child.pid}/limits", encoding="ascii") as file:
                core, = (line.split()[4:6] for line in file if line.startswith("Max core"))
            child.send_signal(signal.SIGSEGV)
            status = os.waitpid(child.pid, 0)[1]
            child.returncode = -signal.SIGSEGV
        finally:
            with contextlib.suppress(OSError):
                child.kill()
            child.stdin.close()
        return core, os.WCOREDUMP(status) or bool(os.listdir(place))

    def reads_its_input(self, pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/wchan", encoding="ascii") as file:
            if "pipe" in file.read():
                return True
        with contextlib.suppress(OSError), open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().split()[:2] in (["0", "0x0"], ["7", "0x0"])
        return False

    def test_no_core(self):
        others = self.crash(["/bin/cat"], self.reads_its_input)
        ours = self.crash([support.VSTATE, *self.new.options, "apply", "-"],
                          lambda pid: time.sleep(0.5) or True)
        self.assertIn(ours[0], (["0", "0"], ["1", "1"]))
        self.assertFalse(ours[1], "a core was left")
        if not others[1]:
            self.skipTest("no program leaves a core on this machine; the limit alone was looked at")


def tearDownModule():
    databases.close_all()


if __name__ == "__main__":
    support.main()
