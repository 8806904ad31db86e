"""Reading a server of another machine by SFTP alone: `--root HOST:DIR`, and pulls without vstate
there. What is read so is what is read at home, byte for byte.

Without sshd, what needs one is skipped; the rest runs OpenSSH's sftp-server by itself.
"""

import os
import sys
import unittest

import support
from support import captures, cases, servers
from support.captures import CaptureCase, needs_captures
from support.example_server import make_example
from support.passes import NAME, Passes, PullCase
from support.ssh import SSH, Sshd, needs_ssh

SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server",
                "/usr/lib/ssh/sftp-server")
SFTP_SERVER = next((path for path in SFTP_SERVERS if os.access(path, os.X_OK)), None)
RSH = f"{sys.executable} {os.path.join(support.HERE, 'fake_rsh.py')}"

needs_sftp_server = unittest.skipUnless(SFTP_SERVER, "OpenSSH's sftp-server is not installed")


def tree_of(directory):
    """Path -> content of all files below it."""
    found = {}
    for place, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = file.read()
    return found


def without_index(tree):
    """An index only spares work: stamps of files are another machine's to give."""
    return {path: bytes_ for path, bytes_ in tree.items() if not path.endswith(".index")}


class RemoteCase(cases.SandboxCase):
    """Each server is asked twice: below its directory, and through the other way."""

    rsh = RSH

    def both(self, server, *arguments, code=0):
        here = self.check_exit(server.vstate(*arguments), code)
        there = self.check_exit(server.vstate("--rsh", self.rsh, *arguments,
                                              root=f"old.example:{server.root}"), code)
        return here, there

    def check_dumps(self, server, names):
        one, two = (os.path.join(self.directory, name) for name in ("here", "there"))
        for name in names:
            here, there = self.both(server, "dump", name, code=None)
            self.assertEqual(here.out, there.out)
            self.assertEqual(here.status, there.status)
        local = server.vstate("-q", "dump", "--all", "--mail", one, "-o", one + "/")
        remote = server.vstate("-q", "--rsh", self.rsh, "dump", "--all", "--mail", two, "-o",
                               two + "/", root=f"old.example:{server.root}")
        self.assertEqual((remote.status, remote.err), (local.status, local.err))
        self.assertEqual(without_index(tree_of(two)), without_index(tree_of(one)))


@needs_sftp_server
class ExampleTest(RemoteCase):
    def setUp(self):
        self.old = make_example(self)

    def test_dump(self):
        self.check_dumps(self.old, self.old.domains())


if __name__ == "__main__":
    support.main()
