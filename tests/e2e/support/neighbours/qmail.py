"""vadddomain and vdeldomain, which edit qmail's files (vpopmail.c: update_file, remove_lines,
del_control), and the programs of qmail that they run."""

import os
import shutil

from ..example_server import make_server
from ..formats import cdb_find
from .living import Neighbour
from .locking import GaveUp, fcntl_lock
from .vpopmail import Domain, a_hash, read, read_if_there, replace

RCPTHOSTS_LINES = 50


def sort_key(line):
    """The last two labels first (extract_domain)."""
    name = line.lstrip("+").split(":")[0].rstrip("-")
    labels = name.split(".")
    return ".".join(labels[-2:] + labels[:-2])


class Qmail:
    """The files of a server that say which domains there are."""

    def __init__(self, host):
        self.host = host

    def edit(self, path, change):
        """One lock a file, a temporary with the number of the process, and the mode only behind
        the rename; the lock of users/assign is not held over qmail-newu."""
        with fcntl_lock(path + ".lock"):
            lines = read_if_there(path).decode().splitlines(True)
            new = change(lines)
            replace(path, f"{path}.{os.getpid()}", "".join(new).encode())
        return len(lines) - len(new)

    def add_line(self, path, line):
        def insert(lines):
            kept = [other for other in lines if other != ".\n"]
            at = next((i for i, other in enumerate(kept)
                       if sort_key(other.rstrip("\n")) > sort_key(line)), len(kept))
            dot = [".\n"] if path == self.host.users("assign") else []
            return [*kept[:at], line + "\n", *kept[at:], *dot]
        self.edit(path, insert)
        os.chmod(path, 0o644)

    def remove_line(self, path, line):
        return self.edit(path, lambda lines: [other for other in lines
                                              if other.rstrip("\n") != line])

    def newu(self):
        """qmail-newu: no lock, one name of the temporary for everybody."""
        data = make_server.assign_cdb(read(self.host.users("assign")).decode())
        self.build(self.host.users("cdb.tmp"), self.host.users("cdb"), data)

    def newmrh(self):
        lines = read(self.host.control("morercpthosts")).decode().lower().splitlines()
        keys = [line.rstrip().encode() for line in lines
                if line.strip() and not line.startswith("#")]
        self.build(self.host.control("morercpthosts.tmp"), self.host.control("morercpthosts.cdb"),
                   make_server.cdb([(key, b"") for key in keys]))

    def build(self, temporary, path, data):
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)

    def accept(self, name):
        count = len(read_if_there(self.host.control("rcpthosts")).splitlines())
        file = "rcpthosts" if count < RCPTHOSTS_LINES else "morercpthosts"
        self.add_line(self.host.control(file), name)
        if file == "morercpthosts":
            self.newmrh()

    def refuse(self, name):
        """morercpthosts is looked at only where rcpthosts had no such line; an empty one goes,
        with its cdb."""
        if self.remove_line(self.host.control("rcpthosts"), name):
            os.chmod(self.host.control("rcpthosts"), 0o644)
            return
        path = self.host.control("morercpthosts")
        if not self.remove_line(path, name):
            return
        if os.path.getsize(path) == 0:
            os.unlink(path)
            os.unlink(path + ".cdb")
        else:
            os.chmod(path, 0o644)
            self.newmrh()

    def assign_line(self, name, real, directory):
        uid, gid = self.host.owner
        return f"+{name}-:{real}:{uid}:{gid}:{directory}:-::"

    def vaddaliasdomain(self, name, real):
        self.publish(name, real, self.host.find_domain(real))

    def vdelaliasdomain(self, name, real):
        self.unpublish(name, real, self.host.find_domain(real))

    def publish(self, name, real, directory):
        self.add_line(self.host.users("assign"), self.assign_line(name, real, directory))
        self.newu()
        self.accept(name)
        self.add_line(self.host.control("virtualdomains"), f"{name}:{name}")
        self.remove_line(self.host.control("locals"), name)
        os.chmod(self.host.control("locals"), 0o644)

    def unpublish(self, name, real, directory):
        self.refuse(name)
        self.remove_line(self.host.control("virtualdomains"), f"{name}:{name}")
        os.chmod(self.host.control("virtualdomains"), 0o644)
        self.remove_line(self.host.users("assign"), self.assign_line(name, real, directory))
        os.chmod(self.host.users("assign"), 0o644)
        self.newu()

    def vadddomain(self, name, password):
        directory = f"{self.host.home}/domains/{name}"
        if self.host.find_domain(name) is not None:
            raise LookupError(f"{name} is in users/cdb already")
        os.mkdir(self.host.at(directory), 0o700)
        path = self.host.at(directory) + "/.qmail-default"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"| {self.host.home}/bin/vdelivermail '' bounce-no-mailbox\n")
        self.publish(name, name, directory)
        for path in (self.host.at(directory), path):
            self.host.give(path)
        open(self.host.at(directory) + "/vpasswd", "w", encoding="utf-8").close()
        replace(self.host.at(directory) + "/vpasswd.cdb", self.host.at(directory) + "/cdb.tmp",
                make_server.vpasswd_cdb(""))
        Domain(self.host, name).vadduser("postmaster", password)

    def vdeldomain(self, name):
        directory = self.host.find_domain(name)
        if directory is None:
            raise LookupError(f"{name} is not in users/cdb")
        shutil.rmtree(self.host.at(directory))
        self.unpublish(name, name, directory)

    def places(self, name):
        """Where a name stands: each file, and what is compiled of it."""
        found = set()
        for file, line in (("rcpthosts", name), ("morercpthosts", name),
                           ("virtualdomains", f"{name}:{name}")):
            if line in read_if_there(self.host.control(file)).decode().splitlines():
                found.add(file)
        compiled = read_if_there(self.host.control("morercpthosts.cdb"))
        if compiled and cdb_find(compiled, name.encode()) is not None:
            found.add("morercpthosts.cdb")
        lines = read(self.host.users("assign")).decode().splitlines()
        if any(line.startswith(f"+{name}-:") for line in lines):
            found.add("assign")
        if self.host.find_domain(name) is not None:
            found.add("users/cdb")
        return found


EVERYWHERE = ({"assign", "users/cdb", "virtualdomains", "rcpthosts"},
              {"assign", "users/cdb", "virtualdomains", "morercpthosts", "morercpthosts.cdb"})


class Domains(Neighbour):
    """vadddomain, vaddaliasdomain, vdeldomain and qmail-newu by hand; one admin does one after the
    other, since two of them beside each other share cdb.tmp."""

    def __init__(self, server, seed, real, tools=Qmail):
        super().__init__(server, seed)
        self.qmail, self.real, self.made = tools(server), real, 0

    def step(self):
        mine = sorted(name for name, kept in self.kept.items() if kept)
        deed = self.chance.choice(["domain", "alias", "newu"]
                                  + ["delete"] * (3 if len(mine) > 3 else 0))
        name = None
        try:
            if deed == "newu":
                self.qmail.newu()
            elif deed == "delete":
                name = self.chance.choice(mine)
                if self.kept[name] == "alias":
                    self.qmail.vdelaliasdomain(name, self.real)
                else:
                    self.qmail.vdeldomain(name)
                self.kept[name] = None
            else:
                self.made += 1
                name = f"by-other-{self.made}.example"
                if deed == "alias":
                    self.qmail.vaddaliasdomain(name, self.real)
                else:
                    self.qmail.vadddomain(name, a_hash(self.made))
                self.kept[name] = deed
        except (LookupError, GaveUp, OSError) as failure:
            self.expect(False, f"{deed} {name}: {failure!r}")
        if name in self.kept:
            found = self.qmail.places(name)
            self.expect(found in EVERYWHERE if self.kept[name] else not found,
                        f"{deed} {name}: it stands in {sorted(found)}")

    def missing(self):
        words = []
        for name, kept in self.kept.items():
            found = self.qmail.places(name)
            if not (found in EVERYWHERE if kept else not found):
                words.append(f"{name} ({kept}) stands in {sorted(found)}")
            if kept == "domain" and self.server.look_up(self.server.find_domain(name),
                                                        "postmaster") is None:
                words.append(f"{name} has no postmaster")
        return words
