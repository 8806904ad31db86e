"""Servers as they really are: what people, disks and twenty years left on them.

`SERVERS` are the servers that there are: the example, and a domain of each capture that is there.
`Untidy` puts some blemishes on one of them, chosen by a seed.
"""

import dataclasses
import os
import random
import re
import shutil
import socket
import subprocess

from . import captures, disturb, program, servers
from .domains import MD5
from .reading import Root


@dataclasses.dataclass(frozen=True)
class Place:
    """A server with a domain that moves. All else that it has is looked up in its tree."""

    name: str
    domain: str
    home: str = "/home/vpopmail"
    qmail: str = "/var/qmail"
    #: The vpopmail versions that can hold the domain.
    versions: tuple = ("5.4", "5.6")

    def make(self, root):
        """Lays it out below `root`: of a capture what concerns the domain, and the line of
        /etc/passwd, which captures do not have."""
        if self.name == "example":
            disturb.make_example("old-server", root)
            return
        capture = os.path.join(captures.CAPTURES, self.name)
        home, qmail = self.home.lstrip("/"), self.qmail.lstrip("/")
        subprocess.run(["cp", "-a", "--parents", f"{home}/etc", f"{home}/domains/{self.domain}",
                        f"{qmail}/control", f"{qmail}/users", root], cwd=capture, check=True)
        servers.Server(root).write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nvpopmail:x:"
                                   f"{servers.OWNER[0]}:{servers.OWNER[1]}::{self.home}:/bin/sh\n")

    def options(self, prefix="--"):
        """What the program is told of the server; the rest it finds."""
        return [] if self.qmail == "/var/qmail" else [f"{prefix}qmail-dir", self.qmail]


EXAMPLE = Place("example", "example.com")
CAPTURED = (Place("vp54-cdb", "acme.example", "/opt/real/vp54", "/opt/real/q54"),
            # Names of 63 characters are more than 5.4 takes.
            Place("vp56-cdb", "firma.example", "/opt/real/vp56", "/opt/real/q56", ("5.6",)))
#: Owners of files are part of a capture.
SERVERS = (EXAMPLE, *(place for place in CAPTURED
                      if captures.CAPTURES and program.IS_ROOT
                      and os.path.isdir(os.path.join(captures.CAPTURES, place.name))))


class Untidy:
    """A server below `root`, and what is planted on it; `log` says what."""

    def __init__(self, root, seed, place=EXAMPLE):
        self.root, self.random, self.log = root, random.Random(seed), []
        self.name, self.home, self.qmail = place.domain, place.home[1:], place.qmail[1:]
        self.domain = f"{self.home}/domains/{self.name}"

    # Helpers; paths are relative to the root and go through links, as the kernel does it.

    def at(self, path):
        """The host path behind a path of the server, whose last component is not followed."""
        data = os.fsencode(path) if isinstance(path, str) else path
        parent, _, name = data.rstrip(b"/").rpartition(b"/")
        resolved = Root(self.root).resolve(parent)
        if resolved is None:
            raise FileNotFoundError(path)
        return Root(self.root).host(resolved) + b"/" + name

    def below(self, *parts):
        return b"/".join(os.fsencode(part) for part in (self.domain, *parts))

    def write(self, path, data, mtime=None):
        place = self.at(path)
        with open(place, "wb") as file:
            file.write(data)
        os.chmod(place, 0o600)
        servers.give(place)
        if mtime is not None:
            os.utime(place, (mtime, mtime))

    def read(self, path):
        with open(self.at(path), "rb") as file:
            return file.read()

    def make(self, path):
        place = self.at(path)
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
            servers.give(place)

    def make_maildir(self, path):
        for part in ("", "/new", "/cur", "/tmp"):
            self.make(os.fsencode(path) + part.encode())

    def link(self, path, target):
        place = self.at(path)
        os.symlink(target, place)
        servers.give(place)

    def move(self, path, to=None):
        """Moves something to another disk and leaves a link: absolute, relative, or by a chain."""
        disk = to or f"disk{self.random.randrange(3)}"
        os.makedirs(os.path.join(self.root, disk), exist_ok=True)
        os.chmod(os.path.join(self.root, disk), 0o755)
        place = self.at(path)
        name = f"moved-{len(self.log)}-{self.random.randrange(1000)}".encode()
        target = os.path.join(os.fsencode(self.root), disk.encode(), name)
        shutil.move(place, target)
        kind = self.random.choice(["absolute", "relative", "chain"])
        absolute = b"/" + disk.encode() + b"/" + name
        if kind == "relative":
            os.symlink(os.path.relpath(target, os.path.dirname(place)), place)
        elif kind == "chain":
            chain = os.path.join(os.fsencode(self.root), disk.encode(), name + b".link")
            os.symlink(name, chain)
            os.symlink(absolute + b".link", place)
        else:
            os.symlink(absolute, place)
        servers.give(place)
        return kind

    def lines(self):
        return [line.split(b":") for line in self.read(self.below("vpasswd")).split(b"\n") if line]

    def set_lines(self, lines, with_cdb=True):
        data = b"".join(b":".join(line) + b"\n" for line in lines)
        self.write(self.below("vpasswd"), data)
        if with_cdb:
            records = [(line[0], b":".join(line[1:])) for line in lines if len(line) > 1]
            self.write(self.below("vpasswd.cdb"), disturb.make_server.cdb(records))

    def account(self, with_mail=False):
        """An account whose home is as vpasswd says; of many equal ones not too often one."""
        usable = [line for line in self.lines() if len(line) >= 7 and line[5].startswith(b"/")
                  and Root(self.root).is_directory(line[5] + b"/Maildir/cur")]
        names = [line for line in usable if not with_mail
                 or os.listdir(self.at(line[5] + b"/Maildir/cur"))] or usable
        if self.random.random() < 0.5:
            names = [line for line in names if self.folders(line)
                     or len(os.listdir(self.at(line[5] + b"/."))) > 2] or names
        return self.random.choice(names)

    def person(self):
        """The name of an account."""
        return self.account()[0]

    def address(self):
        return self.person() + b"@" + self.name.encode()

    def folders(self, line):
        """The folders of an account that are directories."""
        maildir = line[5] + b"/Maildir"
        return [maildir + b"/" + entry for entry in Root(self.root).list(maildir)
                if entry.startswith(b".") and os.path.isdir(self.at(maildir + b"/" + entry))]

    def folder(self):
        found = [self.folders(line) for line in self.lines() if len(line) >= 7]
        return self.random.choice(self.random.choice([folders for folders in found if folders]))

    def list_name(self):
        """A mailing list whose directory stands in the domain."""
        return self.random.choice([
            name for name in sorted(os.listdir(self.at(self.domain + "/.")))
            if os.path.isfile(self.at(self.below(name, "editor")))])

    def list_links(self, name):
        """The .qmail links of a list."""
        address = b".qmail-" + os.fsencode(name).replace(b".", b":")
        return [self.below(entry) for entry in sorted(os.listdir(os.fsencode(
            self.at(self.domain + "/."))))
            if (entry == address or entry.startswith(address + b"-"))
            and os.path.islink(self.at(self.below(entry)))]

    def alias(self):
        """A .qmail file of the domain that is no list's and not the catch-all."""
        return self.random.choice([
            entry for entry in sorted(os.listdir(self.at(self.domain + "/.")))
            if entry.startswith(b".qmail-") and entry != b".qmail-default"
            and not os.path.islink(self.at(self.below(entry)))])

    def bucket(self):
        """A directory of the domain that only holds homes."""
        inside = re.compile(b".*/" + re.escape(self.name.encode()) + b"/([^/]+)/[^/]+")
        found = {match[1] for match in (inside.fullmatch(line[5]) for line in self.lines()
                                        if len(line) >= 7) if match}
        return self.below(self.random.choice(sorted(found)))

    def message(self, path, text=None):
        body = text or b"Subject: %d\n\n%s\n" % (
            self.random.randrange(10**9), os.fsencode(path)[-20:])
        self.write(path, body, 1700000000 + self.random.randrange(10**6))

    def plant(self, count):
        names = sorted(name for name in dir(self) if name.startswith("plant_"))
        for name in self.random.sample(names, count):
            try:
                said = getattr(self, name)()
            except (OSError, IndexError) as failure:
                said = f"not planted: {failure}"  # what another blemish has taken away
            self.log.append(f"{name.removeprefix('plant_')}: {said}")

    # Links.

    def plant_domain_on_a_disk(self):
        return self.move(self.domain)

    def plant_domains_on_a_disk(self):
        return self.move(f"{self.home}/domains")

    def plant_home_on_a_disk(self):
        line = self.account()
        return f"{line[0]} {self.move(line[5])}"

    def plant_maildir_on_a_disk(self):
        line = self.account(True)
        return f"{line[0]} {self.move(line[5] + b'/Maildir')}"

    def plant_cur_on_a_disk(self):
        line = self.account(True)
        return f"{line[0]} {self.move(line[5] + b'/Maildir/cur')}"

    def plant_folder_on_a_disk(self):
        return self.move(self.folder())

    def plant_bucket_on_a_disk(self):
        return self.move(self.bucket())

    def plant_list_on_a_disk(self):
        return self.move(self.below(self.list_name()))

    def plant_vpopmail_renamed(self):
        """The home was renamed and a link left; vpasswd, assign and delivery lines say the old."""
        os.rename(self.at(self.home), os.path.join(os.fsencode(self.root), b"vmail"))
        self.link(self.home, "/vmail")
        path = os.path.join(self.root, "etc/passwd")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if self.random.random() < 0.5:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(f"/{self.home}:", "/vmail:"))
        return "link left"

    def plant_directory_spelled_otherwise(self):
        spelled = self.random.choice(["/" + self.domain.replace("/", "//", 1),
                                      f"/{self.domain}/",
                                      f"/{self.home}/./domains//{self.name}"])
        self.change_assign(lambda text: text.replace(f"/{self.domain}:", spelled + ":"))
        return spelled

    def plant_home_spelled_otherwise(self):
        lines = self.lines()
        line = self.random.choice(lines)
        line[5] = self.random.choice([b"/" + line[5], line[5] + b"/", line[5].replace(
            b"/domains/", b"//domains/")])
        self.set_lines(lines)
        return line[5]

    def plant_no_home(self):
        lines = self.lines()
        line = self.random.choice([line for line in lines
                                   if line[5].endswith(
                                       self.name.encode() + b"/" + line[0])])
        line[5] = b""
        self.set_lines(lines)
        return line[0]

    def plant_alias_domain_as_link(self):
        with open(self.at(f"{self.qmail}/users/assign"), encoding="utf-8") as file:
            other = self.random.choice(re.findall(
                f"(?m)^\\+(?!{re.escape(self.name)}-)([^:]+)-:{re.escape(self.name)}:",
                file.read()))
        self.link(f"{self.home}/domains/{other}", self.name)
        if self.random.random() < 0.5:
            self.change_assign(lambda text: re.sub(
                f"(?m)^(\\+{re.escape(other)}-:[^:]*:[^:]*:[^:]*:)[^:]*",
                f"\\1/{self.home}/domains/{other}", text))
        return other

    def plant_link_to_nowhere(self):
        where = self.random.choice([self.below("old-stuff"), self.below(".qmail-gone"),
                                    self.account()[5] + b"/Maildir/.Gone",
                                    self.account()[5] + b"/gone"])
        self.link(where, "/nowhere/at/all")
        return where

    def plant_loop(self):
        where = self.random.choice([self.below("round"), self.account()[5] + b"/Maildir/.Round"])
        self.link(where, os.path.basename(where))
        return where

    def plant_link_into_itself(self):
        where = self.random.choice([self.below("again"), self.account()[5] + b"/Maildir/.Again"])
        self.link(where, ".")
        return where

    def plant_home_gone(self):
        line = self.account()
        place = self.at(line[5])
        shutil.rmtree(place) if not os.path.islink(place) else os.unlink(place)
        if self.random.random() < 0.5:
            self.link(line[5], "/not/mounted")
        return line[0]

    # Accounts.

    def add_account(self, name, crypted=None, directory=None, **fields):
        lines = self.lines()
        home = directory or b"/" + self.below(b"h%d" % len(lines))
        if directory is None:
            self.make(home)
            self.make_maildir(home + b"/Maildir")
            self.message(home + b"/Maildir/new/1700000%03d.1.host" % self.random.randrange(1000))
        line = [name, crypted or MD5.encode(), b"1", b"0", fields.get("gecos", b"Odd"), home,
                fields.get("quota", b"NOQUOTA")]
        if any(len(other) > 7 for other in lines):
            line.append(b"clear")  # where vpopmail keeps passwords in clear text too
        self.set_lines(sorted([*lines, line]))

    def plant_odd_name(self):
        name = self.random.choice([b"jo hn", b"Upper.Case", b"x", "jörg".encode(), b"j\xf6rg",
                                   b"a" * 40, b"-dash", b"under_score", b"plus+sign", b"q'uote",
                                   b"trail "])
        self.add_account(name)
        return name

    def plant_odd_hash(self):
        lines = self.lines()
        line = self.random.choice(lines)
        line[1] = self.random.choice([b"*", b"!", b"x", b"", b"$1$ab", b"!!" + line[1], b"NOLOGIN",
                                      b"$9$unknown$abc", b"\xe4\xf6"])
        self.set_lines(lines)
        return f"{line[0]} {line[1]}"

    def plant_odd_gecos(self):
        lines = self.lines()
        line = self.random.choice(lines)
        line[4] = self.random.choice([b"J\xf6rg", b"", b"x" * 70, b"tab\there", b"quote\"and\\",
                                      "Zoë ☃".encode(), b"\x01control"])
        self.set_lines(lines)
        return f"{line[0]} {line[4]}"

    def plant_odd_quota(self):
        lines = self.lines()
        line = self.random.choice(lines)
        line[6] = self.random.choice([b"-1", b"10M", b"word", b"", b"1000000", b"10MS,5C", b"0",
                                      b"99999999999999999999S", b"2G", b"1T"])
        self.set_lines(lines)
        return f"{line[0]} {line[6]}"

    def plant_odd_lines(self):
        lines = self.lines()
        extra = self.random.choice([[b""], [b"#comment"], [b"short", b"a", b"b"],
                                    [b"cut:$1$ab"], [b" "], [b"", b"x", b"1", b"0", b"", b"", b""]])
        lines.insert(self.random.randrange(len(lines) + 1), extra)
        self.set_lines(lines, with_cdb=False)
        return extra

    def plant_line_only_in_cdb(self):
        lines = self.lines()
        lost = self.random.choice([line for line in lines if line[0] != b"postmaster"])
        self.set_lines([line for line in lines if line != lost], with_cdb=False)
        return lost[0]

    def plant_empty_vpasswd(self):
        self.write(self.below("vpasswd"), b"")
        return "the cdb has them all"

    def plant_same_account_twice(self):
        lines = self.lines()
        line = list(self.random.choice(lines))
        line[4] = b"Second"
        self.set_lines([*lines, line], with_cdb=False)
        return line[0]

    # Files of the domain.

    def plant_limits(self):
        text = self.read(self.below(".qmailadmin-limits"))
        word = self.random.choice([b"maxpopaccounts: -1\n", b"maxaliases: many\n",
                                   b"default_quota: 10M\n", b"quota: -1\n", b"unknown_key: 7\n",
                                   b"maxforwards 10\n", b"disable_pop\n", b"\xff\xfe\n"])
        self.write(self.below(".qmailadmin-limits"), text + word)
        return word

    def change_assign(self, change):
        path = self.at(f"{self.qmail}/users/assign")
        with open(path, encoding="utf-8") as file:
            text = change(file.read())
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        with open(self.at(f"{self.qmail}/users/cdb"), "wb") as file:
            file.write(disturb.make_server.assign_cdb(re.sub("(?m)^(\\s*|#.*)\n", "", text)))

    def plant_assign_without_dot(self):
        self.change_assign(lambda text: text.replace("\n.\n", "\n"))
        return "no last dot"

    def plant_assign_lines(self):
        line = self.random.choice(["\n", "# a comment\n",
                                   f"=root:alias:7:7:/{self.qmail}/alias:-:root:\n",
                                   f"+list-:alias:7:7:/{self.qmail}/alias:-:list-:\n", "nonsense\n",
                                   "+short-:x\n"])
        self.change_assign(lambda text: line + text)
        return line

    def plant_last_login(self):
        line = self.account()
        self.write(line[5] + b"/lastauth", self.random.choice(
            [b"192.0.2.1\n", b"", b"192.0.2.1\0", b"2001:db8::1", b"host.example\nmore\n",
             b"\xff"]))
        return line[0]

    def plant_cut_bucket(self):
        subscribers = self.below(self.list_name(), "subscribers")
        bucket = self.random.choice([name for name in Root(self.root).list(subscribers)
                                     if len(name) == 1])
        path = subscribers + b"/" + bucket
        data = self.read(path)
        self.write(path, self.random.choice([data[:-1], data[:5], data + b"garbage\0", data + b"T",
                                             data + b"T\0", b"\0" + data, data + b"Tno.at\0"]))
        return path

    def plant_odd_subscriber(self):
        address = self.random.choice([b"j\xf6rg@example.org", "jörg@example.org".encode(),
                                      b"a b@example.org", b"UPPER@EXAMPLE.ORG",
                                      b"\"q\"@example.org"])
        path = self.below(self.list_name(), "subscribers/Z")
        there = self.read(path) if os.path.exists(self.at(path)) else b""
        self.write(path, there + b"T" + address + b"\0")
        return f"{path} {address}"

    def plant_list_elsewhere(self):
        name = self.list_name()
        os.makedirs(os.path.join(self.root, "lists"), exist_ok=True)
        os.chmod(os.path.join(self.root, "lists"), 0o755)
        shutil.move(self.at(self.below(name)),
                    os.path.join(os.fsencode(self.root), b"lists", os.fsencode(name)))
        for path in self.list_links(name):
            target = os.readlink(self.at(path)).replace(
                b"/" + self.below(name), b"/lists/" + os.fsencode(name))
            os.unlink(self.at(path))
            self.link(path, target)
        return f"/lists/{name}"

    def plant_list_links_relative(self):
        name = self.list_name()
        for path in self.list_links(name):
            target = os.readlink(self.at(path)).replace(b"/" + self.below(""), b"")
            os.unlink(self.at(path))
            self.link(path, target)
        return name

    def plant_odd_alias(self):
        one, other, home = b"&" + self.address(), b"&" + self.address(), self.account()[5]
        name, data = self.random.choice([
            (b"crlf", one + b"\r\n" + other + b"\r\n"),
            (b"no-newline", one), (b"blanks", one + b"  \n\n"),
            (b"comment", b"# vdelivermail\n" + one + b"\n"), (b"latin", b"&j\xf6rg@example.org\n"),
            (b"n\xe4me", one + b"\n"), (b"l" * 200, one + b"\n"),
            (b"Upper", one + b"\n"), (b"a:b", one + b"\n"),
            (b"old-path", home + b"/Maildir/\n"),
            (b"plain", one[1:] + b"\n"), (b"prog", b"|/usr/bin/nothing \"a b\" 'c'\n"),
            (b"brace", b"|echo {domain} }{ {mailbox:x}\n"), (b"long", (one + b"\n") * 400)])
        self.write(self.below(b".qmail-" + name), data)
        return name

    def plant_alias_as_link(self):
        name = self.alias()
        self.link(self.below(".qmail-linked"), self.random.choice([name, b"/" + self.below(name)]))
        return b"linked -> " + name

    def plant_catch_all(self):
        program = f"| /{self.home}/bin/vdelivermail '' ".encode()
        data = self.random.choice([
            program + b"delete\n", program + b"bounce-no-mailbox\n", program + self.address()
            + b"\n", b"# vdelivermail is not here\n" + program + b"delete\n",
            program + self.account()[5] + b"/\n", b"#\n"])
        self.write(self.below(".qmail-default"), data)
        return data

    def plant_stray_file(self):
        name = self.random.choice([b"notes.txt", b"vpasswd.bak", b"f\xfcr.txt", b"n" * 255, b"core",
                                   b".qmail-old~", b"with\nnewline", b"sp ace", b"new",
                                   b"{braces}"])
        data = self.random.choice([b"text\n", b"\0\1\2" * 100, b"\xff\xfe", b"", b"x" * 100000])
        self.write(self.below(name), data)
        return name

    # Mail.

    def plant_same_name_twice(self):
        folder = self.account()[5] + b"/Maildir"
        name = b"1700000000.twice.host"
        places = self.random.sample([b"/new/" + name, b"/cur/" + name + b":2,", b"/cur/" + name +
                                     b":2,S", b"/cur/" + name + b":2,FS"], 2)
        same = b"the very same\n" if self.random.random() < 0.5 else None
        for place in places:
            self.message(folder + place, same)
        if self.random.random() < 0.5:
            self.make_maildir(folder + b"/.Third")
            self.message(folder + b"/.Third/cur/" + name + b":2,S", same)
        return f"{folder} {places}"

    def plant_odd_folder(self):
        folder = self.account()[5] + b"/Maildir/." + self.random.choice(
            [b"Entw\xfcrfe", "Entwürfe".encode(), b"f" * 200, b"Sp ace", b"A.B.C.D.E", b"new\nline",
             b"{x}", b"cur", b"a&b"])
        self.make_maildir(folder)
        self.message(folder + b"/cur/1700000001.2.host:2,S")
        return folder

    def plant_odd_message(self):
        name = self.random.choice([b"\xe4\xf6.host", b"m" * 250, b"no-flags", b"x:2,SabZ",
                                   b"x:2,SS", b"x:1,S", b"sp ace", b"1.2.host,S=99999:2,S",
                                   b"q?*\"'", b"-rf", b"x:2,S:2,F", b"new\nline"])
        part = self.random.choice([b"/new/", b"/cur/"])
        path = self.account()[5] + b"/Maildir" + part + name
        self.message(path)
        return path

    def plant_shared_maildir(self):
        path = self.below(self.random.choice(["shared", "team"]))
        self.make(path)
        self.make_maildir(path + (b"/Maildir" if self.random.random() < 0.5 else b""))
        inner = b"/Maildir" if os.path.isdir(self.at(path + b"/Maildir")) else b""
        self.message(path + inner + b"/cur/1700000002.3.host:2,S")
        return path

    def plant_home_without_account(self):
        self.make(self.below("ghost"))
        self.make_maildir(self.below("ghost/Maildir"))
        self.message(self.below("ghost/Maildir/new/1700000003.4.host"))
        return "ghost"

    def plant_no_maildir(self):
        line = self.account()
        shutil.rmtree(self.at(line[5] + b"/Maildir"))
        return line[0]

    def plant_maildir_without_tmp(self):
        line = self.account()
        shutil.rmtree(self.at(line[5] + b"/Maildir/" + self.random.choice([b"tmp", b"new"])))
        return line[0]

    def plant_no_file_at_all(self):
        where = self.random.choice([self.below(), self.account()[5],
                                    self.account()[5] + b"/Maildir/cur"]) + b"/odd"
        kind = self.random.choice(["fifo", "socket"])
        if kind == "fifo":
            os.mkfifo(self.at(where))
        else:
            at = os.getcwd()
            with socket.socket(socket.AF_UNIX) as made:
                directory = os.open(os.path.dirname(self.at(where)), os.O_RDONLY | os.O_DIRECTORY)
                made.bind(f"/proc/{os.getpid()}/fd/{directory}/odd")
                os.close(directory)
            assert at == os.getcwd()
        return f"{kind} {where}"

    def plant_files_in_maildir(self):
        path = self.account()[5] + b"/Maildir/" + self.random.choice(
            [b"dovecot.index.cache", b"x.qw", b"maildirsize", b"notes\xff", b"n" * 250, b"sieve"])
        self.write(path, b"1000S\n10 1\n")
        return path

    def plant_odd_dot_qmail(self):
        line = self.account()
        self.write(line[5] + b"/.qmail", self.random.choice(
            [b"", b"&j\xf6rg@example.org\n", f"|/{self.home}/bin/none\n".encode(),
             b"./Maildir/\r\n", self.account()[5] + b"/Maildir/\n", b"# only a comment\n",
             b"&a@example.org\n" * 300]))
        return line[0]
