"""Mail servers in a directory, as `--root` wants them: vpopmail, qmail, and a few lines of
others."""

import os
import re

from . import program, trees

#: Whose the mail is: vpopmail's user where files can be given away, else ours.
OWNER = (89, 89) if program.IS_ROOT else (os.geteuid(), os.getegid())


def make_directories(path):
    old = os.umask(0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(old)


def give(path):
    """Gives a file to the mail's owner, where that can be done."""
    if program.IS_ROOT:
        os.lchown(path, *OWNER)


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
        if owner is not None and program.IS_ROOT:
            os.chown(place, *owner)
        return place

    def vstate(self, *arguments, **options):
        return program.run(*self.options, *arguments, **options)

    def snapshot(self):
        return trees.snapshot(self.root)


def provide_programs(server):
    """Puts a program wherever a delivery line of the server names one, as on a server where they
    work."""
    names = re.compile(rb"(?:^\||\bpreline |\bthen |\belse |&& |\|\| )\s*(/[^\s'\";]+)", re.M)
    for place, _, files in os.walk(server.at(server.home + "/domains")):
        for name in files:
            path = os.path.join(place, name)
            is_line = name.startswith(".qmail") or name in ("editor", "manager", "bouncer",
                                                            "moderator", "confirmer")
            if not is_line or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                found = names.findall(file.read())
            for called in map(bytes.decode, found):
                if not os.path.lexists(server.at(called)):
                    server.write(called, "#!/bin/sh\n", mode=0o755)


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
    if program.IS_ROOT:
        for place, _, names in os.walk(server.at(home)):
            for path in [place, *(os.path.join(place, name) for name in names)]:
                os.chown(path, *OWNER)
    return server
