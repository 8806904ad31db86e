"""The static program (`make static`): it needs no library and nothing else of the machine, and does
what the other one does.

VSTATE_STATIC  the program; default is build/static/vstate of this tree. It is skipped if there is
               none, since `make check` does not build it.
"""

import os
import shutil
import struct
import subprocess
import unittest

import support
from support import captures, denied, disturb
from support.killing import NAME

STATIC = os.environ.get("VSTATE_STATIC") or os.path.join(support.TREE, "build/static/vstate")
LARGEST = 15 << 20
CHROOT = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
#: What an index says of inodes and of changes holds for one copy of a server.
INDEXES = (r"\.index$",)
needs_static = unittest.skipUnless(os.access(STATIC, os.X_OK),
                                   f"{STATIC} is not there; make static builds it")
needs_chroot = unittest.skipUnless(support.IS_ROOT and CHROOT, "needs root: only root can chroot")


@needs_static
class ProgramTest(support.SandboxCase):
    def test_no_library_and_small(self):
        with open(STATIC, "rb") as file:
            head = file.read(64)
            self.assertEqual(head[:5], b"\x7fELF\x02")
            start, = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            file.seek(start)
            kinds = [struct.unpack_from("<I", file.read(size))[0] for _ in range(count)]
        interpreter, libraries = 3, 2
        self.assertNotIn(interpreter, kinds)
        self.assertNotIn(libraries, kinds)
        self.assertLess(os.path.getsize(STATIC), LARGEST)

    def test_back_ends(self):
        done = subprocess.run([STATIC, "--version"], capture_output=True, text=True, check=True)
        for kind in ("cdb", "mysql", "sqlite"):
            self.assertIn(kind, done.stdout)

    @support.needs_strace
    def test_loads_nothing(self):
        """Neither for a locale or an encoding, nor for an account, a digest, or a host's name."""
        old = os.path.join(self.directory, "old")
        disturb.make_example("old-server", old)
        for locale in ("C.UTF-8", "de_DE.ISO-8859-1", "ja_JP.eucJP"):
            mail = os.path.join(self.directory, locale)
            for words in (("--root", old, "dump", NAME, "--mail", mail),
                          ("route", f"alice@{NAME}"),
                          ("--root", old, "--color", "always", "history")):
                trace = os.path.join(self.directory, "trace")
                subprocess.run([support.STRACE, "-f", "-e", "trace=open,openat,openat2,execve",
                                "-o", trace, STATIC, *words], capture_output=True, check=False,
                               env=support.environment(LC_ALL=locale), timeout=60)
                with open(trace, encoding="utf-8", errors="surrogateescape") as lines:
                    text = lines.read()
                self.assertIn("execve", text)
                self.assertNotRegex(text, r"\.so\b", (locale, words))

    def test_no_such_database(self):
        """A name that must be looked up, and a server that is not there."""
        server = support.make_server(os.path.join(self.directory, "server"))
        file = server.at(f"{server.home}/etc/vpopmail.mysql")
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as text:
            text.write("nowhere.invalid|0|someone|secret|vpopmail\n")
        done = subprocess.run([STATIC, *server.options, "--backend", "mysql", "dump", NAME],
                              capture_output=True, text=True, check=False, timeout=60,
                              env=support.environment())
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nowhere.invalid", done.stderr)


@needs_static
@needs_chroot
class EmptyRootTest(disturb.DisturbCase):
    """In a root that holds nothing but the program and a server: no /dev, no /etc; and /proc only
    for what opens a ledger."""

    ROWS = (None, *((error, denied.ALL) for error in denied.ERRORS))

    def in_root(self, row, root, *words, code=0, has_proc=False):
        command = [CHROOT, root, "/vstate", *words]
        if row:
            command = denied.words(*row, command)
        if has_proc:
            # It is mounted for this run alone.
            script = 'mount --bind /proc "$0" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", script, os.path.join(root, "proc"), *command]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False,
                              env=support.environment(), timeout=120)
        said = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
        self.assertEqual(done.returncode, code, (row, words, said))
        return said

    def outside(self, work, *words):
        done = subprocess.run([support.VSTATE, *words], cwd=work, capture_output=True, check=False,
                              env=support.environment(), timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)

    def rows(self):
        reason = denied.why_not()
        if reason:
            self.skipTest(f"no call can be denied: {reason}")
        return self.ROWS

    def test_example(self):
        disturb.make_example("old-server", os.path.join(self.base, "old"))
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        whole = self.work_on("whole")
        self.outside(whole, "--root", "old", "dump", NAME, "--mail", "mail", "-o", "file.toml")
        self.outside(whole, "--root", "new", "apply", "file.toml", "--mail", "mail")
        wanted = disturb.picture(whole, INDEXES)
        for row in self.rows():
            with self.subTest(row):
                work = self.work_on(f"root-{row[0] if row else 'plain'}")
                shutil.copy(STATIC, os.path.join(work, "vstate"))
                mail = ("--mail", "/mail")
                self.in_root(row, work, "--root", "/old", "dump", NAME, *mail, "-o", "/file.toml")
                apply = ("--root", "/new", "apply", "/file.toml", *mail)
                self.assertIn("without /proc", self.in_root(row, work, *apply, code=1))
                os.mkdir(os.path.join(work, "proc"))
                self.in_root(row, work, *apply, has_proc=True)
                plan = ("--root", "/new", "plan", "/file.toml", *mail)
                self.assertIn(support.NOTHING, self.in_root(row, work, *plan, has_proc=True))
                self.in_root(row, work, "--root", "/new", "verify", "/file.toml", *mail, "--deep",
                             has_proc=True)
                os.unlink(os.path.join(work, "vstate"))
                os.rmdir(os.path.join(work, "proc"))
                self.assertEqual(disturb.differences(disturb.picture(work, INDEXES), wanted), [])

    @captures.needs_captures
    def test_captures(self):
        """A whole server as its own root: its etc/passwd says who vpopmail is."""
        for name in ("vp54-cdb", "vp56-cdb"):
            server = captures.captured_server(name)
            words = server.options[2:] + ["-q", "dump", "--all", "--clear-passwords",
                                          "--exclude", "server.*"]
            work = os.path.join(self.directory, name)
            os.mkdir(work)
            self.outside(work, "--root", server.root, *words, "--mail", "mail", "-o", "toml/")
            wanted = disturb.picture(work, INDEXES)
            for row in self.rows():
                with self.subTest(name=name, row=row):
                    root = os.path.join(self.directory, f"{name}-{row[0] if row else 'plain'}")
                    disturb.copy(server.root, root)
                    shutil.copy(STATIC, os.path.join(root, "vstate"))
                    os.mkdir(os.path.join(root, "dumped"))
                    self.in_root(row, root, *words, "--mail", "/dumped/mail", "-o", "/dumped/toml/")
                    seen = disturb.picture(os.path.join(root, "dumped"), INDEXES)
                    self.assertEqual(disturb.differences(seen, wanted), [])
                    shutil.rmtree(root)


if __name__ == "__main__":
    support.main()
