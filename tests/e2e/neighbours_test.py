"""Everybody's programs work on a server while vstate applies, pulls and dumps there again and
again: what they did stays, whoever looks something up finds it whole, and nothing is left over.

By default a few hundred changes by others; VSTATE_DEEP=1: ten thousand. VSTATE_SEED repeats a run.
"""

import collections
import os
import re
import subprocess

import support
from support import disturb
from support.neighbours import ezmlm, mail, qmail, readers, vpopmail
from support.neighbours.living import Street
from support.operators import MINE, PULLED, SHARED, OperatorsCase, wait_for_open
from support.passes import Mail

WRITERS = 11
STEPS = (10000 if support.DEEP else 440) // WRITERS
#: The longest pause of a neighbour between two changes: so that a few hundred take some seconds.
PAUSE = 0.1 if support.DEEP else 0.3
HOME = "/home/vpopmail"
#: Slots of the hash directory that both sides use up and give back.
FREE = 60
LOCKS = {".vpasswd.lock", ".dir_control_free.lock", "assign.lock", "rcpthosts.lock", "locals.lock",
         "virtualdomains.lock", "morercpthosts.lock"}
#: Temporaries of all programs: vstate's, and those with a fixed name or the number of a process.
LEFT_OVER = re.compile(r"vstate-|\.(lock|tmp|new|bak)$|vpasswd\.bak|"
                       r"(assign|hosts|domains|locals|dir-control)\.\d+$|^[@-t]n$")


class Subscriptions(readers.Reader):
    """Dovecot takes the lock of the subscriptions, and finds them whole."""

    is_owner, pause = True, 0.01

    def __init__(self, server, seed, path):
        super().__init__(server, seed)
        self.path = path

    def step(self):
        with mail.dot_lock(self.path):
            text = vpopmail.read(self.path).decode()
            self.expect(text.startswith("INBOX\n") and text.endswith("\n"), repr(text))


class NeighboursTest(OperatorsCase):
    def setUp(self):
        super().setUp()
        if not support.IS_ROOT:
            self.skipTest("only root can make the example server, and be the mail's owner too")
        self.root = os.path.join(self.directory, "server")
        disturb.make_example("old-server", self.root)
        self.host = vpopmail.MailHost(self.root, HOME, support.OWNER)
        self.fill_rcpthosts()
        with open(self.at(SHARED, ".dir_control_free"), "w", encoding="ascii") as file:
            file.write("0\n" * FREE)
        # As far as can be from the next hundred, where the counter would lead to that directory.
        counter = vpopmail.read(self.at(SHARED, ".dir-control")).decode().split("\n", 1)[1]
        with open(self.at(SHARED, ".dir-control"), "w", encoding="ascii") as file:
            file.write("101\n" + counter)
        self.hashed = os.listdir(self.at(SHARED, "0"))
        self.begin(self.host, ["--root", self.root], self.at(SHARED, "news"))

    def fill_rcpthosts(self):
        """So many lines that the domains of both sides go to both files."""
        path = self.host.control("rcpthosts")
        with open(path, "a", encoding="ascii") as file:
            file.write("".join(f"h{number:02}.example\n" for number in range(42)))

    def at(self, *parts):
        return self.host.at("/".join([f"{HOME}/domains", *parts]))

    def neighbours(self):
        host, seed, news = self.host, self.seed, self.at(SHARED, "news")
        shared, pulled = f"{HOME}/domains/{SHARED}", f"{HOME}/domains/{PULLED}"
        count = "50000000S,100000C"
        writers = [vpopmail.Accounts(host, seed, SHARED, "carol.jones", False),
                   vpopmail.Accounts(host, seed, PULLED, "bob", True),
                   vpopmail.Aliases(host, seed, SHARED),
                   vpopmail.Aliases(host, seed + "p", PULLED),
                   qmail.Domains(host, seed, SHARED),
                   ezmlm.Subscribers(host, "one", news), ezmlm.Subscribers(host, "two", news),
                   mail.Deliveries(host, seed, [f"{shared}/alice", f"{shared}/bob",
                                                f"{pulled}/alice", f"{pulled}/bob"]),
                   mail.Deliveries(host, seed + "q", [f"{pulled}/carol"],
                                   {f"{pulled}/carol": count}),
                   mail.DovecotServer(host, seed, f"{pulled}/alice"),
                   mail.CourierServer(host, seed, f"{pulled}/bob")]
        self.assertEqual(len(writers), WRITERS)
        return writers

    def lookers(self):
        host, seed, news = self.host, self.seed, self.at(SHARED, "news")
        names = {name: f"{HOME}/domains/{name}" for name in (SHARED, MINE, PULLED)}
        names["example.net"] = names[SHARED]
        return [readers.Logins(host, seed, names[SHARED], ["alice", "postmaster", "zoe"], False),
                readers.Logins(host, seed, names[PULLED], ["alice", "bob"], True),
                readers.Logins(host, seed, names[MINE], ["postmaster", "anna"], True),
                readers.Routes(host, seed, names), readers.Texts(host, seed, self.texts()),
                readers.Members(host, seed, news, self.members),
                ezmlm.Sender(host, seed, news, self.members),
                Subscriptions(host, seed, self.at(PULLED, "alice", "Maildir/subscriptions"))]

    def texts(self):
        """Files of the shared domain with what each of the two files of the operator makes of
        them."""
        names = (".qmail-sales", ".qmailadmin-limits", ".qmail-default")
        paths = [f"{HOME}/domains/{SHARED}/{name}" for name in names]
        found = {path: set() for path in paths}
        for file in (1, 0):
            self.check_exit(self.operator.vstate("apply", self.files[SHARED][file]))
            for path in paths:
                found[path].add(vpopmail.read(self.host.at(path)).decode())
        self.assertEqual([len(found[path]) for path in paths], [2, 2, 1])
        return found

    def test_street(self):
        readers_, writers = self.lookers(), self.neighbours()
        street = Street(writers, readers_, STEPS, PAUSE)
        try:
            turns = self.work_while(street.is_alive)
            street.finish()
        finally:
            street.stop()
        self.settle()
        self.report(turns, sum(one.done for one in writers), sum(one.done for one in readers_))
        words = [word for one in [*writers, *readers_] for word in one.lost + one.missing()]
        self.assertEqual(words + self.operator.wrong + self.second.wrong, [])
        self.check_mail()
        self.check_free_directories()
        self.check_nothing_left()

    def check_mail(self):
        """What was pulled is there, each message once."""
        for user in ("alice", "bob", "carol"):
            there = collections.Counter(
                mail.unique(name) for _, _, names in os.walk(self.at(PULLED, user, "Maildir"))
                for name in names if ".M1P1.old" in name)
            wanted = Mail(self.source.server, user)
            wanted.root = self.source.at(user)
            self.assertEqual(there, dict.fromkeys(wanted.messages(), 1), user)
        counter = mail.Maildir(self.at(PULLED, "carol", "Maildir"))
        self.assertIn(counter.counted(), (None, counter.usage()))

    def check_free_directories(self):
        """Each account in the hash directory has taken one line of the list, and no line is lost
        or there twice."""
        taken = [name for name in os.listdir(self.at(SHARED, "0")) if name not in self.hashed]
        left = vpopmail.read(self.at(SHARED, ".dir_control_free")).decode().split()
        self.assertEqual(len(taken) + len(left), FREE)

    def check_nothing_left(self):
        left = []
        for place, _, names in os.walk(self.root):
            if "/var/lib/vstate" in place or os.path.basename(place) in ("cur", "new"):
                continue
            left += [os.path.join(place, name) for name in names if name not in LOCKS
                     and (os.path.basename(place) == "tmp" or LEFT_OVER.search(name))]
        self.assertEqual(left, [])


class AloneTest(support.SandboxCase):
    """What these programs lose of each other with no vstate there, step by step, and what becomes
    of it where vstate is one of the two."""

    def setUp(self):
        if not support.IS_ROOT:
            self.skipTest("only root can make the example server")
        root = os.path.join(self.directory, "server")
        disturb.make_example("old-server", root)
        self.host = vpopmail.MailHost(root, HOME, support.OWNER)
        self.qmail, self.domain = qmail.Qmail(self.host), vpopmail.Domain(self.host, SHARED)
        self.options = ["--root", root]

    def vstate(self, *words):
        return self.check_exit(support.run(*self.options, *words))

    def stored(self, user):
        return self.host.look_up(self.domain.directory, user)

    def old_newu(self):
        """A qmail-newu that has read users/assign and not yet replaced users/cdb."""
        data = vpopmail.make_server.assign_cdb(vpopmail.read(self.host.users("assign")).decode())
        return lambda: self.qmail.build(self.host.users("cdb.tmp"), self.host.users("cdb"), data)

    def test_two_qmail_newu(self):
        """qmail-newu takes no lock: a slow one takes a domain away again that came meanwhile."""
        replace = self.old_newu()
        self.qmail.vadddomain("late.example", vpopmail.a_hash(1))
        replace()
        self.assertNotIn("users/cdb", self.qmail.places("late.example"))

    def test_qmail_newu_and_vstate(self):
        """The same may happen to what vstate has published; the next run sees it and mends it."""
        path = self.file("mine.toml", support.domain_text(MINE, ["postmaster"]))
        replace = self.old_newu()
        self.vstate("apply", path)
        replace()
        self.assertNotIn("users/cdb", self.qmail.places(MINE))
        self.assertNotIn(support.NOTHING, self.vstate("plan", path).out)
        self.vstate("apply", path)
        self.assertIn(self.qmail.places(MINE), qmail.EVERYWHERE)

    def test_two_vmoduser(self):
        """vauth_setpw writes a record as it was read before the lock: of two changes of one
        account one is lost."""
        seen = self.stored("alice")
        self.domain.vpasswd("alice", vpopmail.a_hash(1))
        self.domain.set_record("alice", [*seen[:3], "Another", *seen[4:]])
        self.assertNotEqual(self.stored("alice")[0], vpopmail.a_hash(1))

    def test_vmoduser_and_vstate(self):
        """vstate reads the account under the lock and changes the one field: a password that was
        set after the plan was made stays."""
        text = self.vstate("dump", SHARED).out
        self.assertEqual(text.count('"Alice Example"'), 1)
        path = self.file("changed.toml", text.replace('"Alice Example"', '"Planned"'))
        with vpopmail.fcntl_lock(self.domain.path(".vpasswd.lock")):
            apply = subprocess.Popen([support.VSTATE, *self.options, "apply", path],
                                     stdout=subprocess.DEVNULL, env=support.environment())
            wait_for_open(apply, self.domain.path(".vpasswd.lock"))
            lines = vpopmail.read(self.domain.path("vpasswd")).decode()
            lines = lines.replace(self.stored("alice")[0], vpopmail.a_hash(1))
            vpopmail.replace(self.domain.path("vpasswd"), self.domain.path("vpasswd.bak.1"),
                             lines.encode())
        self.assertEqual(apply.wait(60), 0)
        self.assertEqual(self.stored("alice")[0], vpopmail.a_hash(1))
        self.assertEqual(self.stored("alice")[3], "Planned")

    def test_free_directories(self):
        """vdeluser adds a line to the list of free directories under a lock of its own, vadduser
        takes one: what they did since vstate chose its homes stays."""
        path = self.domain.path(".dir_control_free")
        text = self.vstate("dump", SHARED).out + support.mailbox_text("newcomer")
        with vpopmail.fcntl_lock(path + ".lock"):
            apply = subprocess.Popen([support.VSTATE, *self.options, "apply",
                                      self.file("more.toml", text)],
                                     stdout=subprocess.DEVNULL, env=support.environment())
            wait_for_open(apply, path + ".lock")
            with open(path, "a", encoding="ascii") as file:
                file.write("0/3\n")
        self.assertEqual(apply.wait(60), 0)
        # The example's list had one line, which the new account took.
        self.assertEqual(vpopmail.read(path), b"0/3\n")
        self.assertIn("/0/newcomer", self.stored("newcomer")[4])

    def test_two_valias(self):
        """valias takes no lock: what one adds while another rewrites the file is lost."""
        path = self.domain.alias_path("sales")
        text = vpopmail.read(path)
        self.domain.valias_insert("sales", "&meanwhile@example.org")
        vpopmail.replace(path, path + ".new", text.replace(b"&bob@example.com\n", b""))
        self.assertNotIn(b"meanwhile", vpopmail.read(path))


if __name__ == "__main__":
    support.main()
