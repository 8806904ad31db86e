"""vpopmail's tools for accounts and aliases, on the cdb back-end (vcdb.c, vpopmail.c, backfill.c,
vpalias.c)."""

import os
import shutil

from ..example_server import make_server
from ..formats import cdb_find
from .living import Neighbour
from .locking import GaveUp, fcntl_lock


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_if_there(path):
    try:
        return read(path)
    except FileNotFoundError:
        return b""


def replace(path, temporary, data):
    """Without a sync, and with the mode of the umask until somebody changes it."""
    with open(temporary, "wb") as file:
        file.write(data)
    os.rename(temporary, path)


class MailHost:
    """A server's files as its programs find them: `owner` is the mail's."""

    def __init__(self, root, home, owner, qmail="/var/qmail"):
        self.root, self.home, self.owner, self.qmail = root, home, owner, qmail

    def at(self, path):
        return self.root + path

    def control(self, name):
        return self.at(f"{self.qmail}/control/{name}")

    def users(self, name):
        return self.at(f"{self.qmail}/users/{name}")

    def give(self, path):
        if os.geteuid() == 0:
            os.lchown(path, *self.owner)

    def find_domain(self, name):
        """The directory of a domain by users/cdb, which every tool looks into anew; None if it is
        not there."""
        data = cdb_find(read(self.users("cdb")), b"!" + name.encode() + b"-")
        return data.split(b"\0")[3].decode() if data else None

    def look_up(self, directory, user):
        """An account's fields behind its name, by vpasswd.cdb, without a lock."""
        data = cdb_find(read(self.at(directory) + "/vpasswd.cdb"), user.encode())
        return data.decode().split(":") if data is not None else None


class Domain:
    """One domain as vpopmail's library works on it."""

    def __init__(self, host, name):
        self.host, self.name = host, name

    @property
    def directory(self):
        found = self.host.find_domain(self.name)
        if found is None:
            raise LookupError(f"{self.name} is not in users/cdb")
        return found

    def path(self, name):
        return self.host.at(self.directory) + "/" + name

    def edit_accounts(self, change):
        """`change` takes the lines of vpasswd and gives others."""
        place = self.host.at(self.directory)
        with fcntl_lock(place + "/.vpasswd.lock"):
            lines = read(place + "/vpasswd").decode().splitlines(True)
            text = "".join(change(lines))
            replace(place + "/vpasswd", f"{place}/vpasswd.bak.{os.getpid()}", text.encode())
            replace(place + "/vpasswd.cdb", place + "/cdb.tmp", make_server.vpasswd_cdb(text))
            for name in ("vpasswd.cdb", ".vpasswd.lock", "vpasswd"):
                self.host.give(f"{place}/{name}")

    def set_record(self, user, fields):
        """vauth_setpw: the whole record, as the caller has read it some time ago."""
        new = ":".join([user, *fields]) + "\n"
        self.edit_accounts(lambda lines: [new if line.startswith(user + ":") else line
                                          for line in lines])

    # --- directories ---

    def count(self, more):
        """.dir-control has no lock."""
        path = self.path(".dir-control")
        text = read_if_there(path).decode() or "0\n0\n3\n0 0 0\n61 61 61\n0 2 4\n0 0 0\n\n"
        users, rest = text.split("\n", 1)
        replace(path, f"{path}.{os.getpid()}", f"{max(0, int(users) + more)}\n{rest}".encode())
        self.host.give(path)

    def take_free_directory(self):
        """The first line of .dir_control_free, which is rewritten from a copy under another name,
        or None."""
        path = self.path(".dir_control_free")
        lines = read_if_there(path).decode().splitlines()
        if not lines:
            return None
        with fcntl_lock(path + ".lock"):
            os.rename(path, path + ".bak")
            found = False
            with open(path, "w", encoding="utf-8") as file:
                os.chmod(path, 0o644)
                for line in read(path + ".bak").decode().splitlines():
                    if found or line != lines[0]:
                        file.write(line + "\n")
                    else:
                        found = True
            os.unlink(path + ".bak")
        return lines[0] if found else None

    def free_directory(self, home):
        relative = os.path.dirname(home)[len(self.directory) + 1:]
        if not relative:
            return
        path = self.path(".dir_control_free")
        with fcntl_lock(path + ".lock"), open(path, "a", encoding="utf-8") as file:
            file.write(relative + "\n")

    # --- commands ---

    def vadduser(self, user, password):
        if self.host.look_up(self.directory, user) is not None:
            raise LookupError(f"{user} exists")
        free = self.take_free_directory()
        hashed = free if free is not None else self.next_directory()
        self.count(1)
        home = "/".join(filter(None, [self.directory, hashed, user]))
        for part in ("", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"):
            os.makedirs(self.host.at(home + part), 0o700)
            self.host.give(self.host.at(home + part))
        if hashed:
            self.host.give(os.path.dirname(self.host.at(home)))
        # The clear password of builds that keep one is empty here.
        line = ":".join([user, password, "1", "0", user, home, "NOQUOTA", ""]) + "\n"

        def insert(lines):
            at = next((i for i, other in enumerate(lines) if user < other.split(":")[0]),
                      len(lines))
            return [*lines[:at], line, *lines[at:]]

        self.edit_accounts(insert)
        self.set_record(user, self.host.look_up(self.directory, user))  # the default quota
        path = self.host.at(home) + "/lastauth"
        with open(path, "w", encoding="utf-8") as file:
            file.write("0.0.0.0")
        self.host.give(path)

    def next_directory(self):
        """Where the counter leads; here it is not near its next hundred."""
        lines = read_if_there(self.path(".dir-control")).decode().split("\n")
        return lines[7] if len(lines) > 7 else ""

    def opens(self, password, stored):
        """Whether a password is the one that is stored; here what is given is the hash."""
        return password == stored

    def vpasswd(self, user, password):
        fields = self.host.look_up(self.directory, user)
        if fields is None:
            raise LookupError(f"{user} is not in vpasswd.cdb")
        self.set_record(user, [password, *fields[1:]])

    def vdeluser(self, user):
        fields = self.host.look_up(self.directory, user)
        if fields is None:
            raise LookupError(f"{user} is not in vpasswd.cdb")
        self.edit_accounts(lambda lines: [line for line in lines
                                          if not line.startswith(user + ":")])
        self.free_directory(fields[4])
        self.count(-1)
        shutil.rmtree(self.host.at(fields[4]))

    def alias_path(self, name):
        return self.path(".qmail-" + name.replace(".", ":"))

    def valias_insert(self, name, line):
        """In place, and without a lock."""
        path = self.alias_path(name)
        with open(path, "a", encoding="utf-8") as file:
            os.chmod(path, 0o600)
            self.host.give(path)
            file.write(line + "\n")

    def valias_remove(self, name, line):
        path = self.alias_path(name)
        with open(path, encoding="utf-8") as file:
            kept = [other for other in file if not other.startswith(line)]
        replace(path, path + ".new", "".join(kept).encode())
        os.chmod(path, 0o600)
        self.host.give(path)

    def valias_delete(self, name):
        os.unlink(self.alias_path(name))


def a_hash(number):
    """A password's hash in the form of MD5, each another one."""
    return f"$1$by.other${number:022d}"


class Accounts(Neighbour):
    """vadduser, vpasswd and vdeluser, for accounts of their own, and vpasswd for one that the
    operator's file has as well. Root calls them, or qmailadmin as the mail's owner."""

    def __init__(self, server, seed, domain, shared, is_owner, tools=Domain):
        super().__init__(server, seed)
        self.is_owner = is_owner
        self.domain, self.shared = tools(server, domain), shared
        self.name, self.made = f"accounts of {domain}", 0

    def step(self):
        user, password = None, a_hash(self.chance.randrange(10**9))
        mine = sorted(name for name, kept in self.kept.items() if kept and name != self.shared)
        deeds = ["password"] + ["add"] * (len(mine) < 15) + ["delete"] * (len(mine) > 3)
        deed = self.chance.choice(deeds)
        try:
            if deed == "add":
                self.made += 1
                user = f"by{os.getpid()}.{self.made}"
                self.domain.vadduser(user, password)
                self.kept[user] = password
            elif deed == "password":
                user = self.chance.choice([*mine, self.shared])
                self.domain.vpasswd(user, password)
                self.kept[user] = password
            else:
                user = self.chance.choice(mine)
                self.domain.vdeluser(user)
                self.kept[user] = None
        except (LookupError, GaveUp, OSError) as failure:
            self.expect(False, f"{deed} {user}: {failure!r}")
        self.expect(user not in self.kept or self.stands(user), f"{deed} {user} is undone")

    def stands(self, user):
        return self.has_password(self.server.look_up(self.domain.directory, user), user)

    def has_password(self, fields, user):
        """Whether the account has what was given to it last, or is not there."""
        if fields is None or self.kept[user] is None:
            return fields is None and self.kept[user] is None
        return self.domain.opens(self.kept[user], fields[0])

    def missing(self):
        place = self.server.at(self.domain.directory)
        listed = dict(line.split(":", 1) for line in read(place + "/vpasswd").decode().splitlines())
        words = []
        for user, password in self.kept.items():
            found = self.server.look_up(self.domain.directory, user)
            fields = listed[user].split(":") if user in listed else None
            if found != fields:
                words.append(f"{user}: vpasswd and vpasswd.cdb differ")
            if not self.has_password(found, user):
                words.append(f"{user}: another password, or none")
            if password and not os.path.isdir(self.server.at(fields[4] + "/Maildir/new")):
                words.append(f"{user}: no Maildir")
            if not password and os.path.exists(f"{place}/{user}"):
                words.append(f"{user}: its home is back")
        return words


class Aliases(Neighbour):
    """valias for aliases of its own."""

    def __init__(self, server, seed, domain, tools=Domain):
        super().__init__(server, seed)
        self.domain = tools(server, domain)

    def step(self):
        name = f"al{self.chance.randrange(8)}"
        line = f"&person{self.chance.randrange(10**6)}@example.org"
        lines = self.kept.get(name) or []
        if len(lines) > 3 and self.chance.random() < 0.3:
            self.domain.valias_delete(name)
            self.kept[name] = []
        elif lines and self.chance.random() < 0.4:
            gone = self.chance.choice(lines)
            self.domain.valias_remove(name, gone)
            self.kept[name] = [other for other in lines if not other.startswith(gone)]
        else:
            self.domain.valias_insert(name, line)
            self.kept[name] = [*lines, line]
        self.expect(self.stands(name), f"alias {name} is not as it was left")

    def stands(self, name):
        found = read_if_there(self.domain.alias_path(name)).decode().splitlines()
        return found == self.kept[name]

    def missing(self):
        return [f"alias {name} is not as it was left" for name in self.kept
                if not self.stands(name)]
