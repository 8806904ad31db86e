"""People of a machine without vpopmail, with their mail in mboxes, become a domain: by a dump and
an apply, by pulls, and by SFTP. What an IMAP client sees of the mboxes before, asked of a real
Dovecot, it sees of the Maildirs after."""

import os
import random
import re
import subprocess
import threading
import time

import support
from support import cases, dovecot, odd_mboxes, program, servers, sftp
from support.clients import DOMAIN, home_of, message
from support.dovecot import Account, Dovecot, good, quoted
from support.machine import PERSON, Machine, by_qmail_local, crypt, from_line

SEED = int(os.environ.get("VSTATE_SEED", "1"))
SECRET = "open sesame"
NOTHING_ADDED = "Plan: 0 to add, 0 to change, 0 to delete. 1 warning."
ZONE = "/usr/share/zoneinfo/Europe/Berlin"
ODD = (b"From: joe@example.org\r\nSubject: odd\r\nStatus: mine\r\n\r\nFrom here on\r\n\r\n"
       b"From joe Mon Jan  1 00:00:00 2001\r\nSubject: no message\r\n\r\n>From x\r\n>>From y\r\n")


class MboxCase(cases.SandboxCase):
    def setUp(self):
        self.old, self.new = Machine(os.path.join(self.directory, "old")), self.server("new")

    def dump(self, *options, code=0, machine=None, name="dump"):
        mail = os.path.join(self.directory, name)
        text = mail + ".toml"
        done = self.check_exit((machine or self.old).vstate(
            "dump", "--system", *options, "--mail", mail, "-o", text, DOMAIN), code)
        with open(text, encoding="utf-8") as file:
            return file.read(), done.err

    def bring(self, *options, code=0):
        self.dump(*options, code=code)
        self.apply(self.new, "--mail", os.path.join(self.directory, "dump"),
                   os.path.join(self.directory, "dump.toml"))

    def pull(self, *options, code=0):
        return self.check_exit(self.new.vstate("pull", "--system", *options, self.old.root, DOMAIN),
                               code)

    def maildir(self, folder="", name="alice"):
        """Name without flags -> (part, flags, time, bytes) of each message on the new server."""
        found, place = {}, os.path.join(home_of(self.new, name), "Maildir", folder)
        for part in ("new", "cur"):
            for file_name in os.listdir(os.path.join(place, part)):
                if file_name.startswith("."):
                    continue
                path = os.path.join(place, part, file_name)
                with open(path, "rb") as file:
                    unique, _, flags = file_name.partition(":2,")
                    found[unique] = (part, flags, int(os.stat(path).st_mtime), file.read())
        return found


def use_mailboxes(session):
    good(session.select("INBOX"))
    for number in range(1, 8):
        good(session.append("INBOX", r"(\Seen)" if number % 2 else "(Work)",
                            f'"0{number}-Mar-2021 10:20:30 +0100"', message(number)))
    good(session.append("INBOX", r"(\Flagged $Label1)", '"17-Oct-1999 23:59:59 -0500"', ODD))
    good(session.append("INBOX", "", None, b"Subject: no body\r\n\r\n"))
    good(session.append("INBOX", "", None, b"Subject: no end\r\n\r\nof line"))
    for folder in ("Sent", "a/b", "Entw&APw-rfe"):
        good(session.create(quoted(folder)))
        good(session.subscribe(quoted(folder)))
    good(session.uid("COPY", "2,4,8", quoted("a/b")))
    good(session.append("Sent", r"(\Seen \Answered \Draft)", None, message(1, "Sent")))
    good(session.append(quoted("Entw&APw-rfe"), r"(\Deleted Work)", None, ODD))
    good(session.uid("STORE", "1,3", "+FLAGS", r"(\Deleted)"))
    good(session.expunge())
    good(session.uid("STORE", "5", "+FLAGS", r"(\Answered \Flagged $Forwarded)"))
    good(session.close())


@dovecot.needs_dovecot
class SeenByClients(MboxCase):
    def setUp(self):
        super().setUp()
        if os.path.exists(ZONE):  # mboxes tell local time
            before = os.environ.get("TZ")
            os.environ["TZ"] = "Europe/Berlin"
            self.addCleanup(lambda: os.environ.pop("TZ") if before is None
                            else os.environ.update(TZ=before))
        self.make_alice()

    def make_alice(self):
        if os.path.exists(ZONE):
            with open(ZONE, "rb") as file:
                self.old.write("/etc/localtime", file.read())
        self.home = self.old.add("alice", crypt(SECRET))
        servers.make_directories(os.path.join(self.home, "mail"))
        if program.IS_ROOT:
            os.chown(os.path.join(self.home, "mail"), *PERSON)

    def client(self):
        """Of the machine with mboxes."""
        return Dovecot([Account("alice", self.home, PERSON)],
                       inbox=os.path.join(self.old.at("/var/mail"), "%u"))

    def used(self, work):
        """What the next session sees after one has worked."""
        with self.client() as running:
            session = running.imap("alice")
            work(session)
            session.logout()  # what is known of a message is written into the mbox
            session = running.imap("alice")
            state = dovecot.mailbox_state(session)
            session.logout()
            return state

    def seen_after(self, password=dovecot.PASSWORD, stored=f"{{PLAIN}}{dovecot.PASSWORD}"):
        account = Account("alice", home_of(self.new), servers.OWNER, stored)
        with Dovecot([account]) as running:
            session = running.imap("alice", password)
            state = dovecot.mailbox_state(session)
            session.logout()
            self.assertNotRegex(running.log(), r"(Error|Fatal|Panic):")
            return state

    def check_same_mail(self, before, after):
        names = {folder: folder.replace("/", ".") for folder in before["folders"]}
        self.assertEqual(sorted(after["folders"]), sorted(names.values()))
        for folder, state in before["folders"].items():
            with self.subTest(folder=folder):
                now = after["folders"][names[folder]]
                if not state["messages"]:  # an mbox of no bytes has no place for numbers
                    self.assertEqual(now["messages"], {})
                else:
                    self.assertEqual(now, state)
        self.assertEqual(after["subscribed"],
                         sorted(name.replace("/", ".") for name in before["subscribed"]))

    def test_a_client_sees_no_difference(self):
        before = self.used(use_mailboxes)
        self.assertEqual(sorted(before["folders"]["INBOX"]["messages"]), [2, 4, 5, 6, 7, 8, 9, 10])
        self.bring()
        accounts = self.new.read(self.new.domain(DOMAIN, "vpasswd")).decode()
        stored = re.search("^alice:([^:]*):", accounts, re.M)[1]
        # The hash of shadow opens the mailbox with the password that was behind it.
        after = self.seen_after(SECRET, "{CRYPT}" + stored)
        self.check_same_mail(before, after)
        verified = self.new.vstate("verify", "--deep", "--mail",
                                   os.path.join(self.directory, "dump"),
                                   os.path.join(self.directory, "dump.toml"))
        self.assertNotRegex(verified.out + verified.err, r"mail\b.*(missing|differs)")

    def test_a_second_pass_takes_what_is_new(self):
        self.used(use_mailboxes)
        self.pull()
        old = self.maildir()

        def work(session):
            good(session.select("INBOX"))
            good(session.append("INBOX", "(Fresh)", None, message(20)))
            good(session.uid("STORE", "6", "+FLAGS", r"(\Seen \Flagged)"))
            good(session.uid("STORE", "7", "-FLAGS", r"(\Seen)"))
            good(session.uid("STORE", "4", "+FLAGS", r"(\Deleted)"))
            good(session.expunge())
            good(session.uid("COPY", "8", "Sent"))
        before = self.used(work)
        told = self.pull().out
        self.assertIn("1 gone there and kept", told)
        self.assertEqual(set(old) - set(self.maildir()), set())
        self.pull("--prune", "--yes")
        self.check_same_mail(before, self.seen_after())
        again = self.pull()
        self.assertIn(NOTHING_ADDED, again.out)

    def check_odd_forms(self, seed):
        """Quotes are taken off here and shown there, and a file may end without a blank line."""
        def bare(messages):
            return {uid: (*entry[:2], entry[3].replace(b"\n>From ", b"\nFrom ").rstrip(b"\r\n"))
                    for uid, entry in messages.items()}
        self.old = Machine(os.path.join(self.directory, f"odd{seed}"))
        self.make_alice()
        self.new = self.server(f"first{seed}")
        rnd, folders = random.Random(seed), [f"f{number}" for number in range(15)]
        for folder in folders:
            self.old.put(f"/home/alice/mail/{folder}", odd_mboxes.mbox(rnd))
        self.pull()
        untouched = {folder: sorted(self.maildir("." + folder)) for folder in folders}

        def work(session):
            for folder in folders:
                good(session.select(folder))
                good(session.store("1:*", "+FLAGS", "(Touched)"))
        before = self.used(work)
        self.new = self.server(f"again{seed}")
        self.pull()
        after = self.seen_after()
        for folder in folders:
            with self.subTest(folder=folder, seed=seed):
                # A server's marks in an mbox make no other message of one.
                self.assertEqual(sorted(self.maildir("." + folder)), untouched[folder])
                there, here = before["folders"][folder], after["folders"][folder]
                self.assertEqual(bare(here["messages"]), bare(there["messages"]))
                for key in ("UIDVALIDITY", "UIDNEXT", "UNSEEN", "MESSAGES"):
                    self.assertEqual(here[key], there[key], key)

    def test_odd_forms(self):
        for seed in range(SEED, SEED + (20 if support.DEEP else 1)):
            self.check_odd_forms(seed)

    def test_new_mail_without_a_server_gets_the_next_uids(self):
        before = self.used(use_mailboxes)["folders"]["INBOX"]
        with open(self.old.at("/var/mail/alice"), "ab") as file:
            file.write(from_line(1700000000) + b"Subject: fresh\n\n>From here\n\n")
        self.bring()
        inbox = self.seen_after()["folders"]["INBOX"]
        self.assertEqual(inbox["UIDVALIDITY"], before["UIDVALIDITY"])
        self.assertEqual(inbox["messages"][before["UIDNEXT"]][3],
                         b"Subject: fresh\r\n\r\nFrom here\r\n")
        self.assertEqual(inbox["UIDNEXT"], before["UIDNEXT"] + 1)


class ByQmailLocal(MboxCase):
    def setUp(self):
        super().setUp()
        self.old.add("alice", crypt(SECRET))

    def test_messages_are_what_was_delivered(self):
        texts = [b"Subject: one\n\nFrom me\n>From you\n>>From him\nFromage\n", b"Subject: two\n",
                 b"\nno header\n", b"Subject: three\n\n\n\n", b"Subject: \xff\x00\n\nbin\0ary\r\n",
                 b"Subject: four\n\n" + from_line(1) + b"Subject: x\n\n"]
        stored = [by_qmail_local(1600000000 + i, text) for i, text in enumerate(texts)]
        if os.path.exists(ZONE):  # qmail-local writes UTC, whatever the machine's zone is
            with open(ZONE, "rb") as file:
                self.old.write("/etc/localtime", file.read())
        self.old.put("/home/alice/Mailbox", b"".join(mbox for mbox, _ in stored))
        self.bring()
        found = sorted(self.maildir().values(), key=lambda one: one[2])
        self.assertEqual([(one[0], one[2], one[3]) for one in found],
                         [("new", 1600000000 + i, text) for i, (_, text) in enumerate(stored)])

    def test_beside_a_maildir(self):
        self.old.put("/home/alice/Maildir/cur/1.a.b:2,S", b"in the Maildir\n")
        self.old.put("/home/alice/Maildir/.Sent/cur/2.a.b:2,S", b"in its folder\n")
        for place in ("", ".Sent/"):
            self.old.put(f"/home/alice/Maildir/{place}new/.keep", "")
        self.old.put("/home/alice/Mailbox", by_qmail_local(1600000000, b"Subject: a\n\nb\n")[0])
        self.old.put("/home/alice/mail/Sent", from_line(1500000000) + b"Subject: c\n\nd\n\n")
        self.bring()
        self.assertEqual(len(self.maildir()), 2)
        self.assertEqual(sorted(one[3] for one in self.maildir(".Sent").values()),
                         [b"Subject: c\n\nd\n", b"in its folder\n"])

    def test_equal_messages_are_both_kept(self):
        one = by_qmail_local(1600000000, b"Subject: a\n\nb\n")[0]
        self.old.put("/home/alice/Mailbox", one + one)
        self.pull()
        self.assertEqual(len(self.maildir()), 2)
        self.old.put("/home/alice/Mailbox", by_qmail_local(5, b"c: d\n\n")[0] + one + one)
        self.pull()
        self.assertEqual(len(self.maildir()), 3)

    def test_increments_and_streams(self):
        mails = [by_qmail_local(1600000000 + i, b"Subject: %d\n\nx\n" % i)[0] for i in range(5)]
        flagged = mails[1].replace(b"\nSubject", b"\nStatus: RO\nX-Status: F\nSubject")
        second = [mails[0], flagged, *mails[3:], by_qmail_local(7, b"a: b\n\n")[0]]
        self.old.put("/home/alice/Mailbox", b"".join(mails))
        self.assertEqual(self.dump()[0], self.dump()[0])  # no increment of nothing
        self.old.put("/home/alice/Mailbox", b"".join(second))
        text, _ = self.dump()
        self.assertIn("increments", text)
        self.bring()
        found = self.maildir()
        self.assertEqual(sorted(one[3][-4:] for one in found.values()),
                         sorted([b"\n\nx\n"] * 4 + [b" b\n\n"]))
        self.assertEqual([one[1] for one in found.values() if one[0] == "cur"], ["FS"])
        other = self.server("other")
        stream = subprocess.run(
            [support.VSTATE, *self.old.options, "-q", "dump", "--system", "--mail", "-", DOMAIN],
            capture_output=True, check=False)
        self.assertEqual(stream.returncode, 0, stream.stderr)
        done = subprocess.run([support.VSTATE, *other.options, "-q", "apply", "-"],
                              input=stream.stdout, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.new = other
        self.assertEqual(self.maildir(), found)

    def test_an_mbox_that_cannot_be_read_is_not_gone(self):
        mbox = from_line(1500000000) + b"Subject: c\n\nd\n\n"
        self.old.put("/home/alice/Mailbox", mbox)
        self.old.put("/home/alice/mail/Sent", mbox)
        self.pull()
        self.old.put("/home/alice/mail/Sent", b"\0" * 100)
        self.pull("--prune", "--yes", code=2)
        self.assertEqual(len(self.maildir(".Sent")), 1)

    def test_a_large_one(self):
        body = b"x" * 76 + b"\n"
        many = b"".join(by_qmail_local(1600000000 + i, b"Subject: %d\n\n" % i + body * 40)[0]
                        for i in range(1000))
        self.old.put("/home/alice/Mailbox", many)
        self.pull()
        self.assertEqual(len(self.maildir()), 1000)
        self.assertIn(NOTHING_ADDED, self.pull().out)


class Locks(MboxCase):
    def setUp(self):
        super().setUp()
        self.old.add("alice", crypt(SECRET))
        self.path = self.old.put("/var/mail/alice", from_line(1) + b"a: b\n\nfirst\n\n")

    def test_a_lock_is_waited_for_and_none_is_left(self):
        lock = self.path + ".lock"
        with open(lock, "w", encoding="utf-8"):
            pass

        def deliver():
            time.sleep(0.5)
            with open(self.path, "ab") as file:
                file.write(from_line(2) + b"a: b\n\nsecond\n\n")
            os.unlink(lock)
        agent = threading.Thread(target=deliver)
        agent.start()
        self.bring()
        agent.join()
        self.assertEqual(len(self.maildir()), 2)
        self.assertEqual(os.listdir(self.old.at("/var/mail")), ["alice"])

    def test_what_changes_while_the_rest_is_read(self):
        """The INBOX gets mail while the lock of another folder is waited for."""
        folder = self.old.put("/home/alice/mail/Sent", from_line(1) + b"a: b\n\nsent\n\n")
        for bring, number in ((lambda: self.dump(code=4), 2), (lambda: self.pull(code=4), 3)):
            with open(folder + ".lock", "w", encoding="utf-8"):
                pass

            def deliver(number=number):
                time.sleep(0.5)
                with open(self.path, "ab") as file:
                    file.write(from_line(number) + b"a: b\n\nlate\n\n")
                os.unlink(folder + ".lock")
            agent = threading.Thread(target=deliver)
            agent.start()
            bring()
            agent.join()
        self.pull()
        self.assertEqual(len(self.maildir()), 3)

    def test_a_run_that_is_stopped_leaves_none(self):
        with open(self.path, "ab") as file:
            file.write((b"x" * 99 + b"\n") * 300000)
        lock = self.path + ".lock"
        dump = subprocess.Popen([support.VSTATE, *self.old.options, "dump", "--system", DOMAIN],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while dump.poll() is None and not os.path.exists(lock):
            pass
        dump.terminate()
        dump.wait(60)
        self.assertFalse(os.path.exists(lock))

    def test_an_old_lock_is_nobodys(self):
        lock = self.path + ".lock"
        with open(lock, "w", encoding="utf-8"):
            pass
        os.utime(lock, (1, 1))
        self.bring()
        self.assertTrue(os.path.exists(lock))

    def test_a_lock_of_the_kernels(self):
        holder = subprocess.Popen(["flock", "-x", self.path, "sleep", "1"])
        time.sleep(0.3)
        self.bring()
        self.assertIsNotNone(holder.wait(10))
        self.assertEqual(len(self.maildir()), 1)


class People(MboxCase):
    def test_untidy_files(self):
        old = self.old
        old.add("alice", crypt(SECRET))
        old.add("Bob", "!" + crypt(SECRET), 1001)
        old.add("bob", "!!", 1002)
        old.add("x", "*", 1003)
        old.add("carol", "", 1004, gecos="Carol {x} & Co,Room 1")
        old.people += ["broken:line", "+::::::", "alice:x:1005:1000::/home/other:/bin/sh", "",
                       "# comment", "nouid:x:abc:1000::/home/n:/bin/sh",
                       "sp ace:x:1006:1000::/home/s:/bin/sh",
                       "away:x:1007:1000::/mnt/away:/bin/sh",
                       "twin:x:1008:1000::/home/carol/:/bin/sh",
                       "nobody:x:65534:65534::/nonexistent:/bin/false"]
        old.save()
        old.put("/var/mail/.alice.pop", "From")
        old.put("/var/mail/bob", from_line(1) + b"a: b\n\nlost\n\n")
        text, said = self.dump(code=2)
        self.assertEqual(re.findall(r"^\[mailbox\.(.*)\]$", text, re.M),
                         ["alice", "away", "bob", "carol", "postmaster", "twin"])
        self.assertIn('gecos = "Carol {{x}} Carol Co"', text)
        self.assertNotIn("!$6$", text)
        for pattern in (r"passwd:\d+: 2 fields, 7 expected", r"passwd:\d+: names people of NIS",
                        r"alice stands there twice", r"passwd:\d+: has no name, uid or gid",
                        r"mailbox bob: is locked; nobody can log in",
                        r"mailbox carol: has an empty password",
                        r"mailbox away: its home /mnt/away",
                        r"mailbox twin: has the home of carol",
                        r"left out: mail.alice: /var/mail/.alice.pop holds mail",
                        r"left out: mailbox.bob \(1 message, 11 B\): another account is called bob",
                        r"left out: mailbox.x: vpopmail takes no names of one character",
                        r"left out: mailbox.sp ace: .*a blank"):
            self.assertRegex(said, pattern)
        self.assertNotIn("$6$", said)

    def test_choice(self):
        for number, name in enumerate(("alice", "bob", "carol")):
            self.old.add(name, crypt(SECRET), 500 + number)
        self.old.write("/etc/group", "staff:x:50:bob,carol\nusers:x:1000:\n")
        self.assertIn("nobody has uid 1000 to 59999", self.old.vstate(
            "dump", "--system", DOMAIN).err)
        names = r"^\[mailbox\.(.*)\]$"
        text, _ = self.dump("--uids", "500-501")
        self.assertEqual(re.findall(names, text, re.M), ["alice", "bob", "postmaster"])
        text, _ = self.dump("--group", "staff", name="staff")
        self.assertEqual(re.findall(names, text, re.M), ["bob", "carol", "postmaster"])
        self.old.write("/etc/login.defs", "# comment\nUID_MIN\t\t 502\nUID_MAX 600\n")
        text, _ = self.dump(name="defs")
        self.assertEqual(re.findall(names, text, re.M), ["carol", "postmaster"])
        self.check_exit(self.old.vstate("dump", "--system", "--group", "none", DOMAIN), 1)
        for wrong in (["--uids", "5"], ["--uids", "7-3"], ["--uids", "1-2", "--group", "staff"],
                      ["--all"], ["--freeze"]):
            self.check_exit(self.old.vstate("dump", "--system", *wrong, DOMAIN), 64)
        self.check_exit(self.old.vstate("dump", "--uids", "1-2", DOMAIN), 64)

    def test_what_is_no_mbox_is_named(self):
        self.old.add("alice", crypt(SECRET))
        self.old.put("/home/alice/mail/letter", "Dear Sir,\n")
        self.old.put("/home/alice/mail/old", "*mbx*\r\n")
        self.old.put("/home/alice/mail/picture", b"\x89PNG\0\0")
        self.old.put("/home/alice/mail/box/cur/1", b"a: b\n\n")
        self.old.put("/home/alice/mail/box/new/2", b"a: b\n\n")
        self.old.put("/home/alice/mail/a.b", from_line(1) + b"a: b\n\nc\n\n")
        self.old.put("/home/alice/mail/" + os.fsdecode(b"\xff"), from_line(1) + b"a: b\n\nc\n\n")
        self.old.put("/home/alice/mail/Empty", "")
        for number in range(3):
            self.old.put(f"/home/alice/Mail/inbox/{number}", "Subject: x\n\ny\n")
        self.old.put("/etc/secret", from_line(1) + b"a: b\n\nsecret\n\n")
        if program.IS_ROOT:
            os.chown(self.old.at("/etc/secret"), 0, 0)
            os.symlink("/etc/secret", self.old.at("/home/alice/mail/link"))
            os.lchown(self.old.at("/home/alice/mail/link"), *PERSON)
        _, said = self.dump(code=2)
        for pattern in (r"mail/letter is no mbox: it does not begin", r"mail/old is .*MBX",
                        r"mail/picture is no mbox but binary",
                        r"mail.alice \(3 messages, 42 B\): .*Mail/inbox is a folder of MH",
                        r"mail/box is a Maildir",
                        r"a\.b is called a_b in the Maildir", r"neither UTF-8 nor modified UTF-7"):
            self.assertRegex(said, pattern)
        if program.IS_ROOT:
            self.assertRegex(said, r"mail/link is a link to /etc/secret, which belongs to somebody")
        self.apply(self.new, "--mail", os.path.join(self.directory, "dump"),
                   os.path.join(self.directory, "dump.toml"))
        self.assertEqual([one[3] for one in self.maildir(".a_b").values()], [b"a: b\n\nc\n"])
        self.assertEqual(self.maildir(".Empty"), {})


class Aliases(MboxCase):
    def setUp(self):
        super().setUp()
        self.old.add("alice", crypt(SECRET))
        self.old.add("bob", crypt(SECRET), 1001)

    def lines(self, text, name):
        found = re.search(rf"^\[{re.escape(name)}\]\n((?:.+\n)*?)(?:\n|\Z)", text, re.M)
        self.assertIsNotNone(found, f"{name} in\n{text}")
        return re.findall(r'"((?:[^"\\]|\\.)*)"',
                          found[1].partition("deliver")[2].partition("\nmail =")[0])

    def test_sendmails(self):
        self.old.write("/etc/aliases", 'postmaster: root\nroot:\talice\n# comment\n'
                       'Sales: alice, "|/bin/sales a, b",\n\tBob@Example.ORG\n'
                       'alice: \\alice, copy@example.org\nlist: :include:/etc/list\n'
                       'log: /var/log/mail\nnone: /dev/null\nfail: ":fail: gone"\n'
                       'away: nobody\nuucp: host!user\nno colon\n')
        self.old.write("/etc/list", "# members\nbob\n\"Joe\" <joe@example.org>\n")
        self.old.write("/etc/roots", "secret@example.org\n", mode=0o600)
        self.old.put("/home/bob/.forward", '\\bob, "|/usr/bin/vacation bob"\nx@example.org\n'
                     ':include:/etc/roots\n')
        text, said = self.dump(code=2)
        for name, wanted in (("alias.postmaster", ["&root@example.com"]),
                             ("alias.root", ["&alice@example.com"]),
                             ("alias.sales", ["&alice@example.com", "|/bin/sales a, b",
                                              "&Bob@Example.ORG"]),
                             ("alias.alice", ["{mailbox:alice}/Maildir/", "&copy@example.org"]),
                             ("alias.list", ["&bob@example.com", "&joe@example.org"]),
                             ("alias.log", ["/var/log/mail"]), ("alias.none", ["# delete"]),
                             ("mailbox.bob", ["./Maildir/", "|/usr/bin/vacation bob",
                                              "&x@example.org"])):
            with self.subTest(name=name):
                self.assertEqual(self.lines(text, name), wanted)
        for pattern in (r"alias away forwards to nobody@example.com, which is neither",
                        r"left out: alias.fail: .*:fail: gone", r"left out: alias.uucp: .*UUCP",
                        r"mailbox.bob: ~/.forward includes /etc/roots, .* not theirs",
                        r"aliases:\d+: has no name and colon"):
            self.assertRegex(said, pattern)

    def test_qmails(self):
        self.old.write("/var/qmail/control/me", "old.example.org\n")
        self.old.write("/var/qmail/alias/.qmail-postmaster", "&alice\n")
        self.old.write("/var/qmail/alias/.qmail-a:b", "bob\n|/bin/x\n")
        self.old.write("/var/qmail/alias/.qmail-default", "&bob\n")
        self.old.put("/home/alice/.qmail", "./Mailbox\n&copy@example.org\n")
        self.old.put("/home/alice/.forward", "ignored@example.org\n")
        self.old.put("/home/alice/.qmail-list", "# to two\nbob\n./mail/lists\n")
        self.old.put("/home/alice/mail/lists", from_line(1) + b"a: b\n\nc\n\n")
        self.old.put("/home/alice/.qmail-default", "./Maildir/\n")
        self.old.put("/home/bob/.qmail", "# nothing\n")
        os.mkdir(self.old.at("/home/bob/.qmail-directory"))
        os.symlink("nowhere", self.old.at("/home/bob/.qmail-link"))
        self.old.put("/home/bob/.qmail-file", "/tmp/mbox\n./elsewhere\n")
        text, said = self.dump(code=2)
        for name, wanted in (
                ("mailbox.alice", ["./Maildir/", "&copy@example.org"]),
                ("mailbox.bob", ["# nothing"]), ("alias.postmaster", ["&alice@example.com"]),
                ('alias."a.b"', ["&bob@example.com", "|/bin/x"]),
                ("alias.alice-list", ["&bob@example.com", "{mailbox:alice}/Maildir/.lists/"]),
                ("alias.alice-default", ["{mailbox:alice}/Maildir/"]),
                ("alias.bob-file", ["/tmp/mbox"])):
            with self.subTest(name=name):
                self.assertEqual(self.lines(text, name), wanted)
        self.assertIn("vdelivermail '' bob@example.com", text)
        self.assertRegex(said, r"alice: has a .qmail and a .forward; .qmail counts")
        for pattern in (r"alias.bob-file: .*/home/bob/elsewhere",
                        r"alias.bob-directory: .* is no regular file",
                        r"alias.bob-link: .* is a link that leads where nothing is"):
            self.assertRegex(said, "left out: " + pattern)
        self.apply(self.new, "--mail", os.path.join(self.directory, "dump"),
                   os.path.join(self.directory, "dump.toml"))


@sftp.needs_sftp_server
class BySftp(MboxCase):
    def setUp(self):
        super().setUp()
        self.old.add("alice", crypt(SECRET))
        self.old.put("/home/alice/Mailbox", b"".join(
            by_qmail_local(1600000000 + i, b"Subject: %d\n\nx\n" % i)[0] for i in range(50)))
        self.old.put("/home/alice/mail/a/b", from_line(1500000000) + b"Subject: c\n\nd\n\n")
        self.old.put("/home/alice/Maildir/cur/1.a.b:2,S", b"in the Maildir\n")
        self.old.put("/home/alice/Maildir/new/2.a.b", b"in the Maildir too\n")
        self.old.put("/home/alice/Maildir/.Own/new/3.a.b", b"and below\n")
        self.old.put("/home/alice/Maildir/.Own/cur/4.a.b:2,", b"and below that\n")
        self.old.write("/etc/aliases", "sales: alice, :include:/etc/list\n")
        self.old.write("/etc/list", "bob@example.org\n")

    def test_a_dump_there_is_the_dump_here(self):
        there = Machine.__new__(Machine)
        there.__dict__.update(self.old.__dict__)
        there.options = ["--rsh", sftp.RSH, "--root", f"old.example:{self.old.root}"]
        here_text, here_said = self.dump(name="here")
        there_text, there_said = self.dump(machine=there, name="there")
        self.assertEqual(there_text, here_text)
        self.assertEqual(there_said, here_said)
        self.assertEqual(sftp.tree_of(os.path.join(self.directory, "there")),
                         sftp.tree_of(os.path.join(self.directory, "here")))

    def test_pull(self):
        def pull(code=0):
            return self.check_exit(self.new.vstate("--rsh", sftp.RSH, "pull", "--system",
                                                   f"old.example:{self.old.root}", DOMAIN), code)
        pull()
        self.assertEqual(len(self.maildir()), 52)
        self.assertEqual(len(self.maildir(".a.b")), 1)
        with open(self.old.at("/home/alice/Mailbox"), "ab") as file:
            file.write(by_qmail_local(1700000000, b"Subject: new\n\ny\n")[0])
        self.assertIn("1 message", pull().out)
        self.assertEqual(len(self.maildir()), 53)
        self.assertIn(NOTHING_ADDED, pull().out)


if __name__ == "__main__":
    support.main()
