"""What the end-to-end tests share: sandboxed servers, the program, snapshots, cdb files, crypt(3).

A sandbox is a directory of its own that holds an empty mail server below a root of mode 0755, the
way `--root` wants it. It must not know what any single test checks.

VSTATE           the program; default is build/release/vstate of this tree
VSTATE_CAPTURES  directory with vp54-cdb/ and vp56-cdb/ unpacked; without it their tests are skipped
"""

import ctypes
import ctypes.util
import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import tomllib
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TREE, "tests/support"))
VSTATE = os.path.abspath(os.environ.get("VSTATE") or os.path.join(TREE, "build/release/vstate"))
CAPTURES = os.environ.get("VSTATE_CAPTURES", "")
IS_ROOT = os.geteuid() == 0
OWNER = (89, 89) if IS_ROOT else (os.geteuid(), os.getegid())
STRACE = shutil.which("strace")
NOTHING = "Nothing to do"
SHA512 = ("$6$sha512salt.abcde$i0MduYf9HwkiwWrDy5EAR8vFmIfFsuj4Oyldj1zrvNfPItEeQ88NLwe2qyQl1GJnXk."
          "RaijufUW8ptyWEcQDn.")
MD5 = "$1$9AewUKs/$tg11zueTXT424aEPxT4Pv0"


class Outcome:
    """What a finished run of a program left: exit status and both streams as text."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def environment(**changes):
    """A fixed environment, so that no colour, locale, or option of the caller's shows."""
    kept = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH", "TMPDIR"):
        if name in os.environ:
            kept[name] = os.environ[name]
    kept.update(changes)
    return {name: value for name, value in kept.items() if value is not None}


def run(*arguments, prefix=(), stdin=b"", cwd=None, umask=0o022, env=None, timeout=120):
    """Runs the program without a terminal, under the given umask."""
    text = stdin.encode() if isinstance(stdin, str) else stdin
    old = os.umask(umask)
    try:
        done = subprocess.run([*prefix, VSTATE, *map(str, arguments)], input=text, cwd=cwd,
                              env=env or environment(), capture_output=True, timeout=timeout)
    finally:
        os.umask(old)
    return Outcome(done)


class Server:
    """A mail server below `root`: where things are, and the program working on it."""

    def __init__(self, root, home="/srv/vpop", qmail="/var/qmail", named=False):
        self.root, self.home, self.qmail = root, home, qmail
        self.options = ["--root", root]
        if named:
            self.options += ["--vpopmail-dir", home, "--qmail-dir", qmail]

    def at(self, path):
        """The place below the root of a path as the server has it."""
        return os.path.join(self.root, path.lstrip("/"))

    def control(self, name):
        return self.at(f"{self.qmail}/control/{name}")

    def users(self, name):
        return self.at(f"{self.qmail}/users/{name}")

    def domain(self, name, *below):
        return self.at("/".join([self.home, "domains", name, *below]))

    def directory_of(self, name):
        """The domain's directory as users/assign has it, wherever hashing put it."""
        for line in self.read(self.users("assign")).decode().splitlines():
            if line.startswith(f"+{name}-:"):
                return line.split(":")[4]
        raise KeyError(name)

    def read(self, path):
        with open(self.at(path) if not path.startswith(self.root) else path, "rb") as file:
            return file.read()

    def write(self, path, data, mode=None, owner=None):
        """Puts a file there, with what is missing above it."""
        place = self.at(path) if not path.startswith(self.root) else path
        make_directories(os.path.dirname(place))
        with open(place, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        if mode is not None:
            os.chmod(place, mode)
        if owner is not None and IS_ROOT:
            os.chown(place, *owner)
        return place

    def vstate(self, *arguments, **options):
        return run(*self.options, *arguments, **options)

    def snapshot(self):
        return snapshot(self.root)


def provide_programs(server):
    """Puts a program wherever a delivery line of the server names one, as on a server where they work."""
    names = re.compile(rb"(?:^\||\bpreline |\bthen |\belse |&& |\|\| )\s*(/[^\s'\";]+)", re.M)
    for place, _, files in os.walk(server.at(server.home + "/domains")):
        for name in files:
            path = os.path.join(place, name)
            is_line = name.startswith(".qmail") or name in ("editor", "manager", "bouncer", "moderator", "confirmer")
            if not is_line or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                found = names.findall(file.read())
            for program in found:
                if not os.path.lexists(server.at(program.decode())):
                    server.write(program.decode(), "#!/bin/sh\n", mode=0o755)


def give(path):
    """Gives a file to the mail's owner, where that can be done."""
    if os.geteuid() == 0:
        os.lchown(path, *OWNER)


def make_directories(path):
    old = os.umask(0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(old)


def config_header(version, clear, big_dir=True):
    lines = [f'#define PACKAGE_VERSION "{version}"', f"#define VPOPMAILUID {OWNER[0]}",
             f"#define VPOPMAILGID {OWNER[1]}"]
    lines += ["#define USERS_BIG_DIR 1"] if big_dir else []
    lines += ["#define CLEAR_PASS 1"] if clear else []
    return "\n".join(lines) + "\n"


def make_server(root, version="5.6", clear=False, home="/srv/vpop", qmail="/var/qmail",
                big_dir=True):
    """An empty server with a few lines of others in its control files."""
    make_directories(root)
    os.chmod(root, 0o755)
    server = Server(root, home, qmail, named=qmail != "/var/qmail")
    full = {"5.4": "5.4.33", "5.6": "5.6.13"}[version]
    server.write("/etc/passwd", f"root:x:0:0::/root:/bin/sh\n"
                                f"vpopmail:x:{OWNER[0]}:{OWNER[1]}::{home}:/bin/sh\n")
    server.write(f"{qmail}/control/me", "mail2.example.org\n")
    server.write(f"{qmail}/control/locals", "localhost\nmail2.example.org\n")
    server.write(f"{qmail}/control/rcpthosts", "localhost\n# comment\nzzz.example\n")
    server.write(f"{qmail}/control/virtualdomains", "zzz.example:foreign\n")
    make_directories(server.at(f"{qmail}/users"))
    server.write(f"{home}/etc/vlimits.default", "maxpopaccounts: -1\n")
    server.write(f"{home}/include/vpopmail_config.h", config_header(full, clear, big_dir))
    server.write(f"{home}/bin/vdelivermail", "#!/bin/sh\n", mode=0o755)
    make_directories(server.at(f"{home}/domains"))
    os.chmod(server.at(f"{home}/domains"), 0o700)
    if IS_ROOT:
        for place, _, names in os.walk(server.at(home)):
            for path in [place, *(os.path.join(place, name) for name in names)]:
                os.chown(path, *OWNER)
    return server


def captured_server(name):
    """The server of a capture: "vp54-cdb" or "vp56-cdb"."""
    digits = name[2:4]
    return Server(os.path.join(CAPTURES, name), f"/opt/real/vp{digits}", f"/opt/real/q{digits}",
                  named=True)


def captured_text(name):
    """What the real tools printed for a capture, or None where the file is not at hand."""
    for place in (CAPTURES, os.path.join(CAPTURES, name),
                  os.path.join(TREE, "../shared/reference")):
        path = os.path.join(place, name + ".txt")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return None


needs_captures = unittest.skipUnless(
    CAPTURES and os.path.isdir(os.path.join(CAPTURES, "vp54-cdb")),
    "VSTATE_CAPTURES does not name a directory with vp54-cdb/ and vp56-cdb/")
needs_root = unittest.skipUnless(IS_ROOT, "needs root: owners of files are part of it")
needs_strace = unittest.skipUnless(STRACE, "strace is not installed")


def entry_of(path):
    st = os.lstat(path)
    content = None
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(st.st_mode):
        content = os.readlink(path)
    return (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns,
            st.st_ctime_ns, content)


def snapshot(root, skip=()):
    """Every path below `root`, itself included, with all that a change to it would alter."""
    found = {".": entry_of(root)}
    for place, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, root)
            if not any(relative.startswith(prefix) for prefix in skip):
                found[relative] = entry_of(path)
    return found


def changed_paths(before, after):
    """The paths that two snapshots do not agree about, sorted."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path) != after.get(path))


def cdb_records(data):
    """All records of a cdb file in file order, as (key, data)."""
    end = min(struct.unpack_from("<I", data, 8 * table)[0] for table in range(256))
    records, at = [], 2048
    while at < end:
        key_size, size = struct.unpack_from("<II", data, at)
        key = data[at + 8:at + 8 + key_size]
        records.append((key, data[at + 8 + key_size:at + 8 + key_size + size]))
        at += 8 + key_size + size
    return records


def cdb_find(data, key):
    """The data of the first record of `key` by the look-up that qmail makes, or None."""
    value = 5381
    for byte in key:
        value = ((value * 33) & 0xFFFFFFFF) ^ byte
    start, slots = struct.unpack_from("<II", data, (value % 256) * 8)
    for step in range(slots):
        slot = start + 8 * ((value // 256 + step) % slots)
        found, at = struct.unpack_from("<II", data, slot)
        if at == 0:
            return None
        if found != value:
            continue
        key_size, size = struct.unpack_from("<II", data, at)
        if data[at + 8:at + 8 + key_size] == key:
            return data[at + 8 + key_size:at + 8 + key_size + size]
    return None


def crypt(clear, hashed):
    """What crypt(3) of this system makes of a clear password; Python 3.13 has no crypt module."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    answer = library.crypt(clear.encode(), hashed.encode())
    return answer.decode() if answer else None


def load_toml(text):
    return tomllib.loads(text)


def mailbox_text(name="alice", password=SHA512, more=""):
    return f'[mailbox."{name}"]\npassword = "{password}"\n{more}\n'


def domain_text(name="example.com", mailboxes=("postmaster", "alice"), more="", head=""):
    """A small domain file; `head` stands in [domain], `more` at the end."""
    return (f'vstate = 1\n\n[domain]\nname = "{name}"\n{head}\n'
            + "".join(mailbox_text(box) for box in mailboxes) + more)


class SandboxCase(unittest.TestCase):
    """Gives each test `self.directory`; a failed test leaves it and names it."""

    maxDiff = 4000

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        self.directory = tempfile.mkdtemp(prefix="vstate-e2e-")
        os.chmod(self.directory, 0o755)
        before = len(result.failures) + len(result.errors)
        try:
            return super().run(result)
        finally:
            if len(result.failures) + len(result.errors) > before:
                print(f"\n{self.id()} left {self.directory}", file=sys.stderr)
            else:
                shutil.rmtree(self.directory, ignore_errors=True)

    def server(self, name="target", **options):
        return make_server(os.path.join(self.directory, name), **options)

    def file(self, name, text):
        """A file of the operator's, outside of any server."""
        path = os.path.join(self.directory, name)
        make_directories(os.path.dirname(path))
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return path

    def check_exit(self, outcome, code=0):
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome

    def apply(self, server, *arguments, code=0):
        return self.check_exit(server.vstate("-q", "apply", *arguments), code)

    def check_nothing_to_do(self, server, *arguments):
        outcome = self.check_exit(server.vstate("plan", *arguments))
        self.assertIn(NOTHING, outcome.out)

    def check_same(self, before, after):
        differing = changed_paths(before, after)
        self.assertEqual(differing[:20], [], f"{len(differing)} paths changed")


def main():
    if not os.access(VSTATE, os.X_OK):
        sys.exit(f"{VSTATE}: no such program; name it with VSTATE")
    unittest.main()
