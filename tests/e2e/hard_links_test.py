"""Hard links: whoever may write to a mailbox gives a file of somebody else's a second name there,
where the kernel lets them. What is written, owned, or deleted under that name is not the other
file, on neither side."""

import os
import subprocess
import unittest

import support
from support import domain_text

NAME = "example.com"
CANARY = b"canary-that-vpopmail-may-not-read"
LIST = '\n[list.news]\nsubscribers = ["a@example.org"]\nfiles = { editor = "x" }\n'
#: Where the second name is, below the domain's directory.
PLACES = (
    "alice/Maildir/cur/1700000000.1.old:2,S", "alice/Maildir/new/1700000000.2.own",
    "alice/Maildir/tmp/1700000000.3.own", "alice/Maildir/tmp/vstate.1700000000.4.own",
    "alice/Maildir/maildirsize", "alice/Maildir/subscriptions", "alice/Maildir/dovecot-uidlist",
    "alice/Maildir/dovecot-uidlist.lock", "alice/Maildir/.vstate-subscriptions.vstate-tmp",
    "alice/Maildir/.vstate-dovecot-uidlist.vstate-tmp", "alice/.qmail", "alice/lastauth",
    "alice/.vstate-lastauth.vstate-tmp", "alice/vacation", "vpasswd", "vpasswd.cdb",
    ".vpasswd.lock",
    ".vstate-vpasswd.vstate-tmp", ".qmail-default", ".qmail-sales",
    ".vstate-.qmail-sales.vstate-tmp",
    ".qmailadmin-limits", ".dir-control", "news/lock", "news/editor", "news/subscribers/A",
    "news/subscribers/5", "note")


@unittest.skipUnless(support.IS_ROOT, "needs root: the other file is root's")
class HardLinkTest(support.SandboxCase):
    def text(self, boxes=("postmaster", "alice", "bob"), more=""):
        return domain_text(mailboxes=boxes, more='[alias.sales]\ndeliver = ["&alice@example.com"]\n'
                           + LIST + more)

    def made(self, title):
        """A server with the domain, and with some mail."""
        server = self.server(title)
        self.apply(server, self.file("one.toml", self.text()))
        for box in ("alice", "bob"):
            for name in ("cur/1700000000.1.old:2,S", "subscriptions", "dovecot-uidlist"):
                server.write(f"{server.directory_of(NAME)}/{box}/Maildir/{name}",
                             "of the mailbox\n", 0o600,
                             support.OWNER)
        return server

    def link(self, server, mode, only=None):
        """Gives files of root's, which hold what nobody else may read, a second name at each
        place."""
        made = {}
        for number, place in enumerate(PLACES):
            if only is not None and place not in only:
                continue
            outside = server.write(f"/etc/secret-{number}", CANARY, mode)
            inside = server.at(f"{server.directory_of(NAME)}/{place}")
            if not os.path.isdir(os.path.dirname(inside)):
                continue
            if os.path.lexists(inside):
                os.unlink(inside)
            os.link(outside, inside)
            made[outside] = place
        return made

    @staticmethod
    def seen(paths):
        """All of a file but how many names it has, and when that changed."""
        found = {}
        for path in paths:
            inode, mode, uid, gid, _, size, mtime, _, content = support.entry_of(path)
            found[path] = (inode, mode, uid, gid, size, mtime, content)
        return found

    def carried(self, place):
        data = b""
        for parent, _, names in os.walk(place):
            for name in names:
                with open(os.path.join(parent, name), "rb") as file:
                    data += file.read()
                if name.endswith(".zst"):
                    data += subprocess.run(["zstd", "-dcq", os.path.join(parent, name)],
                                           stdout=subprocess.PIPE,
                                           check=True).stdout
        return data

    def source(self):
        """Where what comes differs from what is there, in each of the places."""
        source = self.server("source")
        more = '[[file]]\npath = "note"\ntext = "x"\n'
        text = self.text(more=more).replace('"a@example.org"', '"b@example.org", "c@example.org"')
        text = text.replace("&alice@", "&bob@")
        self.apply(source, self.file("source.toml", text))
        home = f"{source.directory_of(NAME)}/alice"
        for path in ("cur/1700000000.1.old:2,S", "new/1700000000.2.own", "new/1700000000.9.new",
                     "subscriptions",
                     "dovecot-uidlist"):
            source.write(f"{home}/Maildir/{path}", "of the source\n", 0o600, support.OWNER)
        source.write(f"{home}/.qmail", "./Maildir/\n", 0o600, support.OWNER)
        return source

    def test_target(self):
        """All at once, and each place by itself."""
        source = self.source()
        wanted = os.path.join(self.directory, "wanted.toml")
        mail = ("--mail", os.path.join(self.directory, "mail"))
        self.check_exit(source.vstate("dump", NAME, *mail, "-o", wanted))
        small = self.file("small.toml", domain_text(mailboxes=("postmaster", "bob")))
        prune = ("--prune", "--yes", "--max-delete", "99")
        for number, only in enumerate((None, *((place,) for place in PLACES))):
            for mode in (0o600, 0o644) if only is None else (0o600,):
                with self.subTest(only=only, mode=mode):
                    server = self.made(f"target-{number}-{mode:o}")
                    outside = self.link(server, mode, only)
                    before = self.seen(outside)
                    for command in (("plan", wanted, *mail), ("apply", "--yes", wanted, *mail),
                                    ("verify", wanted, *mail), ("pull", source.root, NAME),
                                    ("pull", *prune, source.root, NAME), ("apply", *prune, small)):
                        outcome = server.vstate(*command)
                        self.assertIn(outcome.code, (0, 1, 2, 3), (command, outcome))
                        if mode == 0o600:
                            self.assertFalse(CANARY.decode() in outcome.out + outcome.err, command)
                        self.assertEqual(self.seen(outside), before, (command, outcome))

    def test_given_to_nobody(self):
        """A home whose owner is put right keeps what has another name elsewhere as it is."""
        for place in ("inside", "named"):
            with self.subTest(place):
                server = self.made(place)
                home = f"{server.directory_of(NAME)}/alice"
                options = ()
                if place == "named":
                    # Nothing above it is vpopmail's: it is root itself that works there.
                    server.write("/disk2/alice/Maildir/cur/1700000000.1.old:2,S", "x", 0o600)
                    path = f"{server.directory_of(NAME)}/vpasswd"
                    server.write(path, server.read(path).decode().replace(home, "/disk2/alice"),
                                 0o600, support.OWNER)
                    home, options = "/disk2/alice", ("--homes", "/disk2")
                for parent, _, _ in list(os.walk(server.at(home))):
                    os.chown(parent, 0, 0)
                outside = server.write("/etc/shadow", CANARY, 0o600)
                os.link(outside, server.at(f"{home}/Maildir/cur/1700000000.5.own:2,S"))
                before = self.seen([outside])
                file = self.file("again.toml", self.text())
                for _ in range(2):
                    outcome = self.check_exit(server.vstate(*options, "apply", file), 3)
                    self.assertEqual(self.seen([outside]), before)
                if place == "named":
                    self.assertIn("belongs to uid 0 and has another name; give it away by hand",
                                  outcome.out + outcome.err)

    def test_source(self):
        """What its owner could not read is not carried, and that is said; no dump changes
        anything."""
        for place in PLACES:
            with self.subTest(place):
                server = self.made(f"source-{PLACES.index(place)}")
                outside = self.link(server, 0o600, (place,))
                before = self.seen(outside)
                out = os.path.join(self.directory, f"out-{PLACES.index(place)}")
                os.mkdir(out)
                dumped = server.vstate("dump", NAME, "--mail", out, "-o", f"{out}/domain.toml")
                self.assertIn(dumped.code, (0, 1, 2, 3), dumped)
                onto = self.server(f"onto-{PLACES.index(place)}")
                pulled = onto.vstate("pull", "--prune", "--yes", server.root, NAME)
                self.assertIn(pulled.code, (0, 1, 2, 3), pulled)
                self.assertEqual(self.seen(outside), before)
                for text in (self.carried(out), self.carried(onto.root), dumped.out.encode(),
                             dumped.err.encode(), pulled.out.encode(), pulled.err.encode()):
                    self.assertFalse(CANARY in text, "it was carried")
                if dumped.code != 0:
                    self.assertIn("ermission denied", dumped.err)


if __name__ == "__main__":
    support.main()
