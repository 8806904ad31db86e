"""A server read without the program's code, as qmail and vpopmail find their way about it.

`Reading` says what accounts, aliases, lists, messages and texts a domain has, by content. `missing`
says what of one reading another lacks, with the name by which a person would look for it.
"""

import collections
import hashlib
import os
import re
import stat

from .formats import cdb_records

MOST_LINKS = 40
#: Files that each server makes for itself, or that are read as what they say.
OWN = re.compile(rb"\.qmail.*|vpasswd.*|\.vpasswd\.lock|\.dir[-_]control.*|lastauth|maildirsize|"
                 rb"(.*\.)?lock|A\d+\.\d+|dovecot\..*(index|cache).*|.*\.svbin", re.DOTALL)


class Root:
    """A server's file system below a directory: absolute links lead inside of it."""

    def __init__(self, root):
        self.root = os.fsencode(root)

    def host(self, path):
        return self.root + b"/" + path.lstrip(b"/")

    def resolve(self, path):
        """The server path without links that a path leads to; None where it leads nowhere."""
        left, here, links = path.split(b"/"), [], 0
        while left:
            part = left.pop(0)
            if part in (b"", b"."):
                continue
            if part == b"..":
                here = here[:-1]
                continue
            place = self.host(b"/".join([*here, part]))
            try:
                mode = os.lstat(place).st_mode
            except OSError:
                return None
            if not stat.S_ISLNK(mode):
                here.append(part)
                continue
            links += 1
            if links > MOST_LINKS:
                return None
            target = os.readlink(place)
            if target.startswith(b"/"):
                here = []
            left = target.split(b"/") + left
        return b"/" + b"/".join(here)

    def reach(self, path):
        """As `resolve`; what is not there, such as a home on a disk that is gone, keeps its
        name."""
        rest = b""
        while True:
            resolved = self.resolve(path)
            if resolved is not None:
                return (b"" if resolved == b"/" and rest else resolved) + rest
            path, _, last = path.rstrip(b"/").rpartition(b"/")
            rest = b"/" + last + rest

    def place(self, path):
        """The host path behind a server path, or None."""
        resolved = self.resolve(path)
        return None if resolved is None else self.host(resolved)

    def is_directory(self, path):
        place = self.place(path)
        return place is not None and os.path.isdir(place)

    def read(self, path):
        place = self.place(path)
        if place is None or not stat.S_ISREG(os.lstat(place).st_mode):
            return None
        with open(place, "rb") as file:
            return file.read()

    def list(self, path):
        place = self.place(path)
        if place is None or not os.path.isdir(place):
            return []
        return sorted(os.listdir(place))


def lines_of(data):
    return [line for line in (data or b"").split(b"\n") if line.strip()]


class Reading:
    """What a domain of a server has."""

    def __init__(self, root, name, qmail="/var/qmail"):
        self.files, self.qmail = Root(root), qmail.encode()
        self.directory = self.find_directory(name.encode())
        self.alias_domains = self.read_alias_domains(name.encode()) if self.directory else set()
        self.accounts = self.read_accounts() if self.directory else {}
        self.tokens = self.find_tokens()
        self.list_roots = {}
        self.lists = self.read_lists() if self.directory else {}
        self.aliases = self.read_aliases() if self.directory else {}
        self.messages, self.texts = {}, {}
        for account, fields in self.accounts.items():
            self.read_home(account, fields[5])
        self.read_stray_mail()
        self.read_robots()
        self.others = self.read_others() if self.directory else {}

    def assigned(self):
        """(domain, directory) of each line of users/assign that is a domain's."""
        for line in (self.files.read(self.qmail + b"/users/assign") or b"").split(b"\n"):
            fields = line.split(b":")
            if fields[0].startswith(b"+") and fields[0].endswith(b"-") and len(fields) > 6:
                yield fields[0][1:-1], fields[4]

    def find_directory(self, name):
        return next((directory for domain, directory in self.assigned() if domain == name), None)

    def read_alias_domains(self, name):
        """Other names of the domain: those that lead to its directory, and are no one's else."""
        here = self.files.resolve(self.directory)
        virtual = {line.partition(b":")[0] for line in lines_of(
            self.files.read(self.qmail + b"/control/virtualdomains"))}
        return {domain for domain, directory in self.assigned() if domain != name
                and domain in virtual and here and self.files.resolve(directory) == here}

    def read_accounts(self):
        """Those of vpasswd, and those that only its cdb has, which vpopmail knows as well."""
        accounts = {}
        cdb = self.files.read(self.directory + b"/vpasswd.cdb")
        lines = lines_of(self.files.read(self.directory + b"/vpasswd"))
        for key, data in cdb_records(cdb) if cdb else []:
            lines.append(key + b":" + data)
        for line in lines:
            fields = line.split(b":")
            if len(fields) >= 7 and fields[0]:
                home, domain = (self.files.resolve(path) for path in (fields[5], self.directory))
                # What holds the domain itself, such as "/", is nobody's home.
                if not fields[5] or (home and domain
                                     and (domain + b"/").startswith(home.rstrip(b"/") + b"/")):
                    fields[5] = self.directory + b"/" + fields[0]
                accounts.setdefault(fields[0].lower(), fields)
        return accounts

    def find_tokens(self):
        """Server paths without links, and what each stands for on any server."""
        tokens = {}
        if not self.directory:
            return tokens
        domain = self.files.resolve(self.directory)
        if domain:
            tokens[domain] = b"{domain}"
        for account, fields in self.accounts.items():
            home = self.files.reach(fields[5])
            if home not in tokens:
                tokens[home] = b"{mailbox:" + account + b"}"
        qmail = self.files.resolve(self.qmail)
        if qmail:
            tokens.setdefault(qmail, b"{qmail}")
        for line in lines_of(self.files.read(b"/etc/passwd")):
            fields = line.split(b":")
            if fields[0] == b"vpopmail" and len(fields) > 5:
                home = self.files.resolve(fields[5])
                if home:
                    tokens.setdefault(home, b"{vpopmail}")
        return tokens

    def neutral(self, text):
        """The text with the paths of this server replaced by what they stand for."""
        def replace(match):
            path, rest = match[0], b""
            while len(path) > 1:
                reached = self.files.reach(path)
                if reached in self.tokens:
                    return self.tokens[reached] + re.sub(b"/+", b"/", rest).rstrip(b"/")
                path, _, last = path.rstrip(b"/").rpartition(b"/")
                rest = b"/" + last + rest
            return match[0]

        return re.sub(rb"/[^\s\0\"'|&;<>,]+", replace, text)

    def read_lists(self):
        lists = {}
        for entry in self.files.list(self.directory):
            path = self.directory + b"/" + entry
            if entry.startswith(b".qmail-") and os.path.islink(self.files.host(
                    (self.files.resolve(self.directory) or b"") + b"/" + entry)):
                resolved = self.files.resolve(path)
                if resolved is None or os.path.basename(resolved) != b"editor":
                    continue
                root, name = os.path.dirname(resolved), entry[len(b".qmail-"):].replace(b":", b".")
            elif self.files.is_directory(path) and b"editor" in self.files.list(path):
                root, name = self.files.resolve(path), entry
            else:
                continue
            subscribers = {}
            for sub in (b"", b"digest", b"mod", b"allow", b"deny"):
                found = self.read_subscribers(root + b"/" + sub + b"/subscribers")
                if found:
                    subscribers[sub] = found
            if b"subscribers" in self.files.list(root):
                lists[name], self.list_roots[name] = subscribers, root
        return lists

    def read_subscribers(self, path):
        """Addresses; a record that was cut has no NUL behind it, and is none."""
        found = set()
        for bucket in self.files.list(path):
            if len(bucket) == 1:
                for record in (self.files.read(path + b"/" + bucket) or b"").split(b"\0")[:-1]:
                    if record.startswith(b"T") and b"@" in record:
                        found.add(record[1:])
        return found

    def read_aliases(self):
        aliases = {}
        for entry in self.files.list(self.directory):
            path = self.directory + b"/" + entry
            resolved = self.files.resolve(path)
            if not entry.startswith(b".qmail-") or resolved is None:
                continue
            # What leads into a list is part of the list.
            if os.path.basename(os.path.dirname(resolved)) in self.lists or os.path.exists(
                    self.files.host(os.path.dirname(resolved) + b"/subscribers")):
                continue
            data = self.files.read(path)
            if data is not None:
                aliases[entry[len(b".qmail-"):]] = self.delivery(data)
        return aliases

    def delivery(self, data):
        return [self.neutral(line.rstrip()) for line in lines_of(data)
                if not line.startswith(b"#")]

    def read_home(self, account, home):
        self.messages[account] = self.read_maildir(home + b"/Maildir")
        for name in (b".qmail", b"vacation/message"):
            data = self.files.read(home + b"/" + name)
            if data:
                self.texts[account + b"/" + name] = self.delivery(data)

    def read_maildir(self, path):
        """How often each content is there, in any folder."""
        found, seen = collections.Counter(), set()
        folders = [path] + [path + b"/" + name for name in self.files.list(path)
                            if name.startswith(b".") and name not in (b".", b"..")]
        for folder in folders:
            for part in (b"new", b"cur"):
                directory = self.files.place(folder + b"/" + part)
                if directory is None or directory in seen or not os.path.isdir(directory):
                    continue
                seen.add(directory)
                for name in os.listdir(directory):
                    file = os.path.join(directory, name)
                    if name.startswith(b".") or not stat.S_ISREG(os.lstat(file).st_mode):
                        continue
                    with open(file, "rb") as opened:
                        found[hashlib.sha256(opened.read()).hexdigest()] += 1
        return found

    def read_stray_mail(self):
        """Directories of messages in the domain that are no account's."""
        if not self.directory:
            return
        homes = {self.files.resolve(fields[5]) for fields in self.accounts.values()}
        for entry in self.files.list(self.directory):
            path = self.directory + b"/" + entry
            if self.files.resolve(path) in homes or entry.startswith(b"."):
                continue
            for maildir in (path, path + b"/Maildir"):
                if {b"new", b"cur"} <= set(self.files.list(maildir)):
                    found = self.read_maildir(maildir)
                    if found:
                        self.messages[entry] = found

    def read_robots(self):
        """What a robot of the domain says: its directory has a message and no mail."""
        for entry in self.files.list(self.directory) if self.directory else []:
            data = self.files.read(self.directory + b"/" + entry + b"/message")
            if data and entry.lower() not in self.accounts:
                self.texts[entry + b"/message"] = self.delivery(data)

    def read_others(self):
        """All other files: what they hold by the first name below the domain or the account they
        are of; of those beside mail, which a server goes on with, only that they are there."""
        found, seen = {}, {self.files.resolve(fields[5]) for fields in self.accounts.values()}
        seen |= set(self.list_roots.values())
        self.gather(found, seen, self.directory, b"")
        for name, root in self.list_roots.items():
            for part in (b"/archive", b"/text"):
                self.gather(found, seen, root + part, name + part + b"/")
        for account, fields in self.accounts.items():
            seen.discard(self.files.resolve(fields[5]))
            self.gather(found, seen, fields[5], account + b"/")
        return found

    def gather(self, found, seen, path, name):
        resolved = self.files.resolve(path)
        if resolved is None or resolved in seen:
            return
        seen.add(resolved)
        entries = self.files.list(path)
        is_mail = {b"new", b"cur"} <= set(entries) or b"/Maildir/" in name
        for entry in entries:
            place = self.files.place(path + b"/" + entry)
            if place is None or is_mail and entry in (b"new", b"cur", b"tmp"):
                continue
            if os.path.isdir(place):
                self.gather(found, seen, path + b"/" + entry, name + entry + b"/")
            elif stat.S_ISREG(os.lstat(place).st_mode) and not OWN.fullmatch(entry):
                with open(place, "rb") as file:
                    found[name + entry] = b"" if is_mail else self.neutral(file.read())


def missing(source, target):
    """(kind, name) of what `source` has and `target` has not, or has otherwise."""
    lacks = []
    for account, fields in source.accounts.items():
        here = target.accounts.get(account)
        if here is None or here[1] != fields[1] or here[4] != fields[4]:
            lacks.append(("account", account))
    for name in source.alias_domains - target.alias_domains:
        lacks.append(("alias domain", name))
    for name, lines in source.aliases.items():
        if target.aliases.get(name) != lines:
            lacks.append(("alias", name))
    for name, subscribers in source.lists.items():
        here = target.lists.get(name)
        if here is None or any(found - here.get(sub, set()) for sub, found in subscribers.items()):
            lacks.append(("list", name))
    for owner, found in source.messages.items():
        if found - target.messages.get(owner, collections.Counter()):
            lacks.append(("mail", owner))
    for name, lines in source.texts.items():
        if target.texts.get(name) != lines:
            lacks.append(("text", name))
    for name, digest in source.others.items():
        if target.others.get(name) != digest and name not in source.texts:
            lacks.append(("file", name))
    return lacks


def is_named(name, text):
    """Whether output speaks of a name. Bytes that are no plain text may be spelt in another way."""
    pieces = [piece for piece in re.split(rb"[^\w.+=-]+", name, flags=re.ASCII) if piece]
    return all(re.search(rf"(?<![A-Za-z0-9]){re.escape(piece.decode('ascii'))}(?![A-Za-z0-9])",
                         text, re.IGNORECASE) for piece in pieces) if pieces else "\\" in text
