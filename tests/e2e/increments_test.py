"""Later dumps into the same directory add only what is new, and all of them together are the mail
as it is at the source."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tomllib

import support
from support.passes import FOLDERS, NAME, Mail, PullCase


class IncrementsCase(PullCase):
    def setUp(self):
        super().setUp()
        self.mail = os.path.join(self.directory, "mail")
        self.count = 0

    def dump(self):
        self.count += 1
        file = os.path.join(self.directory, f"dump{self.count}.toml")
        self.check_exit(self.old.vstate("dump", "--mail", self.mail, "-o", file, NAME))
        return file

    def mail_of(self, file, user="alice"):
        with open(file, "rb") as text:
            return tomllib.load(text)["mailbox"][user].get("mail")

    def use(self, file, server=None, *options):
        return self.check_exit((server or self.new).vstate("apply", *options, "--mail", self.mail,
                                                           file))

    def files(self):
        found = {}
        for place, _, names in os.walk(self.mail):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    found[os.path.join(place, name)] = hashlib.sha256(file.read()).digest()
        return found


class IncrementsTest(IncrementsCase):
    def test_nothing_new_changes_nothing(self):
        one = self.dump()
        before = self.files()
        two = self.dump()
        with open(one, "rb") as first, open(two, "rb") as second:
            self.assertEqual(first.read(), second.read())
        self.assertEqual(self.files(), before)

    def test_only_what_is_new(self):
        one = self.dump()
        before = self.files()
        self.alice.deliver("1900000000.M1P1.old", b"new\n")
        two = self.dump()
        after = self.files()
        for path, digest in before.items():
            if not path.endswith(".index"):
                self.assertEqual(after[path], digest)
        self.assertNotIn("increments", self.mail_of(one))
        self.assertEqual(self.mail_of(one), {key: value for key, value in self.mail_of(two).items()
                                             if key != "increments"})
        (part,) = self.mail_of(two)["increments"]
        self.assertEqual(part["archive"], "example.com/mailbox/alice.2.tar.zst")
        self.assertEqual(part["messages"], 1)
        self.assertNotIn("increments", self.mail_of(two, "bob"))
        names = subprocess.run(["tar", "-tf", os.path.join(self.mail, part["archive"])],
                               check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(names, ["Maildir/new/1900000000.M1P1.old"])

    def change(self):
        self.alice.deliver("1900000000.M1P1.old", b"new\n")
        self.alice.change("1700000001.M1P1.old", flags="FS")
        self.alice.change("1700000002.M2P1.old", folder=".Archive.2024")
        self.alice.delete("1700000003.M3P1.old")

    def test_an_empty_server_gets_what_is_there_now(self):
        self.dump()
        self.change()
        self.dump()
        self.alice.change("1900000000.M1P1.old", flags="S")
        self.alice.change("1700000001.M1P1.old", flags="S")
        self.alice.deliver("1900000001.M1P1.old", b"newer\n", ".Fresh")
        three = self.dump()
        self.assertEqual(len(self.mail_of(three)["increments"]), 2)
        self.use(three)
        self.check_equal()
        self.check_nothing_to_do(self.new, "--mail", self.mail, three)
        self.check_exit(self.new.vstate("verify", "--deep", "--mail", self.mail, three))
        # The ledger is a memory and no truth.
        shutil.rmtree(self.new.at("/var/lib/vstate"))
        self.check_nothing_to_do(self.new, "--mail", self.mail, three)

    def test_a_server_that_had_the_first_gets_the_rest(self):
        self.use(self.dump())
        self.change()
        two = self.dump()
        here = self.here()
        here.delete("1700000005.M5P1.old")
        out = self.use(two).out
        self.assertIn("1 message", out)
        found = self.here().messages()
        self.assertIn("1700000003.M3P1.old", found)  # gone at the source: kept
        self.assertNotIn("1700000005.M5P1.old", found)  # its owner deleted it here
        self.assertEqual(found["1700000001.M1P1.old"][2], "FS")
        self.assertEqual(found["1700000002.M2P1.old"][0], ".Archive.2024")
        self.assertIn("1900000000.M1P1.old", found)
        self.check_nothing_to_do(self.new, "--mail", self.mail, two)

    def test_copies_under_one_name(self):
        """In folders before and behind that of the message itself, on a server that has the message
        and on one that has nothing."""
        self.use(self.dump())
        before, behind = (self.alice.path_of(f"170000000{i}.M{i}P1.old") for i in (3, 6))
        self.alice.copy(before, ".Before")
        self.alice.copy(behind, "zBehind")
        for flags in ("S", "FS"):
            flagged = behind.partition(":")[0].replace("/new/", "/cur/") + f":2,{flags}"
            os.rename(behind, flagged)
            behind = flagged
            last = self.dump()
            self.use(last)
            self.assertEqual(self.here().standing(), self.alice.standing())
            self.check_nothing_to_do(self.new, "--mail", self.mail, last)
        os.unlink(before)
        last = self.dump()
        self.use(last, None, "--prune", "--yes")
        fresh = self.server("fresh")
        self.use(last, fresh)
        self.assertEqual(Mail(fresh, "alice").standing(), self.alice.standing())

    def test_only_flags_changed(self):
        self.use(self.dump())
        self.alice.change("1700000001.M1P1.old", flags="FS")
        two = self.dump()
        self.assertIn("1 renamed", self.use(two).out)
        self.check_equal()
        self.check_nothing_to_do(self.new, "--mail", self.mail, two)

    def test_what_is_wholly_in_is_not_read_again(self):
        one = self.dump()
        self.use(one)
        self.change()
        two = self.dump()
        # As long as nobody looks into it, it does not matter what is in it.
        base = os.path.join(self.mail, self.mail_of(one)["archive"])
        info = os.stat(base)
        with open(base, "r+b") as file:
            file.write(b"garbled")
        os.utime(base, ns=(info.st_atime_ns, info.st_mtime_ns))
        self.use(two)
        self.alice.change("1900000000.M1P1.old", flags="S")
        three = self.dump()
        self.use(three)
        found = self.here().messages()
        self.assertEqual(found.pop("1700000003.M3P1.old")[0], "")
        self.assertEqual(found, self.alice.messages())
        self.check_exit(self.new.vstate("verify", "--mail", self.mail, three), 1)

    def come_back(self):
        """A message is gone for one dump, and there again, marked, in the next two."""
        body = self.alice.messages()["1700000001.M1P1.old"][3]
        self.alice.delete("1700000001.M1P1.old")
        self.dump()
        self.alice.deliver("1700000001.M1P1.old", body, flags="S")
        self.dump()
        self.alice.change("1700000001.M1P1.old", flags="FS")
        return self.dump()

    def test_a_message_that_comes_back(self):
        self.dump()
        self.use(self.come_back())
        self.check_equal()

    def test_a_message_that_comes_back_where_it_was_deleted(self):
        self.use(self.dump())
        self.here().delete("1700000001.M1P1.old")
        last = self.come_back()
        self.use(last)
        self.assertNotIn("1700000001.M1P1.old", self.here().messages())
        self.use(self.dump())
        shutil.rmtree(self.mail)
        self.use(self.dump())
        self.assertNotIn("1700000001.M1P1.old", self.here().messages())

    def test_a_message_that_comes_back_where_it_stayed(self):
        self.use(self.dump())
        self.use(self.come_back())
        self.check_equal()

    def test_a_whole_archive_with_other_flags(self):
        self.use(self.dump())
        shutil.rmtree(self.mail)
        self.alice.change("1700000001.M1P1.old", flags="FS")
        self.use(self.dump())
        self.check_equal()

    def test_files_beside_the_messages_follow(self):
        path = os.path.join(self.alice.root, "notes.txt")
        for text in (b"one\n", b"two\n"):
            with open(path, "wb") as file:
                file.write(text)
            support.give(path)
            last = self.dump()
        self.use(last)
        with open(os.path.join(self.here().root, "notes.txt"), "rb") as file:
            self.assertEqual(file.read(), b"two\n")
        self.check_nothing_to_do(self.new, "--mail", self.mail, last)

    def test_an_earlier_file_still_names_whole_archives(self):
        one = self.dump()
        messages = self.alice.messages()
        self.change()
        self.dump()
        self.use(one)
        self.assertEqual(self.here().messages(), messages)

    def test_without_its_index_a_dump_begins_anew(self):
        self.dump()
        os.unlink(os.path.join(self.mail, "example.com/mailbox/alice.tar.zst.index"))
        self.change()
        two = self.dump()
        self.assertNotIn("increments", self.mail_of(two))
        self.use(two)
        self.check_equal()

    def test_an_increment_that_is_not_the_one_is_refused(self):
        self.dump()
        self.change()
        two = self.dump()
        part = os.path.join(self.mail, self.mail_of(two)["increments"][0]["archive"])
        base = os.path.join(self.mail, self.mail_of(two)["archive"])
        shutil.copy(base, part)
        outcome = self.new.vstate("apply", "--mail", self.mail, two)
        self.check_exit(outcome, 1)
        self.assertRegex(outcome.err, r"dump2.toml:\d+:\d+: mailbox.alice.mail.increments\[0\]: "
                                      r".*alice.2.tar.zst has the digest")
        os.unlink(part)
        outcome = self.new.vstate("apply", "--mail", self.mail, two)
        self.check_exit(outcome, 1)
        self.assertRegex(outcome.err, r"increments\[0\]: there is no archive ")

    def test_random_changes(self):
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        print(f"VSTATE_SEED={seed}", file=sys.stderr)
        choose = random.Random(seed)
        for number in range(6):
            for i in range(choose.randrange(8)):
                names = sorted(self.alice.messages())
                what = choose.choice(("deliver", "flag", "move", "delete"))
                if what == "deliver" or not names:
                    self.alice.deliver(f"19{number}000000{i}.M{i}P2.old", b"%d %d\n" % (number, i),
                                       choose.choice(FOLDERS))
                elif what == "flag":
                    self.alice.change(choose.choice(names),
                                      flags="".join(sorted(choose.sample("DFRS", 2))))
                elif what == "move":
                    self.alice.change(choose.choice(names), folder=choose.choice(FOLDERS))
                else:
                    self.alice.delete(choose.choice(names))
            last = self.dump()
        with self.subTest(seed=seed):
            self.use(last)
            self.check_equal()
            self.check_nothing_to_do(self.new, "--mail", self.mail, last)

    def test_killed_at_any_time(self):
        """Whatever a stopped dump left, the next one is whole, and so are the earlier ones."""
        one = self.dump()
        messages = self.alice.messages()
        for i in range(30):
            self.alice.deliver(f"19000000{i:02}.M{i}P3.old", os.urandom(50_000))
        for pause in (0.005, 0.01, 0.02, 0.03, 0.05):
            with subprocess.Popen(
                    [support.VSTATE, "--root", self.old.root, "--qmail-dir", self.old.qmail, "-q",
                     "dump", "--mail", self.mail, "-o", os.path.join(self.directory, "cut.toml"),
                     NAME], env=support.environment()) as dump:
                try:
                    dump.wait(pause)
                except subprocess.TimeoutExpired:
                    dump.send_signal(signal.SIGKILL)
        two = self.dump()
        other = self.server("other")
        self.use(one, other)
        self.assertEqual(Mail(other, "alice").messages(), messages)
        self.use(two)
        self.check_equal()


if __name__ == "__main__":
    support.main()
