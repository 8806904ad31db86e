"""Servers as admins leave them: laid out file by file, with nothing of the program under test.

Each method does one thing that real servers were found with; what is right is said by the suites.
"""

import os

from . import program, servers
from .domains import MD5
from .example_server import make_server

NAME = "example.com"
BODY = b"Subject: a\n\nhi\n"


class OldServer(servers.Server):
    """A vpopmail 5.4 server with one domain; `build` writes its indexes and owners."""

    def __init__(self, root, home="/home/vpopmail"):
        super().__init__(root, home)
        servers.make_directories(root)
        os.chmod(root, 0o755)
        self.rows, self.assign = [], []
        self.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n"
                   f"vpopmail:x:{servers.OWNER[0]}:{servers.OWNER[1]}::{home}:/bin/sh\n")
        self.write("/var/qmail/control/me", "old.example.net\n")
        self.write("/var/qmail/control/locals", "localhost\n")
        self.write(f"{home}/etc/vlimits.default", "maxpopaccounts: -1\n")
        self.write(f"{home}/include/vpopmail_config.h", servers.config_header("5.4.33", False))
        self.write(f"{home}/bin/vdelivermail", "#!/bin/sh\n", mode=0o755)
        self.dom = f"{home}/domains/{NAME}"
        self.make(self.dom)
        self.write(f"{self.dom}/.qmail-default",
                   f"| {home}/bin/vdelivermail '' bounce-no-mailbox\n", mode=0o600)
        self.add("postmaster")

    def make(self, path):
        servers.make_directories(self.at(path))
        os.chmod(self.at(path), 0o700)

    def maildir(self, path):
        for part in ("", "/cur", "/new", "/tmp"):
            self.make(path + part)
        return path

    def add(self, name, password=MD5, home=None, where=None, maildir=True):
        """An account; `home` is what it says, `where` is where the mail is."""
        place = where or f"{self.dom}/{name}"
        self.rows.append(f"{name}:{password}:1:0:{name}:{place if home is None else home}:NOQUOTA")
        if maildir:
            self.maildir(f"{place}/Maildir")
        return place

    def message(self, folder, number=1, body=BODY, name=None):
        path = f"{folder}/cur/{name or f'{1000000000 + number}.{number}.old:2,S'}"
        self.write(path, body, mode=0o600)
        os.utime(self.at(path), (1000000000 + number, 1000000000 + number))
        return path

    def link(self, target, path):
        servers.make_directories(os.path.dirname(self.at(path)))
        os.symlink(target, self.at(path))

    def move(self, path, target, link=None):
        """Moves a directory to another disk and leaves a link."""
        servers.make_directories(os.path.dirname(self.at(target)))
        os.rename(self.at(path), self.at(target))
        os.symlink(link or target, self.at(path))

    def build(self, assign=None):
        lines = assign or [f"+{NAME}-:{NAME}:{servers.OWNER[0]}:{servers.OWNER[1]}:{self.dom}:-::"]
        self.write("/var/qmail/users/assign", "".join(line + "\n" for line in lines) + ".\n")
        records, names = [], []
        for line in lines:
            if not line.startswith("+"):
                continue
            key, *fields = line[1:].split(":")
            names.append(key.rstrip("-"))
            records.append((b"!" + key.lower().encode(),
                            b"\0".join(f.encode() for f in fields[:6])))
        self.write("/var/qmail/users/cdb", make_server.cdb(records + [(b"", b"-")]))
        self.write("/var/qmail/control/rcpthosts", "".join(f"{name}\n" for name in names))
        self.write("/var/qmail/control/virtualdomains", "".join(f"{n}:{n}\n" for n in names))
        self.write_accounts()
        self.own()
        return self

    def write_accounts(self):
        rows = [row if isinstance(row, bytes) else row.encode() for row in self.rows]
        self.write(f"{self.dom}/vpasswd", b"".join(row + b"\n" for row in rows), mode=0o600)
        self.write(f"{self.dom}/vpasswd.cdb",
                   make_server.cdb([tuple(row.split(b":", 1)) for row in rows]), mode=0o600)
        self.write(f"{self.dom}/.vpasswd.lock", b"", mode=0o600)

    def own(self):
        """Gives the mail to vpopmail, wherever it stands."""
        if not program.IS_ROOT:
            return
        for top in (self.home, "/data", "/data2"):
            if not os.path.isdir(self.at(top)):
                continue
            for place, names, files in os.walk(self.at(top).encode()):
                for path in [place, *(os.path.join(place, name) for name in names + files)]:
                    os.lchown(path, *servers.OWNER)


def bodies(root):
    """The contents of all messages below a directory of the host, sorted."""
    found = []
    for place, _, files in os.walk(root):
        if os.path.basename(place) in ("cur", "new"):
            for name in files:
                with open(os.path.join(place, name), "rb") as file:
                    found.append(file.read())
    return sorted(found)
