"""Pulling a domain again and again, while people read their mail on both sides."""

import os
import random
import shutil
import stat
import sys

from . import cases, domains, program, servers, trees

NAME = "example.com"
FOLDERS = ("", ".Sent", ".Archive.2024")
#: Stands in for ssh.
FAKE_RSH = f"{sys.executable} {os.path.join(program.HERE, 'fake_rsh.py')}"


class Mail:
    """The mail of one account, as its owner and a delivery agent change it."""

    def __init__(self, server, user):
        self.root = server.domain(NAME, user, "Maildir")

    def folder(self, folder):
        place = os.path.join(self.root, folder) if folder else self.root
        for part in ("", "new", "cur", "tmp"):
            path = os.path.join(place, part)
            if not os.path.isdir(path):
                os.mkdir(path, 0o700)
                servers.give(path)
        return place

    def deliver(self, unique, body, folder="", flags=None):
        place = self.folder(folder)
        path = os.path.join(place, "new", unique) if flags is None else os.path.join(
            place, "cur", f"{unique}:2,{flags}")
        with open(path, "wb") as file:
            file.write(body)
        os.chmod(path, 0o600)
        servers.give(path)
        os.utime(path, (1700000000, 1700000000))

    def messages(self):
        """unique name -> (folder, in new, flags, content)."""
        found = {}
        for folder in sorted(os.listdir(self.root)):
            if folder in ("new", "cur"):
                self._read("", folder, found)
            elif folder.startswith(".") and os.path.isdir(os.path.join(self.root, folder)):
                for part in ("new", "cur"):
                    self._read(folder, part, found)
        return found

    def _read(self, folder, part, found):
        place = os.path.join(self.root, folder, part)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            unique, _, info = name.partition(":2,")
            with open(os.path.join(place, name), "rb") as file:
                assert unique not in found, f"{unique} is there twice"
                found[unique] = (folder, part == "new", "".join(sorted(info)), file.read())

    def path_of(self, unique):
        folder, is_new, flags, _ = self.messages()[unique]
        place = os.path.join(self.root, folder)
        if is_new:
            return os.path.join(place, "new", unique)
        return os.path.join(place, "cur", f"{unique}:2,{flags}")

    def change(self, unique, folder=None, flags=None):
        old_folder, _, old_flags, _ = self.messages()[unique]
        place = self.folder(old_folder if folder is None else folder)
        flags = old_flags if flags is None else flags
        os.rename(self.path_of(unique), os.path.join(place, "cur", f"{unique}:2,{flags}"))

    def delete(self, unique):
        os.unlink(self.path_of(unique))

    def copy(self, path, folder):
        """Into another folder, under the same name; a mail program gives it a new one."""
        copied = os.path.join(self.folder(folder), "cur", os.path.basename(path))
        shutil.copy2(path, copied)
        servers.give(copied)

    def standing(self):
        """Every file of a message, however many have its name: path and content."""
        found = {}
        for place, _, names in os.walk(self.root):
            for name in names:
                if os.path.basename(place) in ("new", "cur"):
                    path = os.path.join(place, name)
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, self.root)] = file.read()
        return found

    def copies(self, unique):
        """Folders that a message stands in."""
        return sorted(os.path.relpath(place, self.root) for place, _, names in os.walk(self.root)
                      for name in names if name.partition(":")[0] == unique)


def folder_of(path):
    """Of a message, which is in its "new" or "cur"."""
    return os.path.dirname(os.path.dirname(path))


class PullCase(cases.SandboxCase):
    def setUp(self):
        self.old, self.new = self.server("old", home="/home/vp"), self.server("new")
        text = domains.domain_text(NAME, ["postmaster", "alice", "bob"],
                                   more='[alias.sales]\ndeliver = ["&alice@example.com"]\n')
        self.apply(self.old, self.file("old.toml", text))
        self.alice, self.bob = Mail(self.old, "alice"), Mail(self.old, "bob")
        for i in range(20):
            self.alice.deliver(f"170000000{i}.M{i}P1.old", b"message %d\n" % i,
                               FOLDERS[i % 3], None if i % 4 == 0 else "S")
        self.bob.deliver("1800000000.M1P1.old", b"to bob\n")

    def pull(self, *options, code=0):
        raise NotImplementedError

    def here(self, user="alice"):
        return Mail(self.new, user)

    def check_equal(self):
        for user in ("alice", "bob"):
            self.assertEqual(self.here(user).messages(), Mail(self.old, user).messages())


class Passes:
    """What each way of pulling does; mixed into a case below."""

    def test_first_pass_brings_all(self):
        self.pull()
        self.check_equal()
        info = os.stat(self.here().path_of("1700000000.M0P1.old"))
        self.assertEqual(int(info.st_mtime), 1700000000)
        self.assertEqual(stat.S_IMODE(info.st_mode), 0o600)
        self.assertIn("&alice@example.com",
                      self.new.read(self.new.domain(NAME, ".qmail-sales")).decode())

    def test_second_pass_changes_no_mail(self):
        self.pull()
        before = trees.snapshot(self.here().root)
        out = self.pull().out
        self.assertEqual(trees.changed_paths(before, trees.snapshot(self.here().root)), [])
        self.assertNotIn("copied", out)

    def test_delta(self):
        self.pull()
        self.alice.deliver("1900000000.M1P1.old", b"new\n")
        self.alice.change("1700000001.M1P1.old", flags="FS")
        self.alice.change("1700000000.M0P1.old", flags="")
        self.alice.change("1700000002.M2P1.old", folder=".Archive.2024")
        self.alice.delete("1700000003.M3P1.old")
        kept = self.pull().out
        self.assertIn("1 gone there and kept", kept)
        self.assertIn("1700000003.M3P1.old", self.here().messages())
        self.pull("--prune", "--yes")
        self.check_equal()

    def test_owner_on_the_target_wins(self):
        self.pull()
        here = self.here()
        here.delete("1700000001.M1P1.old")
        here.change("1700000002.M2P1.old", folder=".Sent", flags="T")
        here.change("1700000005.M5P1.old", flags="RS")
        self.alice.change("1700000001.M1P1.old", flags="F")
        self.alice.change("1700000002.M2P1.old", folder="", flags="FS")
        self.alice.change("1700000005.M5P1.old", flags="FS")
        self.pull()
        found = self.here().messages()
        self.assertNotIn("1700000001.M1P1.old", found)
        # It stays where its owner put it, without S, and gets the mark of the source.
        self.assertEqual(found["1700000002.M2P1.old"][0], ".Sent")
        self.assertEqual(found["1700000002.M2P1.old"][2], "FT")
        self.assertEqual(found["1700000005.M5P1.old"][2], "FRS")
        before = trees.snapshot(self.here().root)
        self.pull()
        self.assertEqual(trees.changed_paths(before, trees.snapshot(self.here().root)), [])

    def test_prune_leaves_what_the_owner_touched(self):
        self.pull()
        self.here().change("1700000001.M1P1.old", flags="FS")
        for number in (1, 2):
            self.alice.delete(f"170000000{number}.M{number}P1.old")
        self.pull("--prune", "--yes")
        found = self.here().messages()
        self.assertIn("1700000001.M1P1.old", found)
        self.assertNotIn("1700000002.M2P1.old", found)

    def test_mail_of_the_target_stays(self):
        self.pull()
        self.here().deliver("2000000000.M1P1.new", b"delivered here\n")
        self.pull("--prune", "--yes")
        self.assertIn("2000000000.M1P1.new", self.here().messages())

    def test_without_ledger_nothing_comes_twice(self):
        self.pull()
        os.unlink(os.path.join(self.new.root, "var/lib/vstate/ledger.sqlite"))
        before = trees.snapshot(self.here().root)
        self.pull()
        self.assertEqual(trees.changed_paths(before, trees.snapshot(self.here().root)), [])
        self.check_equal()

    def test_files_follow_until_somebody_changes_them(self):
        uidlist = os.path.join(self.alice.root, "dovecot-uidlist")
        here = os.path.join(self.here().root, "dovecot-uidlist")

        def write(path, text):
            with open(path, "w") as file:
                file.write(text)
            servers.give(path)

        def read():
            with open(here) as file:
                return file.read()

        write(uidlist, "3 V1 N2 Gold\n")
        self.pull()
        self.assertEqual(read(), "3 V1 N2 Gold\n")
        write(uidlist, "3 V1 N3 Gold\n")
        self.pull()
        self.assertEqual(read(), "3 V1 N3 Gold\n")
        write(here, "3 V1 N9 Gold\n")
        write(uidlist, "3 V1 N4 Gold\n")
        self.pull()
        self.assertEqual(read(), "3 V1 N9 Gold\n")

    def test_mail_of_a_mailbox_that_was_removed_here_stays_away(self):
        self.pull()
        ledger = self.new.at("/var/lib/vstate/ledger.sqlite")
        with open(ledger, "rb") as file:
            remembered = file.read()
        text = domains.domain_text(NAME, ["postmaster", "bob"])
        self.apply(self.new, self.file("without.toml", text), "--prune", "--yes")
        # As if a person had done it: the ledger remembers the mailbox.
        with open(ledger, "wb") as file:
            file.write(remembered)
        self.bob.deliver("1900000001.M1P1.old", b"to bob\n")
        out = self.pull("-v").out
        self.assertIn("was removed here after the last apply; kept", out)
        self.assertFalse(os.path.exists(self.new.domain(NAME, "alice")), out)
        self.assertEqual(self.here("bob").messages(), self.bob.messages())

    def test_a_message_that_is_copied_into_another_folder(self):
        self.pull()
        # Its folder comes before that of the message itself, or behind it.
        before, behind = (self.alice.path_of(f"170000000{i}.M{i}P1.old") for i in (3, 6))
        self.alice.copy(before, ".Before")
        self.alice.copy(behind, "zBehind")
        for _ in range(2):
            self.pull("--prune", "--yes")
            for unique in ("1700000003.M3P1.old", "1700000006.M6P1.old"):
                self.assertEqual(len(self.alice.copies(unique)), 2)
                self.assertEqual(self.here().copies(unique), self.alice.copies(unique))

    def test_copies_and_moves_under_one_name(self):
        """Whatever is copied, moved over another copy, or deleted: each pass brings the same."""
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        print(f"VSTATE_SEED={seed}", file=sys.stderr)
        choose = random.Random(seed)
        folders = [".Before", *FOLDERS, "zBehind"]
        self.pull()
        told = []
        for _ in range(12):
            for _ in range(choose.randrange(1, 5)):
                self.shuffle(choose, folders, told)
            told.append("pull")
            done = self.pull("--prune", "--yes", "--max-delete", "1000")
            with self.subTest(seed=seed, told=told, out=done.out):
                self.assertEqual(self.here().standing(), self.alice.standing())

    def shuffle(self, choose, folders, told):
        """Does something to one file of a message at the source."""
        path = choose.choice(sorted(self.alice.standing()))
        what = choose.choice(("copy", "copy", "move", "flag", "delete"))
        name = os.path.basename(path).partition(":")[0]
        place = os.path.join(folder_of(path), "cur")
        if what in ("copy", "move"):
            place = os.path.join(os.path.relpath(self.alice.folder(choose.choice(folders)),
                                                 self.alice.root), "cur")
        flags = "".join(sorted(choose.sample("DFRS", 2))) if what == "flag" else "S"
        to = os.path.normpath(os.path.join(place, f"{name}:2,{flags}"))
        if what == "copy" and folder_of(to) == folder_of(path):
            return  # two of one name in one folder are one message
        told.append(f"{what} {path} {to}")
        taken = [other for other in self.alice.standing()
                 if other != path and folder_of(other) == folder_of(to)
                 and os.path.basename(other).partition(":")[0] == name]
        for other in taken if what in ("copy", "move") else ():
            os.unlink(os.path.join(self.alice.root, other))
        at = os.path.join(self.alice.root, path)
        if what == "delete":
            os.unlink(at)
        elif what == "copy" and to != path:
            shutil.copy2(at, os.path.join(self.alice.root, to))
            servers.give(os.path.join(self.alice.root, to))
        elif to != path:
            os.rename(at, os.path.join(self.alice.root, to))

    def test_history(self):
        self.pull()
        self.assertIn("pull", self.check_exit(self.new.vstate("history"), 0).out)

    def test_excluded(self):
        """What is left out is there and not here; a misspelt pattern does nothing."""
        done = self.pull("--exclude", "mailbox.alcie", code=1)
        self.assertIn('is called "mailbox.alcie"', done.err)
        self.assertFalse(os.path.exists(self.new.domain(NAME)))
        self.pull("--exclude", "mailbox.alice")
        self.assertNotIn(b"alice:", self.new.read(f"{self.new.directory_of(NAME)}/vpasswd"))
        self.pull()
        self.assertIn(b"alice:", self.new.read(f"{self.new.directory_of(NAME)}/vpasswd"))
