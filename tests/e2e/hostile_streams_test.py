"""Streams, archives and servers that somebody made to do harm: each digest is right, each size is
as it is told; what is wrong is what is said. Nothing outside of the domain is changed or read,
nothing hangs, and what is refused is refused with its name."""

import os
import socket
import subprocess
import tarfile
import unittest

import support
from support import domain_text
from support.streams import link, made_of

NAME = "example.com"
CANARY = b"canary-that-vpopmail-may-not-read"
BODY = b"Subject: hello\n\nhi\n"
DOCUMENT = domain_text(NAME, mailboxes=("postmaster", "alice"), more="[list.news]\n")
ALICE = "mailbox/alice/"
CHANGES = ("changes/mailbox/alice", b"")
END = ("end", b"changed 0\n")
KEY = b"0123456789abcdef" * 2


def whole(*entries):
    """With what belongs before and behind it."""
    return made_of(("domain.toml", DOCUMENT.encode()), *entries, CHANGES, END)


WITH_ARCHIVE = DOCUMENT.replace("[list.news]", f"""[mailbox.bob]
password = ""
mail = {{ archive = "/etc/passwd", sha256 = "{"0" * 64}" }}
""")
DIRECTORY = {"kind": tarfile.DIRTYPE, "mode": 0o700}
MAILDIR = [(ALICE + place, b"", DIRECTORY)
           for place in ("Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp")]
GOOD = (*MAILDIR, (ALICE + "Maildir/cur/1700000000.1.a:2,S", BODY))
#: Streams that are refused, and what is said. "" stands for a refusal of any words.
REFUSED = {
    "nothing": (b"", ""),
    "its first bytes only": (b"\x28\xb5\x2f\xfd", ""),
    "no tar within": (subprocess.run(["zstd", "-1cq"], input=b"x" * 3000, stdout=subprocess.PIPE,
                                     check=True).stdout,
                      "the stream: "),
    "an empty tar": (made_of(), "cut off"),
    "no document": (made_of(*GOOD, CHANGES, END), ""),
    "a directory as document": (made_of(("domain.toml", b"", DIRECTORY)),
                                '"domain.toml" is no text'),
    "a link as document": (made_of(("domain.toml", b"", link("/etc/passwd"))),
                           '"domain.toml" is no text'),
    "a document that is none": (made_of(("domain.toml", b"[")), ""),
    "a document with archives": (made_of(("domain.toml", WITH_ARCHIVE.encode()), END), ""),
    "two documents": (made_of(("domain.toml", DOCUMENT.encode()),
                              ("domain.toml", DOCUMENT.encode()), END),
                      '"domain.toml" does not belong there'),
    "no end": (made_of(("domain.toml", DOCUMENT.encode()), *GOOD, CHANGES), "cut off"),
    "a mailbox nobody announced": (whole(("mailbox/mallory/Maildir/new/1.a", BODY)), "mallory"),
    "a kind of its own": (whole(("system/etc/passwd", BODY)),
                          '"system/etc/passwd" does not belong there'),
    "a name of one part": (whole(("passwd", BODY)), '"passwd" does not belong there'),
    "a mailbox called ..": (whole(("mailbox/../x", BODY)), 'leads up ("..")'),
    "an absolute name": (whole(("/mailbox/alice/x", BODY)), "an absolute name"),
    "up from a mailbox": (whole((ALICE + "../../x", BODY)), 'leads up ("..")'),
    "up from files": (whole(("files/../../x", BODY)), 'leads up ("..")'),
    "a device": (whole((ALICE + "sda", b"", {"kind": tarfile.BLKTYPE})), "device"),
    "a fifo": (whole((ALICE + "fifo", b"", {"kind": tarfile.FIFOTYPE})), "fifo"),
    "a second name": (whole((ALICE + "x", b"", {"kind": tarfile.LNKTYPE, "target": "/etc/shadow"})),
                      ""),
    "a second name of another's": (whole(*GOOD, ("mailbox/postmaster/Maildir/new/1.b", b"",
                                                 {"kind": tarfile.LNKTYPE,
                                                  "target": "domain.toml"})), ""),
    "a long name": (whole((ALICE + "n" * 256, BODY)), "too long"),
    "less than a digest": (made_of(("domain.toml", b"", {"size": 10})), ""),
    "more than was sent": (made_of(("domain.toml", DOCUMENT.encode()),
                                   (ALICE + "Maildir/new/1.a", BODY, {"size": 500}),
                                   CHANGES, END), "is not what was sent"),
    "changes of no key": (whole(*MAILDIR, ("changes/mailbox/alice", b"zz\n")), "a line of changes"),
    "changes of a short key": (whole(*MAILDIR, ("changes/mailbox/alice", KEY[:-1] + b"\n")),
                               "a line of changes"),
    "changes without a blank": (whole(*MAILDIR, ("changes/mailbox/alice", KEY + b"x\n")),
                                "a line of changes"),
    "changes that lead out": (whole(*MAILDIR, ("changes/mailbox/alice", KEY + b" ../../x\n")),
                              'leads up ("..")'),
    "changes that lead to the root": (whole(*MAILDIR, ("changes/mailbox/alice", KEY
                                                       + b" /etc/x\n")), "absolute"),
    "changes of what is no box": (whole(("changes/etc", KEY + b"\n")), "does not belong there"),
    "a directory as end": (made_of(("domain.toml", DOCUMENT.encode()), ("end", b"", DIRECTORY)),
                           '"end" is no text'),
    "digits of another stream": (whole(*GOOD)[:200]
                                 + made_of(("domain.toml", DOCUMENT.encode()))[200:], ""),
}
#: What a stream may hold that is left out or does no harm: the rest arrives.
HARMLESS = {
    "a link out of the mailbox": whole(*GOOD, (ALICE + "out", b"", link("../../../../etc"))),
    "a link to the root": whole(*GOOD, (ALICE + "root", b"", link("/etc"))),
    "a link through a name and up": whole(*GOOD, (ALICE + "up", b"", link("Maildir/../../bob"))),
    "a file behind a link": whole(*GOOD, (ALICE + "in", b"", link("Maildir")),
                                  (ALICE + "in/cur/x", BODY)),
    "a link, and a file below it": whole(*GOOD, (ALICE + "out", b"", link("/etc")),
                                         (ALICE + "out/x", BODY)),
    "accounts as files": whole(*GOOD, ("files/vpasswd", b"mallory:x:0:0::/:\n")),
    "an index as files": whole(*GOOD, ("files/vpasswd.cdb", b"x")),
    "delivery as files": whole(*GOOD, ("files/.qmail-default", b"|id\n")),
    "limits as files": whole(*GOOD, ("files/.qmailadmin-limits", b"x")),
    "vstate's own as files": whole(*GOOD, ("files/.vstate-dir-control", b"x")),
    "a home as files": whole(*GOOD, ("files/alice/.qmail", b"|id\n")),
    "the delivery of a mailbox": whole(*GOOD, (ALICE + ".qmail", b"|id\n")),
    "a list's subscribers": whole(*GOOD, ("list/news/subscribers/A", b"Tx@example.org\0")),
    "a list's editor": whole(*GOOD, ("list/news/editor", b"|id\n")),
    "a list's lock": whole(*GOOD, ("list/news/lock", b"x")),
    "set-id bits": whole(*GOOD, (ALICE + "program", b"x", {"mode": 0o6755})),
    "a directory for all": whole(*GOOD,
                                 (ALICE + "open", b"", {"kind": tarfile.DIRTYPE, "mode": 0o1777})),
    "a file where a directory is": whole((ALICE + "Maildir", BODY)),
    "a directory where a file is": whole(*GOOD, (ALICE + "Maildir/cur/1700000000.1.a:2,S", b"",
                                                 DIRECTORY)),
    "a temporary of vstate's": whole(*GOOD, (ALICE + "Maildir/tmp/vstate.x", BODY)),
    "changes of a message nobody has": whole(*GOOD, ("changes/mailbox/alice", KEY
                                                     + b" Maildir/cur/x:2,S\n")),
    "the loss of a message nobody has": whole(*GOOD, ("changes/mailbox/alice", KEY + b"\n")),
    "a list nobody announced": whole(*GOOD, ("list/evil/archive/0/01", BODY)),
    "a list's editor in a folder": whole(*GOOD, ("list/news/digest/editor", b"|id\n")),
    "a list as files": whole(*GOOD, ("files/news/editor", b"|id\n")),
    "a message as files": whole(*GOOD, ("files/alice/Maildir/new/1700000000.7.a", BODY)),
    "a thing behind the end": made_of(("domain.toml", DOCUMENT.encode()), *GOOD, CHANGES, END,
                                      ("files/x", BODY)),
}


def tree(root):
    """What stands below a directory: kind, owner, mode, and what is in it."""
    found = {}
    for place, directories, names in os.walk(root):
        for path in [place, *(os.path.join(place, name) for name in directories + names)]:
            inode, mode, uid, gid, _, _, _, _, content = support.entry_of(path)
            found[path] = (inode, mode, uid, gid, content)
    return found


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class HostileStreamTest(support.SandboxCase):
    def fresh(self, title):
        server = self.server(title.replace(" ", "-").replace("'", ""))
        server.write("/etc/shadow", CANARY, 0o600)
        return server

    def take(self, server, stream):
        """Takes a stream; what is no part of the domain stays as it is."""
        path = os.path.join(self.directory, "stream")
        with open(path, "wb") as file:
            file.write(stream)
        outside = [server.at("/etc"), server.at("/var/qmail/control"),
                   server.at(server.home + "/bin")]
        before = [tree(place) for place in outside[::2]]
        with open(path, "rb") as file:
            done = support.Outcome(subprocess.run([support.VSTATE, *server.options, "apply",
                                                   "--yes", "-"], stdin=file,
                                                  capture_output=True, check=False, timeout=60,
                                                  env=support.environment()))
        self.assertEqual([tree(place) for place in outside[::2]], before)
        self.assertNotIn(CANARY.decode(), done.out + done.err)
        return done

    def check_own_files(self, server):
        """What vpopmail and vstate keep themselves is theirs, and nothing can be run by root."""
        place = server.directory_of(NAME)
        self.assertNotIn(b"mallory", server.read(f"{place}/vpasswd"))
        self.assertNotIn(b"|id", server.read(f"{place}/.qmail-default"))
        for path, seen in tree(server.at(place)).items():
            self.assertEqual(seen[1] & 0o6000, 0, path)
            self.assertEqual(seen[2:4], support.OWNER, path)
            if os.path.islink(path):
                end = os.path.realpath(path)
                self.assertTrue(end.startswith(os.path.realpath(server.at(place)) + "/"),
                                (path, end))
            if seen[4] and os.path.isfile(path):
                with open(path, "rb") as file:
                    self.assertNotIn(b"|id", file.read(), path)
        self.assertFalse(os.path.exists(server.at(f"{place}/alice/.qmail")))
        self.assertEqual(os.listdir(server.at(f"{place}/alice/Maildir/new")), [])
        self.assertFalse(os.path.exists(server.at(f"{place}/evil")))

    def test_refused(self):
        for title, (stream, said) in REFUSED.items():
            with self.subTest(title):
                done = self.take(self.fresh(title), stream)
                self.assertIn(done.code, (1, 3), done)
                self.assertRegex(done.err, "(?m)^vstate: ")
                self.assertIn(said, done.out + done.err)

    def test_harmless(self):
        for title, stream in HARMLESS.items():
            with self.subTest(title):
                server = self.fresh(title)
                done = self.take(server, stream)
                self.assertIn(done.code, (0, 3), done)
                if done.code == 3:
                    # What is not whole is not live.
                    self.assertFalse(os.path.exists(server.users("assign")))
                    continue
                self.check_own_files(server)
                if title != "a file where a directory is":
                    path = f"{server.directory_of(NAME)}/alice/Maildir/cur/1700000000.1.a:2,S"
                    self.assertEqual(server.read(path), BODY)
                # Again it is no worse.
                self.assertIn(self.take(server, stream).code, (0, 3))
                self.check_own_files(server)

    def test_good(self):
        """What these streams are made from is taken whole."""
        server = self.fresh("good")
        self.assertEqual(self.take(server, whole(*GOOD)).code, 0)
        self.check_own_files(server)


def special(kind):
    def make(case, path):
        if os.path.lexists(path):
            os.rename(path, path + ".before")
        if kind == "fifo":
            os.mkfifo(path, 0o600)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as made:
                here = os.open(os.path.dirname(path), os.O_PATH)
                made.bind(f"/proc/self/fd/{here}/{os.path.basename(path)}")
                os.close(here)
        else:
            os.mkdir(path, 0o700)
        os.lchown(path, *support.OWNER)
    return make


#: Files of a domain in whose place something stands that no server makes.
PLACES = (".qmail-default", ".qmail-sales", "vpasswd", "vpasswd.cdb", ".vpasswd.lock",
          ".qmailadmin-limits", ".dir-control",
          "alice/.qmail", "alice/lastauth", "alice/vacation/message",
          "alice/Maildir/cur/1700000000.2.b:2,S",
          "alice/Maildir/dovecot-uidlist", "alice/Maildir/subscriptions",
          "alice/Maildir/maildirsize",
          "alice/Maildir/shared-maildirs", "news/editor", "news/lock", "news/subscribers/A",
          "news/key")


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class HostileServerTest(support.SandboxCase):
    """What the mail's owner put in the place of a file: as a source and as a target it is named or
    left, no run waits for it, and the program ends by itself."""

    def check(self, kind):
        text = domain_text(NAME, mailboxes=("postmaster", "alice"), head="",
                           more='[alias.sales]\ndeliver = ["&a@example.org"]\n'
                                '[list.news]\nsubscribers = ["a@b.org"]\n')
        file = self.file("one.toml", text)
        more = self.file("more.toml", text.replace('["a@b.org"]', '["a@b.org", "c@d.org"]').replace(
            "&a@example.org", "&b@example.org") + support.mailbox_text("bob"))
        for place in PLACES:
            with self.subTest(place=place):
                server = self.server(f"{kind}-{place}".replace("/", "-"))
                self.apply(server, file)
                home = server.directory_of(NAME)
                server.write(f"{home}/alice/Maildir/cur/1700000000.1.a:2,S", BODY, 0o600,
                             support.OWNER)
                path = server.at(f"{home}/{place}")
                if not os.path.isdir(os.path.dirname(path)):
                    os.mkdir(os.path.dirname(path), 0o700)
                    support.give(os.path.dirname(path))
                special(kind)(self, path)
                out = os.path.join(self.directory, f"out-{PLACES.index(place)}")
                onto = self.server(f"onto-{kind}-{place}".replace("/", "-"))
                for which, command in ((server, ("dump", NAME, "--mail", out, "-o", out + ".toml")),
                                       (onto, ("pull", server.root, NAME)),
                                       (server, ("plan", more)),
                                       (server, ("apply", more)), (server, ("verify", more)),
                                       (server,
                                        ("apply", "--prune", "--yes", "--max-delete", "9", file))):
                    done = which.vstate("--lock-seconds", "1", *command, timeout=90)
                    self.assertIn(done.code, (0, 1, 2, 3, 75), (command, done))
                    self.assertNotIn("internal error", done.err)

    def test_fifo(self):
        self.check("fifo")

    def test_socket(self):
        self.check("socket")

    def test_directory(self):
        self.check("directory")


if __name__ == "__main__":
    support.main()
