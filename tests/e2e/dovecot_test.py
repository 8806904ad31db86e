"""What clients see of a mailbox is the same on both servers, asked of a real Dovecot: folders,
UIDVALIDITY, UIDs, UIDNEXT, flags, keywords, internal dates, subscriptions, POP3 UIDLs, and every
byte of every message. And a later pass, made while a client is logged in, gives no message another
UID and none a second time."""

import os
import re
import threading

import support
from support import dovecot
from support.clients import ALICE, DOMAIN, account, deliver, message
from support.dovecot import Dovecot, good, quoted


def use_mailbox(session):
    """A person's years with a mail program."""
    good(session.select("INBOX"))
    for uid, flags in ((1, r"(\Seen)"), (2, r"(\Seen \Answered $Label1)"), (3, r"(\Flagged Work)"),
                       (5, r"($Forwarded NonJunk Work)"), (6, r"(\Deleted \Draft)")):
        good(session.uid("STORE", str(uid), "+FLAGS", flags))
    for folder in ("Sent", "Sent.2024", "Entw&APw-rfe", "Empty"):
        good(session.create(quoted(folder)))
    for folder in ("Sent", "Sent.2024", "Entw&APw-rfe", "INBOX"):
        good(session.subscribe(quoted(folder)))
    for number in range(1, 6):
        good(session.append(quoted("Sent.2024"), r"(\Seen)" if number % 2 else "(Private)",
                            f'"0{number}-Mar-2021 10:20:30 +0100"', message(number, "Sent")))
    good(session.uid("COPY", "2,5", quoted("Entw&APw-rfe")))
    good(session.select(quoted("Sent.2024")))
    good(session.uid("STORE", "2,5", "+FLAGS", r"(\Deleted)"))
    good(session.expunge())
    good(session.select("INBOX"))
    good(session.uid("STORE", "4", "+FLAGS", r"(\Deleted)"))
    good(session.uid("STORE", "6", "-FLAGS", r"(\Deleted)"))
    good(session.expunge())
    good(session.close())


@dovecot.needs_dovecot
class DovecotCase(support.SandboxCase):
    def source(self):
        server = self.server("source")
        self.apply(server, self.file("first.toml", support.domain_text()))
        for number in range(1, 9):
            deliver(server, number)
        return server

    def dump(self, server, name):
        mail, text = os.path.join(self.directory, name + "-mail"), self.file(name + ".toml", "")
        self.check_exit(server.vstate("-q", "dump", "--mail", mail, "-o", text, DOMAIN))
        return ["--mail", mail, text]

    def state_of(self, server):
        with Dovecot([account(server)]) as running:
            session = running.imap(ALICE)
            state = dovecot.mailbox_state(session)
            session.logout()
            pop3 = running.pop3(ALICE)
            state["pop3"] = dovecot.pop3_state(pop3)
            pop3.rset()
            pop3.quit()
            self.assertNotRegex(running.log(), r"(Error|Fatal|Panic):")
        return state

    def moved(self):
        """A used mailbox on the source, an equal one on the target, and what clients see."""
        source, target = self.source(), self.server("target")
        with Dovecot([account(source)]) as running:
            session = running.imap(ALICE)
            use_mailbox(session)
            session.logout()
        before = self.state_of(source)
        self.bring(source, target)
        return source, target, before

    def bring(self, source, target):
        """The first pass."""
        self.apply(target, *self.dump(source, "dump"))


class SameMailbox(DovecotCase):
    def test_a_client_sees_no_difference(self):
        _, target, before = self.moved()
        inbox = before["folders"]["INBOX"]["messages"]
        self.assertEqual(sorted(inbox), [1, 2, 3, 5, 6, 7, 8])
        self.assertEqual(inbox[5][0], ["$Forwarded", "NonJunk", "Work"])
        self.assertEqual(sorted(before["folders"]["Sent.2024"]["messages"]), [1, 3, 4])
        self.assertEqual(before["folders"]["Sent.2024"]["UIDNEXT"], 6)
        self.assertEqual(before["subscribed"], ["Entw&APw-rfe", "INBOX", "Sent", "Sent.2024"])
        self.assertEqual(len(before["pop3"]), 7)
        after = self.state_of(target)
        self.assertEqual(sorted(after["folders"]), sorted(before["folders"]))
        for folder, state in before["folders"].items():
            with self.subTest(folder=folder):
                self.assertEqual(after["folders"][folder], state)
        self.assertEqual(after["subscribed"], before["subscribed"])
        self.assertEqual(after["pop3"], before["pop3"])

    def test_new_mail_gets_the_next_uid(self):
        _, target, before = self.moved()
        deliver(target, 100)
        after = self.state_of(target)["folders"]["INBOX"]
        self.assertEqual(after["UIDVALIDITY"], before["folders"]["INBOX"]["UIDVALIDITY"])
        old = before["folders"]["INBOX"]["messages"]
        self.assertEqual(set(after["messages"]) - set(old), {before["folders"]["INBOX"]["UIDNEXT"]})
        self.assertEqual({uid: after["messages"][uid] for uid in old}, old)


class Idle:
    """A session that waits in IDLE and gathers what the server tells of its own accord."""

    def __init__(self, session):
        self.session, self.tag = session, session._new_tag()
        session.send(self.tag + b" IDLE\r\n")
        if not session.readline().startswith(b"+"):
            raise RuntimeError("IDLE is refused")

    def end(self):
        """The untagged lines since the beginning."""
        self.session.send(b"DONE\r\n")
        told = []
        while not (line := self.session.readline()).startswith(self.tag):
            if not line:
                raise RuntimeError("the server went away")
            told.append(line.decode().strip())
        return told


class Client(threading.Thread):
    """A mail program at work in the INBOX until it is stopped."""

    def __init__(self, session, uids):
        super().__init__()
        self.session, self.uids = session, uids
        self.seen, self.rounds, self.error = {}, 0, None
        self.is_stopped = threading.Event()

    def stop(self):
        self.is_stopped.set()
        self.join(60)
        if self.error:
            raise self.error

    def run(self):
        try:
            while not self.is_stopped.is_set() or self.rounds < 3:
                self.work()
                self.rounds += 1
            self.session.logout()
        except Exception as error:  # told by stop(), in the test's own thread
            self.error = error

    def work(self):
        for uid, entry in dovecot.messages_of(self.session, "INBOX").items():
            if self.seen.setdefault(uid, entry[3]) != entry[3]:
                raise RuntimeError(f"UID {uid} became another message")
        good(self.session.select("INBOX"))
        uid = self.uids[self.rounds % len(self.uids)]
        good(self.session.uid("STORE", str(uid), "+FLAGS", r"(\Flagged Busy)"))
        good(self.session.uid("STORE", str(uid), "-FLAGS", r"(\Seen)"))
        good(self.session.append("INBOX", "", None, message(10000 + self.rounds, "mine")))
        good(self.session.noop())
        mine = good(self.session.uid("SEARCH", "SUBJECT", "mine"))[0].decode().replace(" ", ",")
        good(self.session.uid("STORE", mine, "+FLAGS", r"(\Deleted)"))
        good(self.session.uid("EXPUNGE", mine))


class LaterPass:
    """What later passes leave alone; mixed into a case for each way of making one."""

    def pass_again(self, source, target):
        raise NotImplementedError

    def test_while_a_client_is_logged_in(self):
        source, target, before = self.moved()
        inbox = before["folders"]["INBOX"]
        for number in (21, 22):
            deliver(source, number)
        with Dovecot([account(source)]) as running:  # old messages are flagged at the source
            session = running.imap(ALICE)
            good(session.select("INBOX"))
            good(session.uid("STORE", "7", "+FLAGS", r"(\Flagged \Seen)"))
            session.logout()
        deliver(target, 50)
        with Dovecot([account(target)]) as running:
            session = running.imap(ALICE)
            good(session.select("INBOX"))
            good(session.uid("STORE", "8", "+FLAGS", r"(\Answered)"))
            seen = dovecot.messages_of(session, "INBOX")
            self.assertEqual(set(seen) - set(inbox["messages"]), {inbox["UIDNEXT"]})
            good(session.select("INBOX"))
            idle = Idle(session)
            self.pass_again(source, target)
            told = idle.end()
            self.assertFalse([line for line in told if re.match(r"\* (BYE|\d+ EXPUNGE)", line)])
            self.assertEqual(good(session.noop())[0][:4], b"NOOP")
            after = dovecot.mailbox_state(session)
            other = running.imap(ALICE)
            self.assertEqual(dovecot.mailbox_state(other), after)
            other.logout()
            session.logout()
            self.assertNotRegex(running.log(), r"(Error|Fatal|Panic):")
        self.check_grown(before, seen, after)

    def test_while_a_client_works(self):
        """It flags, appends, and deletes what it appended, all the time."""
        source, target, before = self.moved()
        old = {uid: entry[3] for uid, entry in before["folders"]["INBOX"]["messages"].items()}
        for number in range(200, 500):
            deliver(source, number)
        with Dovecot([account(target)]) as running:
            client = Client(running.imap(ALICE), sorted(old))
            client.start()
            try:
                self.pass_again(source, target)
            finally:
                client.stop()
            session = running.imap(ALICE)
            after = dovecot.mailbox_state(session)["folders"]["INBOX"]
            session.logout()
            self.assertNotRegex(running.log(), r"(Error|Fatal|Panic):")
        self.assertGreater(client.rounds, 2)
        self.assertEqual(after["UIDVALIDITY"], before["folders"]["INBOX"]["UIDVALIDITY"])
        now = {uid: entry[3] for uid, entry in after["messages"].items()}
        for uid, text in client.seen.items():
            self.assertEqual(now.get(uid, text), text, f"UID {uid} became another message")
        self.assertEqual({uid: now[uid] for uid in old}, old)
        self.assertEqual(sorted(now.values()),
                         sorted([*old.values(), *(message(n) for n in range(200, 500))]))

    # Dovecot gives a message that is moved or copied another file name, and a deleted one has none:
    # without a memory of what was ever delivered both are delivered again.
    def test_what_its_owner_moved_or_deleted_stays_so(self):
        source, target, before = self.moved()
        old = {uid: entry[3] for uid, entry in before["folders"]["INBOX"]["messages"].items()}
        with Dovecot([account(target)]) as running:
            session = running.imap(ALICE)
            good(session.select("INBOX"))
            good(session.uid("MOVE", "8", "Sent"))
            good(session.uid("STORE", "1", "+FLAGS", r"(\Deleted)"))
            good(session.expunge())
            self.pass_again(source, target)
            after = dovecot.mailbox_state(session)["folders"]
            session.logout()
        now = {uid: entry[3] for uid, entry in after["INBOX"]["messages"].items()}
        self.assertEqual(now, {uid: text for uid, text in old.items() if uid not in (1, 8)})
        self.assertEqual([entry[3] for entry in after["Sent"]["messages"].values()], [old[8]])

    # A message goes over with its name as it is; translate_keywords of format/imap/uid_files.h is
    # what has to come in between.
    def test_keywords_that_both_sides_gave_are_told_apart(self):
        """Each server gives its letters by itself: the same letter means another keyword there."""
        source, target, before = self.moved()
        fresh = before["folders"]["INBOX"]["UIDNEXT"]
        self.store(target, "7", "(OnlyHere)")
        deliver(source, 21)
        self.store(source, str(fresh), "(OnlyThere Work)")
        self.pass_again(source, target)
        now = self.state_of(target)["folders"]["INBOX"]["messages"]
        self.assertEqual(now[7][0], ["OnlyHere"])
        self.assertEqual(now[fresh][3], message(21))
        self.assertNotIn("OnlyHere", now[fresh][0])
        self.assertIn("Work", now[fresh][0])

    def store(self, server, uid, flags):
        with Dovecot([account(server)]) as running:
            session = running.imap(ALICE)
            good(session.select("INBOX"))
            self.assertNotEqual(good(session.uid("STORE", uid, "+FLAGS", flags)), [None])
            session.logout()

    def check_grown(self, before, seen, after):
        for folder, state in before["folders"].items():
            if folder != "INBOX":
                self.assertEqual(after["folders"][folder], state, folder)
        self.assertEqual(after["subscribed"], before["subscribed"])
        inbox, now = before["folders"]["INBOX"], after["folders"]["INBOX"]
        self.assertEqual(now["UIDVALIDITY"], inbox["UIDVALIDITY"])
        for uid, (flags, date, size, text) in seen.items():
            self.assertEqual(now["messages"][uid][1:], (date, size, text), uid)
            # One was flagged at the source meanwhile.
            wanted = sorted({*flags, r"\Flagged", r"\Seen"}) if uid == 7 else flags
            self.assertEqual(now["messages"][uid][0], wanted, uid)
        texts = [entry[3] for entry in now["messages"].values()]
        self.assertEqual(len(texts), len(set(texts)), "a message is there twice")
        fresh = {uid: now["messages"][uid][3] for uid in set(now["messages"]) - set(seen)}
        self.assertEqual(sorted(fresh), [max(seen) + 1, max(seen) + 2])
        self.assertEqual(set(fresh.values()), {message(21), message(22)})


class ByArchives(LaterPass, DovecotCase):
    def pass_again(self, source, target):
        self.apply(target, *self.dump(source, "again"))


class ByPull(LaterPass, DovecotCase):
    def bring(self, source, target):
        self.check_exit(target.vstate("pull", source.root, DOMAIN))

    pass_again = bring


if __name__ == "__main__":
    support.main()
