"""A server that is read by OpenSSH's sftp-server, without a network in between."""

import os
import unittest

from . import passes

RSH = passes.FAKE_RSH
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server",
                "/usr/lib/ssh/sftp-server")
IS_THERE = any(os.access(path, os.X_OK) for path in SFTP_SERVERS)
needs_sftp_server = unittest.skipUnless(IS_THERE, "OpenSSH's sftp-server is not installed")


def tree_of(directory):
    """Path -> content of all files below it, but for indexes: those only spare work, and hold
    stamps of files that each machine gives by itself."""
    found = {}
    for place, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(place, name)
            if not name.endswith(".index"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, directory)] = file.read()
    return found
