"""A mail server with every way that a message can take on it, for tests of `route`: the same files
are followed by vstate (tests/e2e/route_test.py) and by the real programs (tests/interop).

Addresses whose mail leaves end in out.example. Owners matter, so this needs root."""

import os
import shutil
import sqlite3

from .example_server import make_server

VD = "| {home}/bin/vdelivermail '' "
BOUNCE = VD + "bounce-no-mailbox\n"
OWNER, OTHER, JOE = (89, 89), (2002, 2002), (2001, 2001)
QMAIL_USERS = {"alias": (7790, 2107), "qmaild": (7791, 2107), "qmaill": (7792, 2107),
               "qmailp": (7793, 2107), "qmailq": (7794, 2108), "qmailr": (7795, 2108),
               "qmails": (7796, 2108)}
BOUNCE_MAIL = 16


class RouteServer:
    def __init__(self, root, home="/home/vpopmail", qmail="/var/qmail", version="5.4.33",
                 defines=()):
        self.uses_sqlite = self.uses_database = False
        self.root, self.home, self.qmail = root, home, qmail
        self.assign, self.virtual, self.rcpt, self.accounts, self.homes = [], [], [], {}, {}
        self.addresses = []
        os.makedirs(root, exist_ok=True)
        os.chmod(root, 0o755)
        users = {"root": (0, 0, "/root"), "vpopmail": (*OWNER, home), "joe": (*JOE, "/home/joe"),
                 "homeless": (2003, 2003, "/home/none"), "robbed": (2004, 2004, "/home/robbed"),
                 "other": (*OTHER, "/home/other")}
        for name, ids in QMAIL_USERS.items():
            users[name] = (*ids, qmail + "/alias" if name == "alias" else qmail)
        self.put("/etc/passwd",
                 "".join(f"{n}:x:{u}:{g}::{h}:/bin/sh\n" for n, (u, g, h) in users.items()))
        nofiles, of_queue = QMAIL_USERS["alias"][1], QMAIL_USERS["qmailq"][1]
        self.put("/etc/group", f"root:x:0:\nvchkpw:x:89:\nnofiles:x:{nofiles}:\n"
                               f"qmail:x:{of_queue}:\n")
        control = qmail + "/control/"
        shutil.rmtree(self.at(control), ignore_errors=True)
        for name in ("true", "cat"):
            self.put("/bin/" + name, "#!/bin/sh\n", mode=0o755)
        self.put(control + "me", "mail.example.org\n")
        self.put(control + "locals", "localhost\nmail.example.org  \n# comment\n")
        self.put(control + "percenthack", "hack.example\n")
        self.put(control + "defaultdomain", "plain.example\n")
        if not os.path.exists(self.at(home + "/bin/vdelivermail")):
            self.put(home + "/bin/vdelivermail", "#!/bin/sh\n", mode=0o755)
            self.put(home + "/include/vpopmail_config.h",
                     f'#define PACKAGE_VERSION "{version}"\n#define USERS_BIG_DIR 1\n#define '
                     'CLEAR_PASS 1\n'
                     + "".join(f"#define {line}\n" for line in defines))
        self.put(home + "/etc/vlimits.default", "maxpopaccounts: -1\n")
        self.make(home + "/domains", OWNER)

    def at(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def make(self, path, owner=OWNER, mode=0o700):
        os.makedirs(self.at(path), exist_ok=True)
        os.chmod(self.at(path), mode)
        os.chown(self.at(path), *owner)
        return path

    def put(self, path, text, owner=None, mode=0o644):
        place = self.at(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(place, mode)
        if owner:
            os.chown(place, *owner)

    def maildir(self, path, owner=OWNER):
        self.make(path, owner)
        for part in ("cur", "new", "tmp"):
            self.make(f"{path}/{part}", owner)

    def fill(self, text, name):
        return text.replace("{home}", self.home).replace("{qmail}", self.qmail) \
                   .replace("{dom}", self.homes.get(name, ""))

    def domain(self, name, default=BOUNCE, users=("alice",), owner=OWNER, publish=True):
        directory = self.homes[name] = f"{self.home}/domains/{name}"
        self.make(directory, owner)
        self.accounts[name] = {}
        if default is not None:
            self.put(directory + "/.qmail-default", self.fill(default, name), owner, 0o600)
        self.put(directory + "/.vpasswd.lock", "", owner, 0o600)
        for user in users:
            self.user(name, user, owner=owner)
        self.assign.append(f"+{name}-:{name}:{owner[0]}:{owner[1]}:{directory}:-::")
        if publish:
            self.virtual.append(f"{name}:{name}")
            self.rcpt.append(name)
        return directory

    def user(self, domain, name, lines=None, gid=0, owner=OWNER, home=None, maildir=True):
        home = self.homes[domain] + "/" + name if home is None else home
        self.accounts[domain][name] = f"x:1:{gid}:{name}:{home}:NOQUOTA:"
        if maildir:
            self.make(home, owner)
            self.maildir(home + "/Maildir", owner)
        if lines is not None:
            self.put(home + "/.qmail", self.fill(lines, domain), owner, 0o600)
        return home

    def alias(self, domain, name, lines, mode=0o600, owner=OWNER):
        self.put(f"{self.homes[domain]}/.qmail-{name}", self.fill(lines, domain), owner, mode)

    def ask(self, domain, *names):
        self.addresses += [f"{name}@{domain}" for name in names]

    def finish(self):
        users = self.qmail + "/users/"
        self.put(users + "assign", "".join(line + "\n" for line in self.assign) + ".\n")
        self.put(users + "cdb",
                 make_server.assign_cdb("".join(f"{line}\n" for line in self.assign)))
        self.put(self.qmail + "/control/virtualdomains",
                 "".join(line + "\n" for line in self.virtual))
        self.put(self.qmail + "/control/rcpthosts", "".join(line + "\n" for line in self.rcpt))
        if self.uses_sqlite:
            self.put_database()
            return self
        if self.uses_database:
            return self
        for name, accounts in self.accounts.items():
            owner = os.stat(self.at(self.homes[name]))
            ids = (owner.st_uid, owner.st_gid)
            if ids == (0, 0):
                ids = OWNER
            rows = [f"{user}:{rest}" for user, rest in accounts.items()]
            self.put(self.homes[name] + "/vpasswd", "".join(row + "\n" for row in rows), ids, 0o600)
            self.put(self.homes[name] + "/vpasswd.cdb",
                     make_server.cdb([(user.encode(), rest.encode()) for user,
                                      rest in accounts.items()]),
                     ids, 0o600)
        return self

    def put_database(self):
        """vsqlite.h's table of all domains."""
        path = self.home + "/domains/_vpopmail.sqlite"
        self.put(path, "", OWNER, 0o600)
        database = sqlite3.connect(self.at(path))
        with open(self.at(self.home + "/include/vpopmail_config.h"), encoding="utf-8") as header:
            has_clear = "define CLEAR_PASS" in header.read()
        clear = ", pw_clear_passwd text" if has_clear else ""
        database.execute("create table vpopmail (pw_name text not null, pw_domain text not null, "
                         "pw_passwd text, pw_uid integer, pw_gid integer, pw_gecos text, pw_dir "
                         f"text, pw_shell text{clear}, primary key (pw_name, pw_domain))")
        for domain, accounts in self.accounts.items():
            for name, row in accounts.items():
                fields = row.split(":")[:7 if has_clear else 6]
                database.execute("insert into vpopmail values "
                                 f"({','.join('?' * (2 + len(fields)))})", [name, domain, *fields])
        database.commit()
        database.close()


def mailboxes(server):
    """What a mailbox's own lines and the state of its home do."""
    name = "plain.example"
    server.domain(name)
    lines = {
        "forward": "&x@out.example\n", "bare": "x@out.example\n", "twice": "&&x@out.example\n",
        "gone": "# delete\n", "empty": "", "blank": "\n", "mbox": "./Mailbox\n",
        "copy": "{dom}/copy/Maildir/\n&y@out.example\n", "relative": "./Maildir/\n",
        "elsewhere": "{dom}/alice/Maildir/\n", "nowhere": "{dom}/none/Maildir/\n",
        "blankend": "./Maildir/ \n", "self": "./Maildir/\n&self@plain.example\n",
        "ping": "&pong@plain.example\n", "pong": "&ping@plain.example\n", "nohost": "&alice\n",
        "nodot": "&alice@al\n", "two": "&alice@plain.example\n&z@out.example\n",
        "noprogram": "|/nonexistent/program x\n", "program": "|/bin/true\n",
        "exit99": "|exit 99\n./Maildir/\n", "exit100": "|exit 100\n./Maildir/\n",
        "exit111": "|exit 111\n", "exit1": "|exit 1\n",
        "order": "./Maildir/\n|exit 111\n&x@out.example\n", "list": "+list\n",
        "nonl": "&x@out.example", "space": "& x@out.example\n", "toalias": "&sales@plain.example\n",
        "crlf": "&x@out.example\r\n", "deaddir": "{dom}/deaddir/Maildir\n",
        "comment": "# a\n# b\n&x@out.example\n", "dot": "&x@out.example.\n", "long": "#" + "a" * 600
        + "\n", "chain": "&chain2@plain.example\n", "chain2": "&chain3@al.example\n",
        "chain3": "&alice@AL.example\n", "bouncer": "./Maildir/\n&nobody@plain.example\n",
        "truedelete": "|/bin/true delete\n", "deferrer": "&nomaildir@plain.example\n",
    }
    for user, text in lines.items():
        server.user(name, user, text)
    server.user(name, "locked", gid=BOUNCE_MAIL)
    server.user(name, "lockedforward", "&x@out.example\n", gid=BOUNCE_MAIL)
    server.user(name, "nohome", maildir=False)
    server.user(name, "farhome", maildir=False, home="/nowhere/farhome")
    server.user(name, "buckethome", maildir=False, home=server.homes[name] + "/0/buckethome")
    server.user(name, "a.b")
    server.user(name, "x-y")
    server.user(name, "user-default")
    home = server.homes[name]
    server.make(server.user(name, "nomaildir", maildir=False))
    for user, part, mode, owner in (("nonew", "new", None, OWNER), ("notmp", "tmp", None, OWNER),
                                    ("nocur", "cur", None, OWNER), ("rnew", "new", 0o500, OWNER),
                                    ("rtmp", "tmp", 0o500, OWNER),
                                    ("rootnew", "new", 0o700, (0, 0)),
                                    ("opennew", "new", 0o777, (0, 0)),
                                    ("rootgroup", "new", 0o770, (0, 89))):
        place = server.at(server.user(name, user) + "/Maildir/" + part)
        if mode is None:
            os.rmdir(place)
        else:
            os.chmod(place, mode)
            os.chown(place, *owner)
    for user, path, mode in (("closed", "", 0o700), ("closedmail", "/Maildir", 0o700)):
        place = server.at(server.user(name, user) + path)
        os.chmod(place, mode)
        os.chown(place, 0, 0)
    os.chown(server.at(server.user(name, "unread", "&x@out.example\n") + "/.qmail"), 0, 0)
    server.make(server.user(name, "qmaildir") + "/.qmail")
    linked = server.at(server.user(name, "linked", maildir=False))
    server.maildir("/data/linked/Maildir")
    server.make("/data/linked")
    os.symlink("/data/linked", linked)
    os.symlink("nothing", server.at(server.user(name, "deadlink", maildir=False)))
    shut = server.at(server.user(name, "shutlink", maildir=False))
    server.maildir("/shut/box/Maildir")
    server.make("/shut/box")
    server.make("/shut", (0, 0))
    os.symlink("/shut/box", shut)
    server.put(server.user(name, "filehome", maildir=False), "a file\n", OWNER)
    server.ask(name, "alice", "ALICE", "nobody", "", "a b", "alice/x", "farhome", "postmaster",
               *[user for user in server.accounts[name] if user not in ("alice", "farhome")])
    server.assign.append(f"+al.example-:{name}:89:89:{home}:-::")
    server.virtual.append("al.example:al.example")
    server.rcpt.append("al.example")
    server.ask("al.example", "alice", "Alice", "nobody", "copy", "ping", "sales", "self")


def aliases(server):
    """Dot-qmail files, which qmail-local reads."""
    name, home = "plain.example", server.homes["plain.example"]
    for alias, lines in {
            "sales": "&alice@plain.example\n&s@out.example\n", "a:c": "&a.c@out.example\n",
            "list-default": "&l@out.example\n", "list": "&list@out.example\n",
            "list-a-default": "&la@out.example\n", "Upper": "&x@out.example\n",
            "alice.x": "&x@out.example\n", "empty0": "", "note": "# nothing\n",
            "blankfirst": "\n&x@out.example\n", "blanklater": "&x@out.example\n\n",
            "plus": "+list\n./alice/Maildir/\n", "plusfwd": "+list\n&x@out.example\n",
            "plusodd": "+other\n&x@out.example\n", "loop": "&loop@plain.example\n",
            "round": "&round2@plain.example\n", "round2": "&round@plain.example\n",
            "mixed": "&mixedbox@plain.example\n", "box": "./alice/Maildir/\n",
            "absolute": "{dom}/alice/Maildir/\n", "badbox": "./none/Maildir/\n",
            "trailing": "./alice/Maildir/ \t\n", "mboxfile": "./some-mbox\n",
            "mboxno": "./none/some-mbox\n", "bareword": "alice\n", "ampersand": "&\n",
            "fails": "./alice/Maildir/\n|exit 100\n&x@out.example\n",
            "stops": "&x@out.example\n|exit 99\n|exit 100\n",
            "defers": "|exit 111\n&x@out.example\n",
            "forwarder": "|{qmail}/bin/forward alice@plain.example\n",
            "extforward": "|{qmail}/bin/forward $EXT@al.example\n",
            "ext-default": "|{qmail}/bin/forward \"$DEFAULT\"@al.example\n",
            "missing": "|/nonexistent x\n", "spaces": "  &x@out.example\n",
            "percent": "&alice%plain.example@hack.example\n", "direct": VD + "bounce-no-mailbox\n",
            "thrice": "&t@out.example\n&t@out.example\n", "tonobody": "&nobody@plain.example\n",
            "tolocal": "&joe@localhost\n", "todefer": "&nomaildir@plain.example\n",
            "tolocked": "&locked@plain.example\n", "quoted": "&\"a b\"@out.example\n",
            "nonewline": "&x@out.example"}.items():
        server.alias(name, alias, lines)
    server.user(name, "mixedbox", "&mixed@plain.example\n")
    server.alias(name, "mode2", "&x@out.example\n", mode=0o602)
    server.alias(name, "secret", "&x@out.example\n", owner=(0, 0))
    server.alias(name, "xbit", "./alice/Maildir/\n", mode=0o700)
    server.alias(name, "xprog", "|/bin/true\n", mode=0o700)
    server.alias(name, "xforward", "&x@out.example\n", mode=0o700)
    os.symlink(home + "/nothing", server.at(home + "/.qmail-dead"))
    os.symlink(".qmail-circle", server.at(home + "/.qmail-circle"))
    os.symlink(home + "/.qmail-sales", server.at(home + "/.qmail-linked"))
    server.make(home + "/.qmail-directory")
    server.ask(name, "sales", "SALES", "a.c", "A.C", "list", "list-x", "list-a-b", "list-a",
               "list-", "upper", "alice.x", "empty0", "note", "blankfirst", "blanklater", "plus",
               "plusfwd", "plusodd", "loop", "round", "round2", "mixed", "mixedbox", "box",
               "absolute", "badbox", "trailing", "mboxfile", "mboxno", "bareword", "ampersand",
               "fails", "stops", "defers", "forwarder", "extforward", "ext-alice", "ext-nobody",
               "missing", "spaces", "percent", "direct", "thrice", "tonobody", "tolocal", "todefer",
               "tolocked", "quoted", "nonewline", "mode2", "secret", "xbit", "xprog", "xforward",
               "dead", "circle", "linked", "directory", "default", "x" * 300)


def catch_alls(server):
    """Every .qmail-default."""
    for name, default in {
            "c-mailbox.example": VD + "alice@c-mailbox.example\n", "c-out.example": VD
            + "x@out.example\n",
            "c-delete.example": VD + "delete\n", "c-path.example": VD + "{dom}/alice\n",
            "c-slash.example": VD + "{dom}/alice/\n", "c-maildir.example": VD
            + "{dom}/alice/Maildir/\n",
            "c-qmail.example": VD + "{dom}/bob\n", "c-none.example": VD + "/nowhere\n",
            "c-ext.example": VD + "$EXT@plain.example\n", "c-loop.example": VD
            + "lost@c-loop.example\n",
            "c-hash.example": VD + "'#x'\n", "c-dot.example": VD + "./alice/Maildir/\n",
            "c-pipe.example": VD + "'|/bin/true'\n", "c-mbox.example": VD + "./alice/Mailbox\n",
            "c-noarg.example": "| {home}/bin/vdelivermail\n",
            "c-one.example": "| {home}/bin/vdelivermail ''\n",
            "c-three.example": VD + "delete now\n", "c-three2.example": VD
            + "{dom}/alice Maildir/\n",
            "c-empty.example": VD + "''\n", "c-user.example": VD + "alice\n", "c-quoted.example": VD
            + "\"delete\"\n", "c-comment.example": "# vdelivermail '' delete\n",
            "c-nofile.example": None,
            "c-comment2.example": "# {home}/bin/vdelivermail '' bounce\n&x@out.example\n",
            "c-noprogram.example": "| /nonexistent/bin/vdelivermail '' delete\n",
            "c-multi.example": VD + "delete\n&log@out.example\n",
            "c-multi2.example": "&log@out.example\n" + BOUNCE,
            "c-other.example": VD + "bob@c-mailbox.example\n",
            "c-plain.example": "&x@out.example\n",
            "c-box.example": "./alice/Maildir/\n", "c-tail.example": VD
            + "delete # vdelivermail x\n",
            "c-true.example": "|/bin/true vdelivermail\n", "c-redirect.example": VD
            + "delete 2>&1 >/dev/null\n",
            "c-exec.example": "|exec {home}/bin/vdelivermail '' delete\n", "c-zero.example": "",
            "c-env.example": "|X=1 {home}/bin/vdelivermail '' delete\n",
            "c-cat.example": "|cat | {home}/bin/vdelivermail '' x@out.example\n",
            "c-host.example": VD + "$EXT@al.$HOST\n", "c-ext2.example": VD
            + "\"${EXT}@plain.example\"\n",
            "c-upper.example": VD + "DELETE\n", "c-amp.example": VD + "'&x@out.example'\n",
            "c-forward.example": "|{qmail}/bin/forward \"$EXT\"@plain.example\n"}.items():
        server.domain(name, default)
        server.ask(name, "alice", "nobody", "no-body")
        if name == "c-qmail.example":
            server.user(name, "bob", "&viabob@out.example\n")
    for name in ("c-upper.example", "c-dot.example"):
        server.ask(name, "a b")
    server.domain("c-secret.example", BOUNCE)
    os.chown(server.at(server.homes["c-secret.example"] + "/.qmail-default"), 0, 0)
    server.domain("c-mode.example", BOUNCE)
    os.chmod(server.at(server.homes["c-mode.example"] + "/.qmail-default"), 0o646)
    for name, owner, mode in (("d-sticky.example", OWNER, 0o1700), ("d-open.example", OWNER, 0o777),
                              ("d-root.example", (0, 0), 0o700),
                              ("d-rootopen.example", (0, 0), 0o755),
                              ("d-readonly.example", OWNER, 0o500)):
        home = server.domain(name)
        server.user(name, "nohome", maildir=False)
        os.chmod(server.at(home), mode)
        os.chown(server.at(home), *owner)
    server.ask("d-readonly.example", "nohome")
    server.ask("d-rootopen.example", "nohome")
    server.domain("d-away.example")
    server.assign[-1] = server.assign[-1].replace("/d-away.example:", "/d-nowhere.example:")
    server.domain("own.example", BOUNCE, owner=OTHER)
    for name in ("c-secret.example", "c-mode.example", "d-sticky.example", "d-open.example",
                 "d-root.example", "d-rootopen.example", "d-readonly.example", "d-away.example",
                 "own.example"):
        server.ask(name, "alice", "nobody")


def qmail_rules(server):
    """virtualdomains, users/assign, locals, percenthack."""
    plain = server.homes["plain.example"]
    server.virtual += ["vip@vd.example:plain.example-sales", "one@vd.example:plain.example",
                       "box@plain.example:plain.example-alice", ".wild.example:plain.example",
                       ".deep.wild.example:c-delete.example", "fake.example:plain.example",
                       "sys.example:joe", "sysbox.example:joe-box", "away.example:",
                       "dup.example:plain.example", "dup.example:c-delete.example",
                       "Upper.Example:plain.example", "nocolon.example",
                       "spaced.example:plain.example  ", "#x.example:plain.example",
                       "nobody.example:nobodyhere", "alias.example:alias-y", "colon.example:a:b",
                       "exact.example:exact", "zed.example:zed", "boss.example:plain.example-boss",
                       "cap.example:capX"]
    server.rcpt += ["vd.example", ".wild.example", "wild.example", "fake.example", "sys.example",
                    "sysbox.example", "away.example", "dup.example", "Upper.Example",
                    "nocolon.example", "spaced.example", "nobody.example", "alias.example",
                    "colon.example", "localhost", "mail.example.org", "hack.example",
                    "exact.example", "zed.example", "boss.example", "cap.example", "mixed.example",
                    "rooty.example", "short.example", "  blank.example", "out.example"]
    server.assign += ["=exact-who:joe:2001:2001:/home/joe:-:exactly:",
                      "+zed:joe:2001:2001:/home/joe:-:zed-:",
                      f"+plain.example-boss-:plain.example:89:89:{plain}/boss:-::",
                      f"+plain.example-pre-:plain.example:89:89:{plain}:-:sal:",
                      f"=plain.example-equal:plain.example:89:89:{plain}:-:sales:",
                      "+plain.example-:joe:2001:2001:/home/joe:-::",
                      "+capX:joe:2001:2001:/home/joe:-:cap-:",
                      f"+mixed.example-:plain.example:2001:2001:{plain}:-::",
                      f"+rooty.example-:rooty.example:0:0:{plain}:-::",
                      "+short.example-:joe:2001:2001:relative/path:-::"]
    server.virtual += ["mixed.example:mixed.example", "rooty.example:rooty.example",
                       "short.example:short.example"]
    server.make(plain + "/boss")
    server.put(plain + "/boss/.qmail-a", "&bossa@out.example\n", OWNER, 0o600)
    server.put(plain + "/boss/.qmail-default", "&boss@out.example\n", OWNER, 0o600)
    server.make("/home", (0, 0), 0o755)
    server.make("/home/joe", JOE, 0o755)
    server.maildir("/home/joe/Maildir", JOE)
    server.put("/home/joe/.qmail", "./Maildir/\n", JOE)
    for name, text in (("ext", "&joe-ext@out.example\n"), ("box-default", "&joe-box@out.example\n"),
                       ("exactly", "&exactly@out.example\n"), ("zed-default", "&zed@out.example\n"),
                       ("default", "&joe-default@out.example\n")):
        server.put("/home/joe/.qmail-" + name, text, JOE)
    server.make("/home/robbed", (0, 0), 0o755)
    server.make("/home/other", OTHER, 0o755)
    server.make(server.qmail + "/alias", (0, 2108), 0o2755)
    server.put(server.qmail + "/alias/.qmail-postmaster", "&alice@plain.example\n")
    server.put(server.qmail + "/alias/.qmail-y-default", "&alias-y@out.example\n")
    server.ask("vd.example", "vip", "VIP", "one", "two", "alice")
    server.ask("plain.example", "box", "boss-a", "boss-b", "boss-", "boss", "pre-es", "pre-x",
               "equal", "equalx", "EQUAL")
    server.ask("x.wild.example", "alice", "nobody", "sales")
    server.ask("x.deep.wild.example", "alice")
    server.ask("wild.example", "alice")
    server.ask("fake.example", "alice", "nobody", "sales", "list-x")
    server.ask("sys.example", "ext", "other", "")
    server.ask("sysbox.example", "anything")
    server.ask("away.example", "alice")
    server.ask("dup.example", "alice", "nobody")
    server.ask("upper.example", "alice")
    server.ask("UPPER.EXAMPLE", "ALICE")
    server.ask("nocolon.example", "alice")
    server.ask("spaced.example", "alice")
    server.ask("nobody.example", "alice")
    server.ask("alias.example", "alice")
    server.ask("colon.example", "alice")
    server.ask("exact.example", "who", "whom", "WHO")
    server.ask("zed.example", "any")
    server.ask("boss.example", "a", "other")
    server.ask("cap.example", "any")
    server.ask("mixed.example", "alice", "sales")
    server.ask("rooty.example", "alice")
    server.ask("short.example", "alice")
    server.ask("localhost", "joe", "JOE", "joe-ext", "joe-what", "zedfoo", "exact-who", "homeless",
               "robbed", "root", "nobody", "postmaster", "y-x", "plain.example-alice", "other", "")
    server.ask("mail.example.org", "joe", "joe-ext", "nobody")
    server.ask("Mail.Example.Org", "joe")
    server.ask("hack.example", "alice%plain.example", "sales%plain.example%hack.example",
               "x%out.example", "plain", "%", "a%b%plain.example")
    server.ask("blank.example", "alice")
    server.ask("refused.example", "alice")
    server.ask("sub.plain.example", "alice")
    server.ask("out.example", "far")
    server.addresses += ["alice", "joe", "postmaster"]


def whole_server(root, **options):
    server = RouteServer(root, **options)
    mailboxes(server)
    aliases(server)
    catch_alls(server)
    qmail_rules(server)
    return server.finish()


def small_server(root, **options):
    """One domain and an alias domain, for what is wrong with the server as a whole."""
    server = RouteServer(root, **options)
    name = "plain.example"
    home = server.domain(name, users=("alice", "bob"))
    server.alias(name, "sales", "&alice@plain.example\n&s@out.example\n")
    server.user(name, "forward", "&x@out.example\n")
    server.assign.append(f"+al.example-:{name}:89:89:{home}:-::")
    server.virtual.append("al.example:al.example")
    server.rcpt += ["al.example", "localhost"]
    server.make("/home", (0, 0), 0o755)
    server.make("/home/joe", JOE, 0o755)
    server.maildir("/home/joe/Maildir", JOE)
    server.put("/home/joe/.qmail", "./Maildir/\n", JOE)
    server.put("/home/joe/.qmail-default", "&joe-default@out.example\n", JOE)
    server.make(server.qmail + "/alias", (0, 2108), 0o2755)
    server.ask(name, "alice", "nobody", "sales", "forward")
    server.ask("al.example", "alice")
    server.ask("localhost", "joe", "joe-x", "plain.example-alice")
    server.ask("more.example", "alice")
    server.ask("any.out.example", "alice")
    return server.finish()


def extension_server(root, delivery=None, **options):
    """vpopmail 5.6 built with qmail-ext and defaultdelivery, its accounts in SQLite."""
    server = RouteServer(root, version="5.6.13",
                         defines=("QMAIL_EXT 1", "DEFAULT_DELIVERY 1", "USE_SQLITE 1",
                                  "MANY_DOMAINS 1"), **options)
    server.uses_sqlite = True
    name = "ext.example"
    home = server.domain(name, users=("alice", "bob", "a", "carol-x"))
    server.domain("extcatch.example", VD + "{dom}/box\n", users=("alice",))
    server.make(server.homes["extcatch.example"] + "/box")
    server.put(server.homes["extcatch.example"] + "/box/.qmail-work", "&boxwork@out.example\n",
               OWNER)
    server.maildir(server.homes["extcatch.example"] + "/box/Maildir")
    for path, text in (("bob/.qmail-work", "&work@out.example\n"),
                       ("bob/.qmail-lists-default", "&lists@out.example\n"),
                       ("bob/.qmail-v1:2", "&dots@out.example\n"),
                       ("a/.qmail-default", "&adefault@out.example\n"),
                       ("a/.qmail", "&aplain@out.example\n"),
                       ("carol-x/.qmail-x", "&carolx@out.example\n"),
                       (".qmail-alice-file", "&file@out.example\n"), ("bob/.qmail-empty", "")):
        server.put(f"{home}/{path}", text, OWNER, 0o600)
    if delivery is not None:
        server.put(server.qmail + "/control/defaultdelivery",
                   delivery.replace("{home}", server.home).replace("{dom}", home))
    server.user(name, "own", "./Maildir/\n")
    server.user(name, "locked", gid=BOUNCE_MAIL)
    server.user(name, "nohome", maildir=False)
    server.user(name, "nohome2", maildir=False)
    server.ask(name, "alice", "alice-x", "alice-file", "bob", "bob-work", "bob-WORK", "bob-other",
               "bob-lists-a-b", "bob-lists", "bob-v1.2", "bob-empty", "a", "a-", "a-b", "a-b-c",
               "carol-x", "carol-x-y", "carol", "nobody", "nobody-x", "-alice", "own", "own-x",
               "locked", "locked-x", "nohome", "nohome2-y")
    server.ask("extcatch.example", "alice", "some", "some-work", "some-x", "alice-work")
    return server.finish()


def rows_server(root, **options):
    """vpopmail 5.6 with MySQL, valias, and qmail-ext: `rows` is (alias, domain, line), in their
    order."""
    server = RouteServer(root, version="5.6.13",
                         defines=("QMAIL_EXT 1", "USE_MYSQL 1", "MANY_DOMAINS 1", "VALIAS 1"),
                         **options)
    server.uses_database = True
    name = "rows.example"
    home = server.domain(name, users=("alice", "bob", "both", "user"))
    server.assign.append(f"+rowsal.example-:{name}:89:89:{home}:-::")
    server.virtual += ["rowsal.example:rowsal.example", "handmade.example:rows.example"]
    server.rcpt += ["rowsal.example", "handmade.example"]
    server.domain("rowscatch.example", VD + "caught@rowscatch.example\n", users=("alice",))
    server.alias(name, "file", "&file@out.example\n")
    server.rows = [(alias, name, line) for alias, line in (
        ("sales", "&alice@rows.example"), ("sales", "&s@out.example"),
        ("both", "&both@out.example"), ("list-default", "&list@out.example"),
        ("file", "&row@out.example"), ("note", "# nothing"), ("box", home + "/alice/Maildir/"),
        ("badbox", home + "/none/Maildir/"), ("mbox", home + "/some-mbox"),
        ("program", "|/bin/true"), ("fails", "&x@out.example"), ("fails", "|exit 100"),
        ("fails", "&y@out.example"), ("stops", "|exit 99"), ("stops", "&y@out.example"),
        ("loop", "&loop@rows.example"), ("user-ext", "&ext@out.example"),
        ("short", "&short@out.example"), ("default", "&default@out.example"),
        ("a.c", "&dots@out.example"), ("bare", "x@out.example"), ("nohost", "alice"),
        ("round", "&round2@rowsal.example"), ("round2", "&round@rows.example"),
        ("relative", "./alice/Maildir/"))]
    server.rows += [("dead", "rowsal.example", "&dead@out.example"),
                    ("hand", "handmade.example", "&hand@out.example"),
                    ("caught", "rowscatch.example", "&caught@out.example")]
    server.ask(name, "alice", "bob", "nobody", *sorted({row[0] for row in server.rows}), "list-x",
               "list-a-b", "list", "user", "user-other", "short-x", "x-default", "SALES", "A.C",
               "both-x", "alice-x")
    server.ask("rowsal.example", "sales", "dead", "alice", "round")
    server.ask("handmade.example", "hand", "sales", "file", "alice")
    server.ask("rowscatch.example", "alice", "nobody", "caught")
    return server.finish()


MYSQL_TABLES = """
create table vpopmail (pw_name char(64) not null, pw_domain char(96) not null,
  pw_passwd char(128), pw_uid int, pw_gid int, pw_gecos char(64), pw_dir char(160),
  pw_shell char(20), primary key (pw_name, pw_domain));
create table valias (id int(11) auto_increment primary key, alias varchar(32) not null,
  domain varchar(96) not null, valias_line text not null, key (alias, domain));
"""


def mysql_text(server):
    """The statements that put the accounts and rows of a server into an empty database."""
    def quoted(text):
        return "'" + text.replace("'", "''") + "'"
    lines = [MYSQL_TABLES]
    for domain, accounts in server.accounts.items():
        for name, row in accounts.items():
            fields = row.split(":")
            lines.append(f"insert into vpopmail values ({quoted(name)}, {quoted(domain)}, "
                         f"{quoted(fields[0])}, {fields[1]}, {fields[2]}, "
                         f"{', '.join(quoted(field) for field in fields[3:6])});")
    lines += ["insert into valias (alias, domain, valias_line) values "
              f"({', '.join(map(quoted, row))});" for row in server.rows]
    return "\n".join(lines)


DELIVERIES = {"none": None, "itself": "| {home}/bin/vdelivermail '' delete\n",
              "maildir": "./Maildir/\n", "forward": "# comment\n&dd@out.example\n",
              "both": "&dd@out.example\n| vdelivermail\n", "empty": "",
              "comment": "# vdelivermail\n", "other": "{dom}/alice/Maildir/\n",
              "fails": "|exit 111\n"}


def shut(server, path, mode=0o600):
    os.chmod(server.at(path), mode)
    os.chown(server.at(path), 0, 0)


def without_cdb(*names):
    def change(server):
        home = server.homes["plain.example"]
        os.unlink(server.at(home + "/vpasswd.cdb"))
        for name in names:
            shut(server, f"{home}/{name}")
    return change


def empty_key(server):
    server.put(server.qmail + "/control/virtualdomains", "plain.example:plain.example\n:joe-rest\n")
    os.unlink(server.at(server.qmail + "/control/rcpthosts"))


def cdb_without_last_bytes(server):
    server.put(server.qmail + "/users/cdb", make_server.cdb(
        [(b"!plain.example-", b"plain.example\x0089\x0089\x00/x\x00-\x00")]))


def more_hosts(server, mode=0o644):
    server.put(server.qmail + "/control/morercpthosts.cdb",
               make_server.cdb([(b"more.example", b"")]), mode=mode)


def qmail_shut(name, mode=0o600):
    return lambda server: shut(server, f"{server.qmail}/{name}", mode)


def removed(*names):
    def change(server):
        for name in names:
            os.unlink(server.at(f"{server.qmail}/{name}"))
    return change


FAULTS = {
    "nothing": lambda server: None,
    "empty key and no rcpthosts": empty_key,
    "users/cdb shut": qmail_shut("users/cdb"),
    "users shut": qmail_shut("users", 0o700),
    "users/cdb gone": removed("users/cdb"),
    "users/cdb without its last record": cdb_without_last_bytes,
    "users/cdb is no cdb": lambda server: server.put(server.qmail + "/users/cdb", "x"),
    "rcpthosts shut": qmail_shut("control/rcpthosts"),
    "virtualdomains shut": qmail_shut("control/virtualdomains"),
    "locals shut": qmail_shut("control/locals"),
    "me shut": qmail_shut("control/me"),
    "locals gone": removed("control/locals"),
    "locals and me gone": removed("control/locals", "control/me"),
    "control shut": qmail_shut("control", 0o700),
    "percenthack shut": qmail_shut("control/percenthack"),
    "defaulthost shut": lambda server: (server.put(server.qmail + "/control/defaulthost", "x\n"),
                                        qmail_shut("control/defaulthost")(server)),
    "morercpthosts.cdb": more_hosts,
    "morercpthosts.cdb shut": lambda server: more_hosts(server, 0o600),
    "vpopmail's home shut": lambda server: shut(server, server.home, 0o700),
    "domains shut": lambda server: shut(server, server.home + "/domains", 0o700),
    "vpasswd.cdb gone": without_cdb(),
    "vpasswd.cdb gone, lock shut": without_cdb(".vpasswd.lock"),
    "vpasswd.cdb gone, vpasswd shut": without_cdb("vpasswd"),
    "vpasswd.cdb shut": lambda server: shut(server, server.homes["plain.example"] + "/vpasswd.cdb"),
    "vpasswd.cdb and lock shut": lambda server: (
        shut(server, server.homes["plain.example"] + "/vpasswd.cdb"),
        shut(server, server.homes["plain.example"] + "/.vpasswd.lock")),
    "vdelivermail shut": lambda server: shut(server, server.home + "/bin/vdelivermail", 0o700),
    "vdelivermail is no program": lambda server: os.chmod(server.at(server.home
                                                                    + "/bin/vdelivermail"), 0o644),
    "bin of vpopmail shut": lambda server: shut(server, server.home + "/bin", 0o700),
}


def parse_routes(text):
    """What `vstate route` printed: address -> sorted ends, without the root of paths."""
    found, address = {}, None
    for line in text.splitlines():
        if not line.startswith(" "):
            address = line
            found[address] = []
        elif line.startswith(("  = ", "  ! ")):
            found[address].append(line[4:])
    return found
