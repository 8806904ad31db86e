"""Courier's own imapd and courierpop3d for the end-to-end tests, run on a Maildir without a
listener, a login, or an installation: both take an authenticated session from their environment
and speak on their standard streams. It must not know vstate.

VSTATE_COURIER  directory where cmake/courier.sh unpacked Debian's packages
"""

import glob
import imaplib
import os
import poplib
import socket
import subprocess
import unittest

from .program import IS_ROOT

ROOT = os.environ.get("VSTATE_COURIER", "")
IMAPD = os.path.join(ROOT, "usr/bin/imapd")
POP3D = os.path.join(ROOT, "usr/lib/courier/courier/courierpop3d")

needs_courier = unittest.skipUnless(
    ROOT and os.access(IMAPD, os.X_OK) and os.access(POP3D, os.X_OK),
    "VSTATE_COURIER names no directory where cmake/courier.sh unpacked Courier")


def session_options(home, owner):
    """What courier's login programs leave to the daemon: the person's home, user, and name."""
    libraries = [*glob.glob(os.path.join(ROOT, "usr/lib/*-linux-gnu*")),
                 os.path.join(ROOT, "usr/lib")]
    options = {"cwd": home, "stderr": subprocess.DEVNULL, "env": {
        "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": ":".join(libraries), "TZ": "UTC",
        "AUTHENTICATED": "alice", "AUTHADDR": "alice@example.com", "MAILDIR": "Maildir",
        "HOME": home, "IMAP_KEYWORDS": "1", "IMAP_USELOCKS": "0", "IMAP_ENHANCEDIDLE": "0",
        "IMAP_TRASHFOLDERNAME": "Trash"}}
    if IS_ROOT:
        options.update(user=owner[0], group=owner[1], extra_groups=[])
    return options


class Imap(imaplib.IMAP4_stream):
    """A session of imapd over pipes, authenticated from the start."""

    def __init__(self, home, owner):
        self.options = session_options(home, owner)
        super().__init__("imapd")
        self.state = "AUTH"  # a notice may come before PREAUTH, which imaplib then overlooks
        self.noop()

    def open(self, host=None, port=None, timeout=None):
        self.host = self.port = self.sock = None
        self.process = subprocess.Popen([IMAPD, "Maildir"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, **self.options)
        self.writefile, self.readfile = self.process.stdin, self.process.stdout


class Pop3(poplib.POP3):
    """A session of courierpop3d over a pair of sockets, authenticated from the start."""

    def __init__(self, home, owner):
        self.options = session_options(home, owner)
        super().__init__("courierpop3d")

    def _create_socket(self, timeout):
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen([POP3D, "Maildir"], stdin=theirs, stdout=theirs,
                                            **self.options)
        ours.settimeout(60)
        return ours

    def close(self):
        super().close()
        self.process.wait(30)
