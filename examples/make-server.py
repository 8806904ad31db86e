#!/usr/bin/env python3
"""make-server.py TREE ROOT  lays out an example mail server below ROOT.

TREE (old-server, empty-server) is what git can keep of a server. This adds the rest: owners,
modes, times, links, and empty directories, from TREE/MANIFEST; the Maildirs of all accounts;
users/cdb and each vpasswd.cdb; and the hashed subscriber files of a list, from files named
ADDRESSES. Run by somebody else than root, all belongs to that user, whose numbers then stand in
users/assign and etc/passwd as well.
"""
import datetime
import os
import re
import shutil
import struct
import sys
from pathlib import Path

WRITTEN = datetime.datetime(2025, 11, 3, 12, tzinfo=datetime.UTC).timestamp()


# --- formats ------------------------------------------------------------------------------------

def cdb(records):
    """The bytes of a cdb with these (key, data) pairs of bytes, as djb's cdbmake lays it out."""
    body, tables = b"", [[] for _ in range(256)]
    for key, data in records:
        value = 5381
        for byte in key:
            value = (value * 33 & 0xFFFFFFFF) ^ byte
        tables[value % 256].append((value, 2048 + len(body)))
        body += struct.pack("<II", len(key), len(data)) + key + data
    header = b""
    for table in tables:
        size = 2 * len(table)
        header += struct.pack("<II", 2048 + len(body), size)
        slots = [(0, 0)] * size
        for value, position in table:
            at = value // 256 % size
            while slots[at][1]:
                at = (at + 1) % size
            slots[at] = (value, position)
        body += b"".join(struct.pack("<II", *slot) for slot in slots)
    return header + body


def assign_cdb(assign):
    """users/cdb as qmail-newu makes it of users/assign."""
    records, lasts = [], b""
    for line in assign.encode().splitlines():
        if line.startswith(b"."):
            break
        key, *fields = line[1:].split(b":")
        if line.startswith(b"+"):
            # The key is put in lower case, but not its last byte in this list.
            if key and key[-1:] not in lasts:
                lasts += key[-1:]
        else:
            key += b"\0"
        records.append((b"!" + key.lower(), b"\0".join(fields[:6])))
    return cdb(records + [(b"", lasts)])


def vpasswd_cdb(vpasswd):
    return cdb(tuple(line.split(b":", 1)) for line in vpasswd.encode().splitlines())


def bucket(address):
    """The name of the subscriber file that holds an address, by ezmlm-idx 7.2.2 on 64 bits."""
    value = 5381
    for byte in b"T" + address.lower().encode():
        value = (value * 33 & 0xFFFFFFFFFFFFFFFF) ^ byte
    return chr(64 + value % 53)


# --- laying out ---------------------------------------------------------------------------------

class Server:
    def __init__(self, tree, root):
        self.tree, self.root = tree, root
        account = next(line.split(":") for line in (tree / "etc/passwd").read_text().splitlines()
                       if line.startswith("vpopmail:"))
        self.in_tree = (int(account[2]), int(account[3]))
        self.owner = self.in_tree if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        self.home = root / account[5].lstrip("/")

    def make(self):
        shutil.copytree(self.tree, self.root, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("MANIFEST"))
        times = self.follow_manifest()
        self.make_maildirs()
        self.make_lists()
        self.make_accounts()
        self.set_modes_and_owners()
        self.set_times(times)

    def follow_manifest(self):
        times = {}
        for line in (self.tree / "MANIFEST").read_text().splitlines():
            word, *rest = line.split() or ["#"]
            if word == "program":
                for path in map(self.root.joinpath, rest):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text("#!/bin/sh\necho 'an example, not the program' >&2\nexit 111\n")
                    path.chmod(0o755)
            elif word == "dir":
                for path in rest:
                    (self.root / path).mkdir(parents=True, exist_ok=True)
            elif word == "link":
                (self.root / rest[0]).symlink_to(rest[1])
            elif word == "time":
                moment = datetime.datetime.fromisoformat(rest[1].replace("Z", "+00:00"))
                times[self.root / rest[0]] = moment.timestamp()
            elif word != "#":
                sys.exit(f"{self.tree}/MANIFEST: unknown word {word}")
        return times

    def make_maildirs(self):
        """An account's Maildir and each folder in it have all three sub-directories."""
        for vpasswd in self.home.glob("domains/**/vpasswd"):
            for line in vpasswd.read_text().splitlines():
                maildir = self.root / line.split(":")[5].lstrip("/") / "Maildir"
                for folder in [maildir, *maildir.glob(".*/")]:
                    for part in ("cur", "new", "tmp"):
                        if folder == maildir or folder.is_dir():
                            (folder / part).mkdir(parents=True, exist_ok=True)

    def make_lists(self):
        for plain in self.home.glob("domains/**/subscribers/ADDRESSES"):
            for address in plain.read_text().split():
                local, host = address.rsplit("@", 1)
                stored = f"T{local}@{host.lower()}\0"
                with open(plain.parent / bucket(address), "a", encoding="utf-8") as file:
                    file.write(stored)
            plain.unlink()

    def make_accounts(self):
        users = self.root / "var/qmail/users"
        if self.owner != self.in_tree:
            in_tree, owner = (f":{uid}:{gid}:" for uid, gid in (self.in_tree, self.owner))
            for path in (users / "assign", self.root / "etc/passwd"):
                path.write_text(path.read_text().replace(in_tree, owner))
        (users / "cdb").write_bytes(assign_cdb((users / "assign").read_text()))
        for vpasswd in self.home.glob("domains/**/vpasswd"):
            (vpasswd.parent / "vpasswd.cdb").write_bytes(vpasswd_cdb(vpasswd.read_text()))
            (vpasswd.parent / ".vpasswd.lock").touch()

    def set_modes_and_owners(self):
        domains = self.home / "domains"
        for path in [self.root, *self.root.rglob("*")]:
            is_private = domains == path or domains in path.parents
            if not path.is_symlink():
                is_executable = path.is_dir() or path.stat().st_mode & 0o100
                mode = 0o755 if is_executable else 0o644
                path.chmod(mode & 0o700 if is_private else mode)
            if os.geteuid() == 0:
                is_vpopmail = self.home == path or self.home in path.parents
                os.chown(path, *(self.owner if is_vpopmail else (0, 0)), follow_symlinks=False)

    def set_times(self, times):
        for path in sorted(self.root.rglob("*"), reverse=True):  # a directory after what is in it
            message = re.match(r"(\d{9,10})\.[^/]*,S=\d+(:2,\w*)?$", path.name)
            moment = times.get(path, float(message[1]) if message else WRITTEN)
            os.utime(path, (moment, moment), follow_symlinks=False)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make-server.py TREE ROOT")
    tree = Path(sys.argv[1])
    if not tree.is_dir():
        tree = Path(__file__).resolve().parent / sys.argv[1]
    Server(tree, Path(sys.argv[2])).make()


if __name__ == "__main__":
    main()
