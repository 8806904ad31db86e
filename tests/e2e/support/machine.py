"""A machine without vpopmail, below a directory: people in etc/passwd, homes, a spool of mboxes. It
must not know vstate."""

import os
import time

from . import formats, program, servers

#: Whose homes are, where files can be given away.
PERSON = (1000, 1000) if program.IS_ROOT else (os.geteuid(), os.getegid())


def crypt(password):
    """As shadow holds it."""
    return formats.crypt(password, "$6$saltsalt$")


def from_line(stamp, sender="joe@example.org"):
    return f"From {sender} {time.asctime(time.gmtime(stamp))}\n".encode()


def quoted(text):
    """As qmail-local does: each line that begins like a From_ line, quoted or not."""
    return b"".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line
                    for line in text.splitlines(keepends=True))


def by_qmail_local(stamp, text, name="alice"):
    """One message in ~/Mailbox, and the bytes that were delivered."""
    text = b"Return-Path: <joe@example.org>\nDelivered-To: " + name.encode() + b"\n" + text
    return from_line(stamp) + quoted(text) + b"\n", text


class Machine(servers.Server):
    def __init__(self, root):
        super().__init__(root)
        servers.make_directories(root)
        os.chmod(root, 0o755)
        self.people, self.hashes = ["root:x:0:0:root:/root:/bin/sh"], ["root:*:1::::::"]
        servers.make_directories(self.at("/var/mail"))
        os.chmod(self.at("/var/mail"), 0o1777)

    def add(self, name, password="*", uid=1000, gecos=None):
        """A person with a home."""
        gecos = f"{name.capitalize()} Example,,," if gecos is None else gecos
        self.people.append(f"{name}:x:{uid}:1000:{gecos}:/home/{name}:/bin/sh")
        self.hashes.append(f"{name}:{password}:12345:0:99999:7:::")
        home = self.at(f"/home/{name}")
        servers.make_directories(home)
        if program.IS_ROOT:
            os.chown(home, *PERSON)
        self.save()
        return home

    def save(self):
        self.write("/etc/passwd", "".join(line + "\n" for line in self.people))
        self.write("/etc/shadow", "".join(line + "\n" for line in self.hashes), mode=0o600)

    def put(self, path, data):
        """A file of a person's."""
        place = self.write(path, data, mode=0o600, owner=PERSON)
        above = os.path.dirname(place)
        while program.IS_ROOT and above.startswith(self.at("/home/")) and \
                above != self.at("/home"):
            os.chown(above, *PERSON)
            above = os.path.dirname(above)
        return place
