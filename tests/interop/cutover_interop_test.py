"""The real qmail agrees with `vstate cutover`: mail for a domain that was switched leaves for its
new server, by qmail-send's, qmail-rspawn's and qmail-remote's own reading of the control files, and
is delivered here again after --undo.

VSTATE_TEST_QMAIL  the qmail directory with bin/
"""

import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import mail_system  # noqa: E402
import support  # noqa: E402
from support import route_server as servers  # noqa: E402

QMAIL = os.environ.get("VSTATE_TEST_QMAIL", "").rstrip("/")
DOMAIN, ALIAS, OTHER = "plain.example", "al.example", "stays.example"


def own_address():
    """One that other machines know this one by: a server does not relay to itself by another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def missing():
    """Why nothing can run here, or None."""
    if not QMAIL or not os.path.isdir(QMAIL + "/bin"):
        return "VSTATE_TEST_QMAIL does not name an installation with bin/"
    if own_address() is None:
        return "this machine has no address but its own"
    return mail_system.why_not(QMAIL, servers.QMAIL_USERS)


REASON = missing()


def setUpModule():
    if REASON:
        raise unittest.SkipTest(REASON)


class NewServer(socketserver.ThreadingTCPServer):
    """Takes every message, and remembers for whom."""

    allow_reuse_address = daemon_threads = True

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            # qmail-remote does not wait for the answer to QUIT.
            with contextlib.suppress(ConnectionResetError):
                self.talk()

        def talk(self):
            self.wfile.write(b"220 new\r\n")
            in_data = False
            for line in self.rfile:
                word = line[:4].upper()
                if in_data:
                    in_data = line != b".\r\n"
                    answer = None if in_data else b"250 taken\r\n"
                elif word == b"DATA":
                    in_data, answer = True, b"354 go on\r\n"
                else:
                    if word == b"RCPT":
                        self.server.taken.add(line.split(b"<")[1].split(b">")[0].decode())
                    answer = b"221 bye\r\n" if word == b"QUIT" else b"250 yes\r\n"
                if answer:
                    self.wfile.write(answer)

    def __init__(self):
        super().__init__((own_address(), 0), self.Session)
        self.taken = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class CutoverInteropTest(support.SandboxCase):
    def setUp(self):
        self.root = os.path.join(self.directory, "old")
        support.make_directories(os.path.dirname(self.root + QMAIL))
        subprocess.run(["cp", "-a", QMAIL, self.root + QMAIL], check=True)
        server = servers.small_server(self.root, qmail=QMAIL)
        server.domain(OTHER)
        server.finish()
        self.new = NewServer()
        self.addCleanup(self.new.server_close)
        self.addCleanup(self.new.shutdown)
        self.addresses = [f"alice@{name}" for name in (DOMAIN, ALIAS, OTHER)]
        self.queue = os.path.join(self.root + QMAIL, "queue")
        self.empty = self.queue + ".empty"
        subprocess.run(["cp", "-a", self.queue, self.empty], check=True)

    def vstate(self, *words):
        return self.check_exit(support.run("--root", self.root, "--qmail-dir", QMAIL, *words))

    def where(self):
        """By address: "there" or "here". The queue is empty before."""
        shutil.rmtree(self.queue)
        subprocess.run(["cp", "-a", self.empty, self.queue], check=True)
        self.new.taken.clear()
        accepted, log = mail_system.follow(self.root, QMAIL, servers.QMAIL_USERS["qmaild"],
                                           self.addresses, takes_all=False)
        self.assertEqual(accepted, ["2"] * len(self.addresses), "rcpthosts lets them in")
        self.assertEqual(log.count(": success: "), len(self.addresses), log)
        return ["there" if address in self.new.taken else "here" for address in self.addresses]

    def said(self):
        out = self.vstate("route", "--", *self.addresses).out
        return ["there" if any(end.startswith("out") for end in map(str, ends)) else "here"
                for ends in (mail_system.told(servers.parse_routes(out)[address])
                             for address in self.addresses)]

    def test_there_and_back(self):
        self.assertEqual(self.where(), ["here"] * 3)
        to = "{}:{}".format(*self.new.server_address)
        self.vstate("cutover", DOMAIN, "--to", to, "--yes")
        self.assertEqual(self.where(), ["there", "there", "here"])
        self.assertEqual(self.said(), ["there", "there", "here"])
        self.vstate("cutover", DOMAIN, "--undo", "--yes")
        self.assertEqual(self.where(), ["here"] * 3)
        self.assertEqual(self.said(), ["here"] * 3)


if __name__ == "__main__":
    support.main()
