"""What looks something up without a lock, at any moment: it must find it, and whole."""

import os

from ..example_server import make_server
from ..formats import cdb_find
from .ezmlm import List
from .living import Reader
from .vpopmail import read


class Logins(Reader):
    """vchkpw: one account by vpasswd.cdb, and the time of the login. Where root calls vpopmail's
    tools, only root reads at every moment: they give vpasswd.cdb away behind its rename."""

    def __init__(self, server, seed, directory, users, is_owner):
        super().__init__(server, seed)
        self.directory, self.users, self.is_owner = directory, users, is_owner

    def step(self):
        user = self.chance.choice(self.users)
        try:
            fields = self.server.look_up(self.directory, user)
        except (OSError, ValueError, IndexError) as failure:
            self.expect(False, f"vpasswd.cdb: {failure!r}")
            return
        is_right = fields is not None and len(fields) in (6, 7) and fields[4].endswith("/" + user)
        self.expect(is_right, f"{user} is {fields} in vpasswd.cdb of {self.directory}")
        if is_right:
            address = f"192.0.2.{self.chance.randrange(255)}"
            path = self.server.at(fields[4]) + "/lastauth"
            with open(path, "w", encoding="utf-8") as file:
                file.write(address)
            self.server.give(path)
            self.kept[fields[4]] = address

    def missing(self):
        return [f"{home}: the last login is another one" for home, address in self.kept.items()
                if read(self.server.at(home) + "/lastauth").decode() != address]


class Routes(Reader):
    """qmail-lspawn by users/cdb, qmail-smtpd by rcpthosts and morercpthosts.cdb, qmail-send by
    virtualdomains."""

    def __init__(self, server, seed, domains):
        super().__init__(server, seed)
        self.domains = domains  # name: directory

    def step(self):
        name = self.chance.choice(sorted(self.domains))
        try:
            found = self.server.find_domain(name)
            self.expect(found == self.domains[name], f"{name} is {found} in users/cdb")
            wildcards = cdb_find(read(self.server.users("cdb")), b"")
            self.expect(wildcards == b"-", f"users/cdb has the wildcards {wildcards}")
            self.has_line("rcpthosts", name)
            self.has_line("virtualdomains", f"{name}:{name}")
            self.has_line("locals", "localhost")
        except (OSError, ValueError, IndexError) as failure:
            self.expect(False, repr(failure))

    def has_line(self, file, line):
        text = read(self.server.control(file)).decode()
        self.expect(line in text.splitlines(), f"{file} is without {line}")
        self.expect(text.endswith("\n"), f"{file} is torn")


class Texts(Reader):
    """qmail-local, ezmlm and vlimits: each file is one of those that were ever meant."""

    is_owner = True

    def __init__(self, server, seed, texts):
        super().__init__(server, seed)
        self.texts = texts  # path: what may be in it

    def step(self):
        path = self.chance.choice(sorted(self.texts))
        try:
            text = read(self.server.at(path)).decode()
        except OSError as failure:
            self.expect(False, repr(failure))
            return
        self.expect(text in self.texts[path], f"{path} holds {text!r}")


class Members(Reader):
    """ezmlm-issubn for people who are on the list all the time."""

    is_owner = True

    def __init__(self, server, seed, directory, always):
        super().__init__(server, seed)
        self.list, self.always = List(directory), sorted(always)

    def step(self):
        address = self.chance.choice(self.always)
        self.expect(self.list.has(address), f"{address} is not in {make_server.bucket(address)}")
        name = self.list.file(make_server.bucket(address))
        data = read(name) if os.path.exists(name) else b""
        self.expect(data.endswith(b"\0"), f"{name} is torn")
