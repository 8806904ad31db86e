"""A private Dovecot for the end-to-end tests: IMAP and POP3 on loopback ports of its own, accounts
from a file, everything it writes besides the Maildirs in one directory. It does not touch the
system's Dovecot, its configuration, or its mail. It must not know vstate.

As root, sessions run with the account's owner, as on a vpopmail server; otherwise all runs as
the caller. Dovecot 2.3 (Debian 12) and 2.4 (Debian 13) have other words for the same settings.
"""

import getpass
import grp
import imaplib
import os
import poplib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from .program import IS_ROOT

PASSWORD = "correct horse"


def program():
    """Dovecot with both protocols, or None."""
    found = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    modules = [f"/usr/lib/dovecot/{name}" for name in ("imap", "pop3")]
    return found if found and all(map(os.path.exists, modules)) else None


needs_dovecot = unittest.skipUnless(program(), "dovecot-imapd and dovecot-pop3d are not installed")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Account:
    """A login, the home whose Maildir it opens, who owns that, and the password as Dovecot stores
    it."""

    def __init__(self, name, home, owner, password=f"{{PLAIN}}{PASSWORD}"):
        self.name, self.home, self.owner, self.password = name, home, owner, password


class Dovecot:
    """A running server: `with Dovecot([Account(…)]) as server: server.imap(name)`.

    prefix  what names of folders begin with for clients: "" or, as with Courier, "INBOX."
    inbox   of a server with mboxes: where the INBOX is, with %u for the login; folders are in
            ~/mail
    """

    def __init__(self, accounts, prefix="", inbox=None):
        self.accounts, self.prefix, self.inbox = accounts, prefix, inbox
        self.directory = self.process = None

    def __enter__(self):
        # Paths of sockets are short: the directory is not below the test's own.
        self.directory = tempfile.mkdtemp(prefix="vstate-dovecot-")
        os.chmod(self.directory, 0o755)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        with open(self.path("users"), "w", encoding="utf-8") as file:
            for one in self.accounts:
                uid, gid = one.owner
                file.write(f"{one.name}:{one.password}:{uid}:{gid}::{one.home}::\n")
        os.chmod(self.path("users"), 0o644)
        for _ in range(5):  # another process may take a port between the choice and the use
            self.imap_port, self.pop3_port = free_port(), free_port()
            with open(self.path("dovecot.conf"), "w", encoding="utf-8") as file:
                file.write(self.configuration())
            with open(self.path("output"), "ab") as output:
                self.process = subprocess.Popen(
                    [program(), "-F", "-c", self.path("dovecot.conf")], stdin=subprocess.DEVNULL,
                    stdout=output, stderr=output, start_new_session=True)
            if self.is_answering():
                return
            self.end_process()
        raise RuntimeError("Dovecot does not start:\n" + self.log())

    def is_answering(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                for port in (self.imap_port, self.pop3_port):
                    socket.create_connection(("127.0.0.1", port), 5).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def configuration(self):
        version = re.match(r"(\d+)\.(\d+)", subprocess.run(
            [program(), "--version"], capture_output=True, text=True, check=True).stdout)
        is_new = (int(version[1]), int(version[2])) >= (2, 4)
        me = getpass.getuser() if not IS_ROOT else None
        lines = [
            f"dovecot_config_version = {version[0]}.0\ndovecot_storage_version = {version[0]}.0"
            if is_new else "",
            "protocols = imap pop3", "listen = 127.0.0.1", "ssl = no",
            f"base_dir = {self.path('run')}", f"state_dir = {self.path('state')}",
            f"log_path = {self.path('log')}",
            # vpopmail's number is below what Dovecot takes for a person's.
            "first_valid_uid = 1", "first_valid_gid = 1",
            f"default_internal_user = {me}\ndefault_login_user = {me}\n"
            f"default_internal_group = {grp.getgrgid(os.getegid()).gr_name}" if me else "",
            "auth_allow_cleartext = yes" if is_new else "disable_plaintext_auth = no",
            self.location(is_new),
            self.users("passdb", is_new), self.users("userdb", is_new),
            "namespace inbox {\n  inbox = yes\n"
            f"  separator = {'/' if self.inbox else '.'}\n"
            f"  prefix = {self.prefix}\n}}",
        ]
        for name, port in (("imap", self.imap_port), ("pop3", self.pop3_port)):
            chroot = "" if IS_ROOT else "  chroot =\n"
            lines.append(f"service {name}-login {{\n{chroot}"
                         f"  inet_listener {name} {{\n    port = {port}\n  }}\n"
                         f"  inet_listener {name}s {{\n    port = 0\n  }}\n}}")
        if me:
            lines.append("service anvil {\n  chroot =\n}")
        return "\n".join(lines) + "\n"

    def location(self, is_new):
        if not self.inbox:
            return "mail_driver = maildir\nmail_path = ~/Maildir" if is_new \
                else "mail_location = maildir:~/Maildir"
        if is_new:
            inbox = self.inbox.replace("%u", "%{user}")
            return f"mail_driver = mbox\nmail_path = ~/mail\nmail_inbox_path = {inbox}"
        return f"mail_location = mbox:~/mail:INBOX={self.inbox}"

    def users(self, kind, is_new):
        if is_new:
            return f"{kind} passwd-file {{\n  passwd_file_path = {self.path('users')}\n}}"
        return f"{kind} {{\n  driver = passwd-file\n  args = {self.path('users')}\n}}"

    def log(self):
        text = ""
        for name in ("output", "log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def end_process(self):
        """The master ends its children when it is asked to end; all are in its process group."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def stop(self):
        self.end_process()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def imap(self, name, password=PASSWORD):
        session = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=60)
        session.login(name, password)
        return session

    def pop3(self, name):
        session = poplib.POP3("127.0.0.1", self.pop3_port, timeout=60)
        session.user(name)
        session.pass_(PASSWORD)
        return session


def quoted(folder):
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def good(answer):
    """The data of an imaplib answer; anything but OK is an error."""
    status, data = answer
    if status != "OK":
        raise RuntimeError(f"{status} {data}")
    return data


def listed(lines):
    """The folders that LIST or LSUB names and that can be opened, sorted."""
    out = []
    for line in lines:
        if line is None:
            continue
        flags, name = re.match(r'\(([^)]*)\) (?:"[^"]*"|NIL) (.*)$', line.decode()).groups()
        if "\\noselect" not in flags.lower() and "\\nonexistent" not in flags.lower():
            out.append(name.strip('"'))
    return sorted(out)


def messages_of(session, folder):
    """What IMAP says of each message: {uid: (flags, internal date, size, bytes)}. \\Recent belongs
    to a session and not to the message."""
    good(session.select(quoted(folder), readonly=True))
    out, items = {}, "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"
    for part in good(session.uid("FETCH", "1:*", items)):
        if not isinstance(part, tuple):
            continue
        head = part[0].decode()
        flags = re.search(r"FLAGS \(([^)]*)\)", head)[1].split()
        out[int(re.search(r"UID (\d+)", head)[1])] = (
            sorted(flag for flag in flags if flag != "\\Recent"),
            re.search(r'INTERNALDATE "([^"]*)"', head)[1],
            int(re.search(r"RFC822.SIZE (\d+)", head)[1]), part[1])
    return out


def mailbox_state(session):
    """All that a client could notice of a mailbox: folders, their numbers, their messages, and
    subscriptions."""
    state = {"subscribed": listed(good(session.lsub('""', "*"))), "folders": {}}
    for folder in listed(good(session.list('""', "*"))):
        status = good(session.status(quoted(folder), "(MESSAGES UIDVALIDITY UIDNEXT UNSEEN)"))
        numbers = re.search(r"\(([^()]*)\)$", status[0].decode())[1].split()
        state["folders"][folder] = {
            **{key: int(value) for key, value in zip(numbers[::2], numbers[1::2])},
            "messages": messages_of(session, folder)}
    return state


def pop3_state(session):
    """(UIDL, bytes) of each message, in the order of the list."""
    out = []
    for line in session.uidl()[1]:
        number, uidl = line.decode().split(" ", 1)
        out.append((uidl, b"\n".join(session.retr(int(number))[1])))
    return out
