"""A private sshd on loopback for the end-to-end tests. It must not know vstate."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import unittest

from .dovecot import free_port
from .program import HERE, IS_ROOT

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
KEYGEN, SSH = shutil.which("ssh-keygen"), shutil.which("ssh")
PROXY = os.path.join(HERE, "cut_proxy.py")
WAIT = 30

needs_ssh = unittest.skipUnless(SSHD and SSH and KEYGEN,
                                "sshd, ssh, or ssh-keygen is not installed")


class Sshd:
    """A private server on loopback, with a host key and a user's key of its own."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory, 0o700)
        self.port = free_port()
        for name in ("host", "user"):
            subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", self.at(name)],
                           check=True)
        shutil.copy(self.at("user.pub"), self.at("authorized"))
        self.write("server", "ListenAddress 127.0.0.1", f"HostKey {self.at('host')}",
                   f"AuthorizedKeysFile {self.at('authorized')}", "PidFile none", "UsePAM no",
                   "StrictModes no", "PasswordAuthentication no", "PermitRootLogin yes",
                   "MaxStartups 100")
        with open(self.at("host.pub"), encoding="ascii") as public:
            self.write("known", f"[127.0.0.1]:{self.port} {public.read()}")
        client = ("Host *", f"Port {self.port}", f"User {pwd.getpwuid(os.geteuid()).pw_name}",
                  f"IdentityFile {self.at('user')}", "IdentitiesOnly yes", "BatchMode yes",
                  f"UserKnownHostsFile {self.at('known')}", "StrictHostKeyChecking yes",
                  "LogLevel ERROR")
        self.write("client", *client)
        self.write("client-by-proxy", *client, f"ProxyCommand {sys.executable} {PROXY} %h %p")
        if IS_ROOT:
            # Where its unprivileged half is locked in; an init script makes it on a mail server.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.start()

    def start(self):
        with open(self.at("log"), "wb") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", self.at("server"), "-p", str(self.port)], stderr=log,
                stdin=subprocess.DEVNULL)
        self.wait()

    def at(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, *lines):
        with open(self.at(name), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def wait(self):
        end = time.monotonic() + WAIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        with open(self.at("log"), encoding="utf-8") as log:
            raise AssertionError(f"sshd did not start:\n{log.read()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(WAIT)

    def restart(self, *lines):
        """With other settings, the same keys, and the same port."""
        self.stop()
        with open(self.at("server"), "a", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        self.start()


class WithSshd:
    """Mixed into a test case that has a directory: an sshd for each test."""

    def setUp(self):
        super().setUp()
        self.sshd = Sshd(os.path.join(self.directory, "ssh"))
        self.addCleanup(self.sshd.stop)
