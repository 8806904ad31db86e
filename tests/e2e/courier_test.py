"""A mailbox that was Courier's goes to a server with Dovecot, and no client notices: UIDVALIDITY,
UIDs, UIDNEXT, flags, keywords, internal dates, subscriptions, UIDLs, and the order of the POP3
list. What they were is asked of Courier's own programs, what they are of a real Dovecot."""

import os
import random
import sys

import support
from support import OWNER, courier, dovecot
from support.clients import ALICE, DOMAIN, account, deliver, home_of, message
from support.dovecot import Dovecot, good, quoted

CONVERT = ("--convert", "courier-dovecot")


def use_mailbox(session):
    """A person's years with Courier. imapd writes names of folders in UTF-8, its predecessors
    in modified UTF-7."""
    good(session.select("INBOX"))
    for uid, flags in ((1, r"(\Seen)"), (2, r"(\Seen \Answered $Label1)"), (3, r"(\Flagged Work)"),
                       (5, r"($Forwarded NonJunk Work)"), (6, r"(\Draft)")):
        good(session.uid("STORE", str(uid), "+FLAGS", flags))
    for folder in ("Sent", "Sent.2024", "Entw&APw-rfe", "A&-B", "Empty"):
        good(session.create(quoted("INBOX." + folder)))
    for folder in ("INBOX.Sent", "INBOX.Sent.2024", "INBOX.Entw&APw-rfe", "INBOX.A&-B", "INBOX"):
        good(session.subscribe(quoted(folder)))
    for number in range(1, 6):
        good(session.append(quoted("INBOX.Sent.2024"), r"(\Seen)" if number % 2 else "(Private)",
                            f'"0{number}-Mar-2021 10:20:30 +0100"', message(number, "Sent")))
    good(session.uid("COPY", "2,5", quoted("INBOX.Entw&APw-rfe")))
    good(session.select(quoted("INBOX.Sent.2024")))
    good(session.uid("STORE", "2,5", "+FLAGS", r"(\Deleted)"))
    good(session.expunge())
    good(session.select("INBOX"))
    good(session.uid("STORE", "4", "+FLAGS", r"(\Deleted)"))
    good(session.expunge())
    good(session.close())


def state_by_courier(home):
    session = courier.Imap(home, OWNER)
    state = dovecot.mailbox_state(session)
    session.logout()
    pop3 = courier.Pop3(home, OWNER)
    # Asking for the text would mark all as read.
    state["pop3"] = [line.decode().split(" ", 1)[1] for line in pop3.uidl()[1]]
    pop3.quit()
    return state


@courier.needs_courier
@dovecot.needs_dovecot
class FromCourier(support.SandboxCase):
    def source(self):
        """A mailbox whose UIDs, whose POP3 list, and whose file names have different orders."""
        server = self.server("source")
        self.apply(server, self.file("first.toml", support.domain_text()))
        for number in (5, 6, 7, 8):
            deliver(server, number)
        courier.Imap(home_of(server), OWNER).logout()
        self.look(server)
        for number in (1, 2, 3, 4):
            deliver(server, number)
        self.look(server)
        pop3 = courier.Pop3(home_of(server), OWNER)
        self.assertEqual(len(pop3.uidl()[1]), 8)
        pop3.dele(7)
        pop3.quit()
        session = courier.Imap(home_of(server), OWNER)
        use_mailbox(session)
        session.logout()
        for number in (9, 10):
            deliver(server, number)
        return server

    def look(self, server):
        """imapd gives UIDs when a folder is opened."""
        session = courier.Imap(home_of(server), OWNER)
        good(session.select("INBOX"))
        session.logout()

    def move(self, source, target):
        mail, text = os.path.join(self.directory, "mail"), self.file("dump.toml", "")
        self.check_exit(source.vstate("-q", "dump", "--mail", mail, "-o", text, DOMAIN))
        plan = self.check_exit(target.vstate("plan", *CONVERT, "--mail", mail, text)).out
        self.assertIn("convert alice", plan)
        self.assertNotIn("left out", self.apply(target, *CONVERT, "--mail", mail, text).err)
        before = target.snapshot()
        self.check_nothing_to_do(target, *CONVERT, "--mail", mail, text)
        self.apply(target, *CONVERT, "--mail", mail, text)
        self.assertEqual(support.changed_paths(before, target.snapshot()), [])
        self.check_exit(target.vstate("verify", *CONVERT, "--deep", "--mail", mail, text))

    def test_clients_see_no_difference(self):
        source, target = self.source(), self.server("target")
        before = state_by_courier(home_of(source))
        inbox = before["folders"]["INBOX"]
        self.assertEqual(sorted(inbox["messages"]), [1, 2, 5, 6, 7, 8, 9, 10])
        self.assertEqual(len(before["pop3"]), 8)
        self.assertTrue(all(uidl.startswith("UID") for uidl in before["pop3"]))
        deliver(source, 30)
        self.move(source, target)
        after = self.state_by_dovecot(target)
        # One message came after Courier's last look: it gets what Courier would have given.
        self.assertEqual(after["folders"]["INBOX"]["messages"][inbox["UIDNEXT"]][3], message(30))
        self.check_same_but_for_one(before, after)

    def state_by_dovecot(self, server):
        with Dovecot([account(server)], prefix="INBOX.") as running:
            session = running.imap(ALICE)
            state = dovecot.mailbox_state(session)
            session.logout()
            pop3 = running.pop3(ALICE)
            state["pop3"] = [line.decode().split(" ", 1)[1] for line in pop3.uidl()[1]]
            pop3.quit()
            self.assertNotRegex(running.log(), r"(Error|Fatal|Panic):")
        return state

    def check_same_but_for_one(self, before, after):
        """What clients saw of Courier they see of Dovecot, and one message more in the INBOX."""
        self.assertEqual(sorted(after["folders"]), sorted(before["folders"]))
        self.assertEqual(after["subscribed"], before["subscribed"])
        for folder, state in before["folders"].items():
            now = after["folders"][folder]
            if folder == "INBOX":
                del now["messages"][state["UIDNEXT"]]
                for key in ("UIDNEXT", "MESSAGES", "UNSEEN"):
                    now[key] -= 1
            with self.subTest(folder=folder):
                self.assertEqual(now, state)
        self.assertEqual(after["pop3"][:-1], before["pop3"])
        self.assertNotIn(after["pop3"][-1], before["pop3"])

    def test_random_years_with_courier(self):
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        print(f"VSTATE_SEED={seed}", file=sys.stderr)
        for year in range(2):
            with self.subTest(seed=seed, year=year):
                source = self.server(f"source{year}")
                self.apply(source, self.file("first.toml", support.domain_text()))
                self.live(source, random.Random(f"{seed} {year}"))
                before = state_by_courier(home_of(source))
                deliver(source, 1000)  # the last by its name too
                target = self.server(f"target{year}")
                self.move(source, target)
                self.check_same_but_for_one(before, self.state_by_dovecot(target))

    def live(self, server, choose, names=range(1, 999)):
        """Deliveries whose names have any order, POP3 sessions that delete, IMAP sessions."""
        numbers = choose.sample(names, 40)
        for _ in range(4):
            for _ in range(choose.randrange(1, 10)):
                deliver(server, numbers.pop())
            if choose.random() < 0.6:
                pop3 = courier.Pop3(home_of(server), OWNER)
                for number in range(1, len(pop3.uidl()[1]) + 1):
                    if choose.random() < 0.2:
                        pop3.dele(number)
                pop3.quit()
            session = courier.Imap(home_of(server), OWNER)
            for _ in range(25):
                self.act(session, choose)
            session.logout()

    def act(self, session, choose):
        """One thing that a person does by IMAP."""
        folder = choose.choice(("INBOX", "INBOX.A", "INBOX.A.B", "INBOX.\u00fc"))
        folder = folder.replace("\u00fc", "&APw-")
        session.create(quoted(folder))  # most often it is there
        good(session.select(quoted(folder)))
        uids = good(session.uid("SEARCH", "ALL"))[0].split()
        some = b",".join(uid for uid in uids if choose.random() < 0.3).decode()
        what = choose.choice(("store", "store", "keyword", "keyword", "copy", "append", "expunge",
                              "subscribe"))
        if what == "subscribe":
            good(choose.choice((session.subscribe, session.unsubscribe))(quoted(folder)))
        elif what == "append":
            number = choose.randrange(10**6)
            good(session.append(quoted(folder), "", '"05-Mar-2021 10:20:30 +0100"',
                                message(number, "appended")))
        elif not some:
            return
        elif what == "copy":
            good(session.uid("COPY", some, "INBOX"))
        elif what == "expunge":
            good(session.uid("STORE", some, "+FLAGS", r"(\Deleted)"))
            good(session.expunge())
        else:
            flags = [f"k{number}" for number in range(26)] if what == "keyword" else [
                r"\Seen", r"\Answered", r"\Flagged", r"\Draft", r"\Deleted"]
            sign = choose.choice(("+FLAGS", "+FLAGS", "-FLAGS", "FLAGS"))
            good(session.uid("STORE", some, sign, f"({' '.join(choose.sample(flags, 2))})"))

    def pull(self, source, target):
        return self.check_exit(target.vstate("pull", *CONVERT, source.root, DOMAIN)).err

    def test_later_passes_follow_courier(self):
        """Until Dovecot is asked for the first time, each pass brings what Courier says by then."""
        seed = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))
        print(f"VSTATE_SEED={seed}", file=sys.stderr)
        choose = random.Random(seed)
        source, target = self.server("source"), self.server("target")
        self.apply(source, self.file("first.toml", support.domain_text()))
        for number in range(3):
            # No delivery agent gives a name a second time.
            self.live(source, choose, range(1 + 300 * number, 300 + 300 * number))
            self.pull(source, target)
        self.check_exit(target.vstate("pull", *CONVERT, "--prune", "--yes", "--max-delete", "999",
                                      source.root, DOMAIN))
        before = state_by_courier(home_of(source))
        deliver(source, 1000)
        self.pull(source, target)
        with self.subTest(seed=seed):
            self.check_same_but_for_one(before, self.state_by_dovecot(target))

    def test_a_pass_that_was_not_told_names_no_folder_back(self):
        source, target = self.source(), self.server("target")
        self.pull(source, target)
        before = support.snapshot(os.path.join(home_of(target), "Maildir"))
        self.assertTrue(any("Entw&APw-rfe" in path for path in before))
        self.check_exit(target.vstate("pull", source.root, DOMAIN))
        after = support.snapshot(os.path.join(home_of(target), "Maildir"))
        self.assertEqual(support.changed_paths(before, after), [])

    def test_what_dovecot_made_its_own_is_left_alone(self):
        source, target = self.source(), self.server("target")
        self.pull(source, target)
        with Dovecot([account(target)], prefix="INBOX.") as running:
            deliver(target, 500)
            session = running.imap(ALICE)
            good(session.select("INBOX"))
            good(session.uid("STORE", "1", "+FLAGS", "(here)"))
            before = dovecot.mailbox_state(session)["folders"]["INBOX"]
            session.logout()
        courier_session = courier.Imap(home_of(source), OWNER)
        good(courier_session.select("INBOX"))
        good(courier_session.uid("STORE", "1", "-FLAGS", "(k1)"))
        courier_session.logout()
        deliver(source, 600)
        out = self.pull(source, target)
        self.assertIn("convert.alice: Maildir is Dovecot's already and stays", out)
        after = self.state_by_dovecot(target)["folders"]["INBOX"]
        self.assertEqual(len(after["messages"]), len(before["messages"]) + 1)
        for uid, state in before["messages"].items():
            self.assertEqual(after["messages"][uid], state)

    def test_only_pop3_was_ever_used(self):
        source, target = self.server("source"), self.server("target")
        self.apply(source, self.file("first.toml", support.domain_text()))
        for number in range(1, 5):
            deliver(source, number)
        pop3 = courier.Pop3(home_of(source), OWNER)
        before = [line.decode().split(" ", 1)[1] for line in pop3.uidl()[1]]
        pop3.quit()
        self.move(source, target)
        with Dovecot([account(target)]) as running:
            pop3 = running.pop3(ALICE)
            after = [line.decode().split(" ", 1)[1] for line in pop3.uidl()[1]]
            pop3.quit()
        self.assertEqual(len(before), 4)
        self.assertEqual(after, before)


if __name__ == "__main__":
    support.main()
