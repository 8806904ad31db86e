"""A domain that is half there: each of the five places of a domain's state (law 5) is broken in
turn. The plan names what is broken, apply repairs exactly that, and verify is clean afterwards."""

import os
import shutil

import support
from support import needs_root, servers

NAME, ALIAS = "example.com", "example.net"


def meaning(entry):
    """What a snapshot's entry says apart from inode and times."""
    inode, mode, uid, gid, links, size, mtime, ctime, content = entry
    return mode, uid, gid, content


def meanings(taken):
    """Of a whole snapshot, without the lock files that whoever edits leaves behind, and without the
    ledger and the records of runs, which tell of each run."""
    return {path: meaning(entry) for path, entry in taken.items()
            if not path.endswith((".lock", "ledger.sqlite")) and "lib/vstate/runs" not in path}


class RepairTest(support.SandboxCase):
    """Two domains, the broken one between them in every file."""

    def setUp(self):
        self.target = self.server(clear=True)
        for name in ("aaa.example", "zzz.example.org"):
            self.apply(self.target, self.file(name, support.domain_text(name)))
        self.stale = {path: self.target.read(path) for path in (self.target.users("cdb"),)}
        small = self.file("small.toml", support.domain_text(NAME, ["postmaster"]))
        self.apply(self.target, small)
        index = self.target.domain(NAME, "vpasswd.cdb")
        self.stale[index] = self.target.read(index)
        self.toml = self.file("whole.toml", support.domain_text(
            NAME, ["postmaster", "alice", "bob"], head=f'aliases = ["{ALIAS}"]',
            more='[alias.sales]\ndeliver = ["&alice@example.com"]\n'))
        self.apply(self.target, self.toml)
        self.check_nothing_to_do(self.target, self.toml)
        self.good = self.target.snapshot()

    def without_line(self, path, line):
        lines = self.target.read(path).decode().splitlines(True)
        self.assertIn(line + "\n", lines)
        self.target.write(path, "".join(old for old in lines if old != line + "\n"))

    def check_repair(self, named, *touched):
        """Plan says `named`; afterwards all is as it was; only `touched` was replaced."""
        plan = self.check_exit(self.target.vstate("plan", self.toml))
        self.assertRegex(plan.out, named)
        self.check_exit(self.target.vstate("verify", self.toml), 2)
        broken = self.target.snapshot()
        self.apply(self.target, self.toml)
        after = self.target.snapshot()
        self.assertEqual(meanings(after), meanings(self.good))
        changed = [path for path in support.changed_paths(broken, after)
                   if not os.path.isdir(os.path.join(self.target.root, path))
                   and not path.endswith(".lock") and not path.startswith("var/lib/vstate/")]
        self.assertEqual(set(changed) - {os.path.relpath(path, self.target.root)
                                         for path in touched}, set())
        verify = self.check_exit(self.target.vstate("verify", "--deep", self.toml))
        self.assertIn(f"{NAME} is whole", verify.out)
        self.check_nothing_to_do(self.target, self.toml)

    def domain_line(self, name=NAME):
        owner = f"{support.OWNER[0]}:{support.OWNER[1]}"
        return f"+{name}-:{NAME}:{owner}:{self.target.home}/domains/{NAME}:-::"

    def test_assign_line_lost(self):
        """The domain's line in users/assign is gone, users/cdb still has it."""
        path = self.target.users("assign")
        self.without_line(path, self.domain_line())
        self.check_repair(r"~? .*example\.com .*users/assign", path, self.target.users("cdb"))

    def test_alias_line_lost(self):
        """An alias domain's line in users/assign is gone."""
        path = self.target.users("assign")
        self.without_line(path, self.domain_line(ALIAS))
        self.check_repair(r"example\.net .*", path, self.target.users("cdb"))

    def test_users_cdb_stale(self):
        """users/cdb is older than users/assign and does not have the domain."""
        path = self.target.users("cdb")
        self.target.write(path, self.stale[path])
        self.check_repair(r"example\.com .*users/cdb", path)

    def test_users_cdb_missing(self):
        """users/cdb is gone altogether."""
        path = self.target.users("cdb")
        os.unlink(path)
        self.check_repair(r"example\.com .*users/cdb", path)

    def test_virtualdomains_line_lost(self):
        """virtualdomains does not send the domain to itself."""
        path = self.target.control("virtualdomains")
        self.without_line(path, f"{NAME}:{NAME}")
        self.check_repair(r"example\.com .*virtualdomains", path, self.target.users("cdb"))

    def test_rcpthosts_line_lost(self):
        """SMTP does not accept the domain."""
        path = self.target.control("rcpthosts")
        self.without_line(path, NAME)
        self.check_repair(r"example\.com .*rcpthosts", path, self.target.users("cdb"))

    def test_right_users_cdb_is_left_alone(self):
        """Exactly what is broken is repaired: users/cdb is not replaced when only rcpthosts is."""
        path = self.target.control("rcpthosts")
        self.without_line(path, NAME)
        self.check_repair(r"example\.com .*rcpthosts", path)

    def test_in_locals(self):
        """The domain stands in locals, which beats virtualdomains."""
        path = self.target.control("locals")
        text = self.target.read(path).decode()
        self.target.write(path, text.replace("localhost\n", f"localhost\n{NAME}\n"))
        self.check_repair(r"example\.com .*locals", path, self.target.users("cdb"))

    def test_index_deleted(self):
        """vpasswd.cdb is gone."""
        path = self.target.domain(NAME, "vpasswd.cdb")
        os.unlink(path)
        self.check_repair(r"vpasswd\.cdb is missing", path, self.target.domain(NAME, "vpasswd"))

    @needs_root
    def test_index_stale(self):
        """vpasswd.cdb lacks accounts that vpasswd has."""
        path = self.target.domain(NAME, "vpasswd.cdb")
        self.target.write(path, self.stale[path])
        self.check_repair(r"vpasswd\.cdb", path, self.target.domain(NAME, "vpasswd"))

    def test_home_missing(self):
        """An account's home is gone with all that was in it."""
        shutil.rmtree(self.target.domain(NAME, "alice"))
        self.check_repair(r"alice +.*the home is missing")

    def test_maildir_incomplete(self):
        """A home has no Maildir/tmp, so nothing can be delivered."""
        os.rmdir(self.target.domain(NAME, "bob/Maildir/tmp"))
        self.check_repair(r"bob +.*Maildir/tmp is missing")

    @needs_root
    def test_maildir_of_root(self):
        """A Maildir belongs to root after somebody's cp: deliveries would defer or bounce."""
        for path in ("", "/Maildir", "/Maildir/new"):
            os.chown(self.target.domain(NAME, "alice") + path, 0, 0)
        self.check_repair(r"alice +.*belongs to 0:0")

    @needs_root
    def test_maildir_subdirectory_of_root(self):
        """Only Maildir/tmp belongs to root."""
        os.chown(self.target.domain(NAME, "bob/Maildir/tmp"), 0, 0)
        self.check_repair(r"bob +.*Maildir/tmp belongs to 0:0")

    @needs_root
    def test_directory_of_root(self):
        """The domain's directory belongs to root."""
        os.chown(self.target.domain(NAME), 0, 0)
        self.check_repair(r"belongs to 0:0")

    def test_domain_directory_missing(self):
        """The lines of all five places are there, but the directory is gone: it is made anew."""
        shutil.rmtree(self.target.domain(NAME))
        plan = self.check_exit(self.target.vstate("plan", self.toml))
        self.assertRegex(plan.out, r"\+ mailbox +alice")
        self.apply(self.target, self.toml)
        self.check_exit(self.target.vstate("verify", self.toml))
        self.check_nothing_to_do(self.target, self.toml)

    def test_all_of_qmail_lost(self):
        """Accounts and mail are there, all of qmail's files are an empty server's."""
        for name in ("virtualdomains", "rcpthosts"):
            self.target.write(self.target.control(name), "zzz.example:foreign\n"[:11] + "\n")
        for name in ("assign", "cdb"):
            os.unlink(self.target.users(name))
        self.apply(self.target, self.toml)
        self.check_exit(self.target.vstate("verify", self.toml))
        self.check_nothing_to_do(self.target, self.toml)
        self.assertEqual(self.target.read(self.target.users("assign")).decode().splitlines(),
                         [self.domain_line(), self.domain_line(ALIAS), "."])


class HiddenWhileBuiltTest(support.SandboxCase):
    def test_failed_mailbox_keeps_a_new_domain_hidden(self):
        """Law 5: where one home cannot be made, the others are done (exit 3), the domain stays
        unpublished, and a rerun after the obstacle is gone completes it."""
        server = self.server()
        toml = self.file("d.toml", support.domain_text(NAME, ["alice", "bob", "carol"]))
        server.write(server.domain(NAME, "bob"), "in the way", 0o600, support.OWNER)
        if support.IS_ROOT:
            os.chown(server.domain(NAME), *support.OWNER)
        os.chmod(server.domain(NAME), 0o700)
        self.check_exit(server.vstate("apply", toml), 3)
        self.assertTrue(os.path.isdir(server.domain(NAME, "carol/Maildir/new")))
        for path in (server.control("rcpthosts"), server.control("virtualdomains"),
                     server.users("assign")):
            if os.path.exists(path):
                self.assertNotIn(NAME, server.read(path).decode())
        os.unlink(server.domain(NAME, "bob"))
        self.apply(server, toml)
        self.check_exit(server.vstate("verify", toml))
        self.check_nothing_to_do(server, toml)

    def test_failed_mailbox_is_told_with_its_reason(self):
        """The end says what failed and why, as text and as a JSON event."""
        server = self.server()
        toml = self.file("d.toml", support.domain_text(NAME, ["alice", "bob"]))
        server.write(server.domain(NAME, "bob"), "in the way", 0o600, support.OWNER)
        if support.IS_ROOT:
            os.chown(server.domain(NAME), *support.OWNER)
        text = self.check_exit(server.vstate("apply", toml), 3)
        self.assertRegex(text.err, r"(?m)^vstate: mailbox\.bob: .*/domains/example\.com/bob")
        events = self.check_exit(server.vstate("apply", "--json", toml), 3)
        self.assertRegex(events.out, r'"event":"action_failed","address":"mailbox\.bob"')


class HalfHomeTest(support.SandboxCase):
    """A run that was killed while it made a home leaves some of its directories: the next one that
    prunes takes none of them for what the file does not have."""

    def test_prune(self):
        server = self.server()
        self.apply(server, self.file("a.toml", support.domain_text(mailboxes=("postmaster",))))
        for count in range(1, 5):
            name = f"box{count}"
            home = f"{server.directory_of(NAME)}/{name}"
            for part in ("", "/Maildir", "/Maildir/new", "/Maildir/cur")[:count]:
                os.mkdir(server.at(home + part), 0o700)
                servers.give(server.at(home + part))
        boxes = ("postmaster", *(f"box{count}" for count in range(1, 5)))
        path = self.file("b.toml", support.domain_text(mailboxes=boxes))
        self.apply(server, path, "--prune", "--yes")
        self.check_nothing_to_do(server, "--prune", path)
        self.check_exit(server.vstate("verify", path))


if __name__ == "__main__":
    support.main()
