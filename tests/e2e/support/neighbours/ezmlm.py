"""ezmlm-sub, ezmlm-unsub and what reads all subscribers of a list (db/sub-std.c)."""

import os
import time

from ..example_server import make_server
from .living import Neighbour, Reader
from .locking import flock_lock
from .vpopmail import read_if_there

BUCKETS = [chr(64 + number) for number in range(53)]


class List:
    """A list's directory on this machine, with a rule of 64 bits."""

    def __init__(self, directory):
        self.directory = directory

    def file(self, name):
        return f"{self.directory}/subscribers/{name}"

    def change(self, address, is_added):
        """Rewrites the file of the address under the list's lock, which is waited for without an
        end."""
        name, record = make_server.bucket(address), f"T{address}".encode()
        with flock_lock(self.directory + "/lock"):
            records = [one for one in read_if_there(self.file(name)).split(b"\0") if one]
            is_there = record.lower() in [one.lower() for one in records]
            if is_added and not is_there:
                records.append(record)
            elif not is_added:
                records = [one for one in records if one.lower() != record.lower()]
            # The name of the temporary is that of the file with an n behind it, for everybody.
            with open(self.file(name + "n"), "wb") as file:
                file.write(b"".join(one + b"\0" for one in records))
                file.flush()
                os.fsync(file.fileno())
            os.rename(self.file(name + "n"), self.file(name))
            with open(self.directory + "/Log", "a", encoding="utf-8") as log:
                log.write(f"{int(time.time())} {'+' if is_added else '-'}manual {address}\n")
        return is_there

    def has(self, address):
        """ezmlm-issubn, without a lock."""
        found = read_if_there(self.file(make_server.bucket(address))).split(b"\0")
        return f"T{address}".encode() in found

    def members(self):
        found = []
        for name in BUCKETS:
            data = read_if_there(self.file(name))
            found += [one[1:].decode() for one in data.split(b"\0") if one]
            if data and not data.endswith(b"\0"):
                found.append(f"torn file {name}")
        return found


class Subscribers(Neighbour):
    """ezmlm-sub and ezmlm-unsub, which often find the list locked and wait."""

    is_owner = True

    def __init__(self, server, seed, directory, tools=List):
        super().__init__(server, seed)
        self.list, self.seed = tools(directory), seed

    def step(self):
        address = f"reader{self.chance.randrange(60)}@{self.seed}.example.org"
        was_there = self.list.change(address, not self.kept.get(address))
        self.expect(was_there == bool(self.kept.get(address)), f"{address} was undone")
        self.kept[address] = not self.kept.get(address)

    def missing(self):
        there = self.list.members()
        return [f"{address}: {there.count(address)} times on the list, not {int(kept)}"
                for address, kept in self.kept.items() if there.count(address) != int(kept)]


class Sender(Reader):
    """ezmlm-send: holds the list's lock while it reads all subscribers and sends."""

    is_owner, pause = True, 0.1

    def __init__(self, server, seed, directory, always):
        super().__init__(server, seed)
        self.list, self.always = List(directory), set(always)

    def step(self):
        with flock_lock(self.list.directory + "/lock"):
            members = self.list.members()
            self.expect(self.always <= set(members), f"{self.always - set(members)} got no mail")
            self.expect(len(members) == len(set(members)), "somebody would get it twice")
            time.sleep(0.02)
