"""The mailbox that mail programs look at in the tests: its messages, and how they come."""

import os

from . import program, servers
from .dovecot import Account

ALICE = "alice@example.com"
DOMAIN = "example.com"


def message(number, folder="INBOX"):
    return (f"From: sender{number}@example.org\r\nTo: {ALICE}\r\nSubject: {folder} {number}\r\n"
            f"Message-ID: <{folder}.{number}@example.org>\r\n\r\n"
            f"Text of message {number}.\r\n").encode()


def home_of(server, name="alice"):
    return server.at(f"{server.directory_of(DOMAIN)}/{name}")


def deliver(server, number, name="alice"):
    """As qmail-local does: a file in `new` whose time is the message's."""
    maildir = os.path.join(home_of(server, name), "Maildir")
    path = os.path.join(maildir, "new", f"{1700000000 + number}.{number}.mx")
    with open(path, "wb") as file:
        file.write(message(number).replace(b"\r\n", b"\n"))
    os.chmod(path, 0o600)
    if program.IS_ROOT:
        os.chown(path, *servers.OWNER)
    os.utime(path, (1700000000 + 60 * number,) * 2)


def account(server):
    return Account(ALICE, home_of(server), servers.OWNER)
