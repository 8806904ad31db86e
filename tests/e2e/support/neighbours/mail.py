"""What changes Maildirs: vdelivermail with its quota counter (vdelivermail.c, maildirquota.c), and
the IMAP servers with their lists of UIDs."""

import contextlib
import os
import socket
import time

from .living import Neighbour
from .locking import dot_lock
from .vpopmail import read, read_if_there

HOST = socket.gethostname()[:32] or "localhost"
COUNTER_BYTES = 5120


def unique(name):
    return name.partition(":")[0]


class Maildir:
    def __init__(self, path):
        self.path = path

    def at(self, *parts):
        return "/".join([self.path, *parts])

    def listed(self, place):
        return sorted(name for name in os.listdir(self.at(place)) if not name.startswith("."))

    def usage(self):
        """Bytes and messages as docount counts them."""
        sizes = []
        folders = [name for name in os.listdir(self.path)
                   if name.startswith(".") and os.path.isdir(self.at(name, "cur"))]
        for folder in (".", *folders):
            for part in ("new", "cur"):
                for name in self.listed(f"{folder}/{part}"):
                    if "T" in name.partition(":2,")[2]:
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        sizes.append(os.stat(self.at(folder, part, name)).st_size)
        return sum(sizes), len(sizes)

    def counted(self):
        """What maildirsize says; None without one."""
        lines = read_if_there(self.at("maildirsize")).decode().splitlines()[1:]
        pairs = [tuple(map(int, line.split())) for line in lines]
        return (sum(a for a, _ in pairs), sum(b for _, b in pairs)) if pairs else None

    def check_quota(self, quota):
        """A counter that is missing or long is made anew, beside it, and renamed."""
        path = self.at("maildirsize")
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_size < COUNTER_BYTES:
                return
            os.unlink(path)
        size, count = self.usage()
        beside = self.at("tmp", f"{int(time.time())}.{os.getpid()}_NeWmAiLdIrSiZe.{HOST}")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(f"{quota}\n{size} {count}\n")
        os.rename(beside, path)

    def add_quota(self, size, count):
        """One write to the end of the file."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self.at("maildirsize"), os.O_WRONLY | os.O_APPEND)
            os.write(descriptor, f"{size} {count}\n".encode())
            os.close(descriptor)


class Deliveries(Neighbour):
    """vdelivermail as qmail-local starts it, into the Maildirs of some accounts."""

    is_owner = True

    def __init__(self, server, seed, homes, quotas=()):
        super().__init__(server, seed)
        self.homes, self.quotas, self.sent = homes, dict(quotas), 0

    def step(self):
        home = self.chance.choice(self.homes)
        maildir, quota = Maildir(self.server.at(home) + "/Maildir"), self.quotas.get(home)
        self.sent += 1
        body = f"Subject: {self.sent}\n\n{'x' * self.chance.randrange(2000)}\n".encode()
        name = f"{int(time.time())}.{os.getpid()}_{self.sent}.{HOST},S={len(body)}"
        if quota:
            maildir.check_quota(quota)
        descriptor = os.open(maildir.at("tmp", name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.link(maildir.at("tmp", name), maildir.at("new", name))
        os.unlink(maildir.at("tmp", name))
        if quota:
            maildir.add_quota(len(body), 1)
        self.kept[name] = (home, body)

    def missing(self):
        words = []
        for name, (home, body) in self.kept.items():
            maildir = Maildir(self.server.at(home) + "/Maildir")
            found = [read(os.path.join(place, file))
                     for place, _, files in os.walk(maildir.path) for file in files
                     if unique(file) == name]
            if found != [body]:
                words.append(f"{name} in {home}: {len(found)} copies, "
                             f"{found.count(body)} of them whole")
        return words


class Imap(Neighbour):
    """What a person does by IMAP in one mailbox: reads, flags, moves and deletes messages that came
    since, while the server keeps a list of UIDs of its own.

    kept  the flags of a message by its unique name and the folder it is in, None for a deleted one
    """

    is_owner = True
    folder = ".Kept"

    def __init__(self, server, seed, home):
        super().__init__(server, seed)
        self.maildir, self.uids, self.appended = Maildir(server.at(home) + "/Maildir"), {}, 0

    def step(self):
        self.make_folder()
        with self.session():
            self.take_new()
            mine = sorted(name for name, kept in self.kept.items() if kept)
            deed = self.chance.choice(["append", "flag", "move", "delete"])
            if deed == "append" or len(mine) < 5:
                self.append()
                return
            name = self.chance.choice(mine)
            folder, flags = self.kept[name]
            path = self.find(name, folder)
            if path is None:
                self.expect(False, f"{name} is not in {folder or 'INBOX'}")
            elif deed == "delete":
                os.unlink(path)
                self.kept[name] = None
            elif deed == "flag":
                flags = "".join(sorted(set(flags) ^ {self.chance.choice("DFRS")}))
                os.rename(path, f"{path.partition(':2,')[0]}:2,{flags}")
                self.kept[name] = (folder, flags)
            else:
                other = "" if folder else self.folder
                os.rename(path, self.maildir.at(other or ".", "cur", os.path.basename(path)))
                self.kept[name] = (other, flags)

    def make_folder(self):
        if not os.path.isdir(self.maildir.at(self.folder)):
            for part in ("", "cur", "new", "tmp"):
                os.mkdir(self.maildir.at(self.folder, part), 0o700)

    def append(self):
        self.appended += 1
        name = f"{int(time.time())}.M{self.appended}P{os.getpid()}.{HOST}"
        with open(self.maildir.at("tmp", name), "wb") as file:
            file.write(f"Subject: {name}\n\n".encode())
        os.rename(self.maildir.at("tmp", name), self.maildir.at("cur", name + ":2,S"))
        self.kept[name] = ("", "S")

    def take_new(self):
        """What is in new goes to cur."""
        for name in self.maildir.listed("new"):
            os.rename(self.maildir.at("new", name), self.maildir.at("cur", name + ":2,"))

    def find(self, name, folder):
        place = self.maildir.at(folder or ".", "cur")
        return next((f"{place}/{file}" for file in os.listdir(place) if unique(file) == name),
                    None)

    def session(self):
        """Rewrites the list of UIDs of the INBOX for what is in it behind the work."""
        raise NotImplementedError

    def number(self, text):
        """The lines of the list, with those of new messages; each known UID must be there still."""
        found = dict(reversed(line.split(" ", 1)) for line in text.splitlines()[1:])
        for name, uid in self.uids.items():
            self.expect(found.get(name) == uid, f"UID {uid} of {name} is {found.get(name)}")
        return found

    def missing(self):
        words = []
        for name, kept in self.kept.items():
            there = [(os.path.relpath(place, self.maildir.path), file)
                     for place, _, files in os.walk(self.maildir.path) for file in files
                     if unique(file) == name]
            wanted = [(f"{kept[0] or '.'}/cur".removeprefix("./"),
                       f"{name}:2,{kept[1]}")] if kept else []
            if there != wanted:
                words.append(f"{name} stands as {there}, not {wanted}")
        return words


class DovecotServer(Imap):
    """dovecot-uidlist under its dotlock, which becomes the file, or is given up after lines were
    added to the file itself (maildir-uidlist.c)."""

    @contextlib.contextmanager
    def session(self):
        yield
        path = self.maildir.at("dovecot-uidlist")
        with dot_lock(path) as lock:
            text = read_if_there(path).decode()
            found = self.number(text)
            following = max([0, *map(int, found.values())]) + 1
            there = {":" + unique(name) for name in self.maildir.listed("cur")}
            new = sorted(there - set(found))
            gone = set(found) - there
            numbers = {name: str(following + i) for i, name in enumerate(new)}
            if text and new and not gone:
                with open(path, "a", encoding="utf-8") as file:
                    file.write("".join(f"{uid} {name}\n" for name, uid in numbers.items()))
                    file.flush()
                    os.fsync(file.fileno())
            elif new or gone:
                kept = {name: uid for name, uid in found.items() if name not in gone}
                head = (text or "3 V1700000000 N1 Gfeed").split("\n", 1)[0].split()
                head[2] = f"N{following + len(new)}"
                with open(lock, "w", encoding="utf-8") as file:
                    file.write(" ".join(head) + "\n" + "".join(
                        f"{uid} {name}\n" for name, uid in {**kept, **numbers}.items()))
                os.rename(lock, path)
            self.uids = {**{name: uid for name, uid in found.items() if name in there}, **numbers}


class CourierServer(Imap):
    """courierimapuiddb, written beside and renamed, under the lock of the Maildir that vstate does
    not see (imapscanclient.c)."""

    @contextlib.contextmanager
    def session(self):
        with dot_lock(self.maildir.at("tmp/courier")):
            yield
            path = self.maildir.at("courierimapuiddb")
            text = read_if_there(path).decode() or "1 1700000000 1\n"
            found = self.number(text)
            there = {unique(name) for name in self.maildir.listed("cur")}
            following = int(text.split("\n", 1)[0].split()[2])
            numbers = {name: uid for name, uid in found.items() if name in there}
            for name in sorted(there - set(found)):
                numbers[name] = str(following)
                following += 1
            if numbers != found:
                beside = self.maildir.at("tmp", f"{int(time.time())}.imapuid_{os.getpid()}.{HOST}")
                with open(beside, "w", encoding="utf-8") as file:
                    file.write(f"1 {text.split()[1]} {following}\n")
                    file.write("".join(f"{uid} {name}\n" for name, uid in numbers.items()))
                os.rename(beside, path)
            self.uids = numbers
