"""The real vpopmail, qmail and ezmlm are at work on a server while vstate applies, pulls and dumps
there again and again: what they did stays, and whoever looks something up finds it.

The programs run on copies of the installation in a mount namespace, as in interop_test.py; all of
them in one namespace, beside the look-ups of the end-to-end tests. VSTATE_DEEP=1: ten thousand
changes.

VSTATE_TEST_VPOPMAIL  vpopmail's home with bin/, a cdb build
VSTATE_TEST_QMAIL     the qmail directory with bin/ that it was compiled for
VSTATE_TEST_EZMLM     directory of ezmlm's programs
"""

import json
import os
import select
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import support  # noqa: E402
from support.neighbours import ezmlm, mail, qmail, readers, vpopmail  # noqa: E402
from support.neighbours.living import Neighbour, Street  # noqa: E402
from support.operators import MINE, PULLED, SHARED, OperatorsCase  # noqa: E402

VPOPMAIL = os.environ.get("VSTATE_TEST_VPOPMAIL", "").rstrip("/")
QMAIL = os.environ.get("VSTATE_TEST_QMAIL", "").rstrip("/")
EZMLM = os.environ.get("VSTATE_TEST_EZMLM", "").rstrip("/")
NAMESPACE = ["unshare", "-mpf", "--mount-proc", "--propagation", "private", "sh", "-c"]
WRITERS = 8
STEPS = (10000 if support.DEEP else 240) // WRITERS
PAUSE = 0.02 if support.DEEP else 0.2
DOMAINS = VPOPMAIL + "/domains"
SHARED_TEXT = f'''vstate = 1

[domain]
name = "{SHARED}"
default = ["| {{vpopmail}}/bin/vdelivermail '' bounce-no-mailbox"]

[domain.limits]
max_mailboxes = 50

[mailbox.postmaster]
password = "{support.MD5}"
gecos = "Postmaster"

[mailbox.alice]
password = "{support.MD5}"
gecos = "Alice Example"

[mailbox."carol.jones"]
password = "{support.MD5}"
gecos = "Carol Jones"

[alias.sales]
deliver = ["&alice@{SHARED}", "&reseller@example.org"]
'''


def missing():
    """Why nothing can run here, or None."""
    for name, path, program in (("VSTATE_TEST_VPOPMAIL", VPOPMAIL, "bin/vadduser"),
                                ("VSTATE_TEST_QMAIL", QMAIL, "bin/qmail-local"),
                                ("VSTATE_TEST_EZMLM", EZMLM, "ezmlm-sub")):
        if not path or not os.path.isfile(f"{path}/{program}"):
            return f"{name} does not name an installation with {program}"
    if not support.IS_ROOT:
        return "needs root: mount namespaces, and owners of files"
    if not shutil.which("unshare"):
        return "unshare is not installed"
    tried = subprocess.run([*NAMESPACE, f"mount --bind {QMAIL} {QMAIL}"], capture_output=True,
                           text=True)
    return f"no mount namespace here: {tried.stderr.strip()}" if tried.returncode else None


REASON = missing()


def setUpModule():
    if REASON:
        raise unittest.SkipTest(REASON)


# --- within the namespace -----------------------------------------------------------------------

def real(*arguments, stdin=None, codes=(0,)):
    """Runs a real program; a failure is an OSError with what it said."""
    done = subprocess.run(arguments, stdin=stdin or subprocess.DEVNULL, capture_output=True,
                          env={"PATH": "/usr/bin:/bin"})
    if done.returncode not in codes:
        raise OSError(f"{arguments}: exit {done.returncode}: {done.stdout + done.stderr!r}")
    return done.stdout.decode()


def tool(name, *arguments):
    return real(f"{VPOPMAIL}/bin/{name}", *arguments)


class RealDomain(vpopmail.Domain):
    def vadduser(self, user, password):
        tool("vadduser", f"{user}@{self.name}", password)

    def vpasswd(self, user, password):
        tool("vpasswd", f"{user}@{self.name}", password)

    def vdeluser(self, user):
        tool("vdeluser", f"{user}@{self.name}")

    def opens(self, password, stored):
        return support.crypt(password, stored) == stored

    def valias_insert(self, name, line):
        tool("valias", "-i", line, f"{name}@{self.name}")

    def valias_remove(self, name, line):
        """No program removes one line; qmailadmin writes all of them again too."""
        kept = [other for other in vpopmail.read(self.alias_path(name)).decode().splitlines()
                if not other.startswith(line)]
        self.valias_delete(name)
        for other in kept:
            self.valias_insert(name, other)

    def valias_delete(self, name):
        tool("valias", "-d", f"{name}@{self.name}")


class RealQmail(qmail.Qmail):
    def newu(self):
        real(f"{QMAIL}/bin/qmail-newu")

    def vadddomain(self, name, password):
        tool("vadddomain", name, password)

    def vdeldomain(self, name):
        tool("vdeldomain", name)

    def vaddaliasdomain(self, name, real_name):
        tool("vaddaliasdomain", name, real_name)

    def vdelaliasdomain(self, name, real_name):
        tool("vdeldomain", name)


class RealList(ezmlm.List):
    def change(self, address, is_added):
        """Whether it was on the list, by ezmlm-issubn; only this neighbour changes the address."""
        asked = subprocess.run([f"{EZMLM}/ezmlm-issubn", self.directory],
                               env={"SENDER": address, "PATH": "/usr/bin:/bin"})
        real(f"{EZMLM}/{'ezmlm-sub' if is_added else 'ezmlm-unsub'}", self.directory, address)
        return asked.returncode == 0


class RealDeliveries(Neighbour):
    """qmail-local, which starts vdelivermail by the domain's .qmail-default."""

    is_owner = True

    def __init__(self, server, seed, addresses):
        super().__init__(server, seed)
        self.addresses, self.sent = addresses, 0

    def step(self):
        user, domain = self.chance.choice(self.addresses)
        home = self.server.find_domain(domain)
        self.sent += 1
        body = f"Subject: {os.getpid()} {self.sent}\n\nhello {self.chance.random()}\n"
        with open(f"{home}/{user}/.letter", "wb+") as letter:
            letter.write(body.encode())
            letter.seek(0)
            os.unlink(letter.name)
            real(f"{QMAIL}/bin/qmail-local", "--", domain, home, f"{domain}-{user}", "-", user,
                 domain, "s@x.example", "./Mailbox", stdin=letter)
        self.kept[body] = f"{home}/{user}/Maildir"

    def missing(self):
        found = []
        for maildir in set(self.kept.values()):
            for name in mail.Maildir(maildir).listed("new"):
                found.append((maildir, vpopmail.read(f"{maildir}/new/{name}").decode()))
        words = []
        for body, maildir in self.kept.items():
            count = sum(place == maildir and text.endswith(body) for place, text in found)
            if count != 1:
                words.append(f"{body.splitlines()[0]} is {count} times in {maildir}")
        return words


def neighbours(host, seed):
    shared, pulled = f"{DOMAINS}/{SHARED}", f"{DOMAINS}/{PULLED}"
    writers = [
        vpopmail.Accounts(host, seed, SHARED, "carol.jones", False, RealDomain),
        vpopmail.Accounts(host, seed, PULLED, "bob", False, RealDomain),
        vpopmail.Aliases(host, seed, SHARED, RealDomain),
        vpopmail.Aliases(host, seed + "p", PULLED, RealDomain),
        qmail.Domains(host, seed, SHARED, RealQmail),
        ezmlm.Subscribers(host, "one", shared + "/news", RealList),
        ezmlm.Subscribers(host, "two", shared + "/news", RealList),
        RealDeliveries(host, seed, [("alice", SHARED), ("postmaster", SHARED), ("alice", PULLED),
                                    ("bob", PULLED)])]
    members = ezmlm.List(shared + "/news").members()
    lookers = [
        readers.Logins(host, seed, shared, ["alice", "postmaster"], False),
        readers.Logins(host, seed, pulled, ["alice", "bob"], False),
        readers.Logins(host, seed, f"{DOMAINS}/{MINE}", ["postmaster", "anna"], True),
        readers.Routes(host, seed, {name: f"{DOMAINS}/{name}" for name in (SHARED, MINE, PULLED)}),
        readers.Members(host, seed, shared + "/news", members),
        ezmlm.Sender(host, seed, shared + "/news", members)]
    return writers, lookers


def live(seed, uid, gid):
    """Lets all neighbours do their changes, and looks when it is told to what became of them."""
    host = vpopmail.MailHost("", VPOPMAIL, (int(uid), int(gid)), QMAIL)
    writers, lookers = neighbours(host, seed)
    street = Street(writers, lookers, STEPS, PAUSE)
    street.finish()
    print(json.dumps({"changes": sum(one.done for one in writers),
                      "looks": sum(one.done for one in lookers),
                      "lost": [word for one in [*writers, *lookers] for word in one.lost]}),
          flush=True)
    sys.stdin.readline()
    print(json.dumps([word for one in [*writers, *lookers] for word in one.missing()]), flush=True)


# --- outside of it ------------------------------------------------------------------------------

class NeighboursInteropTest(OperatorsCase):
    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.directory, "root")
        for path in (VPOPMAIL, QMAIL):
            support.make_directories(os.path.dirname(self.root + path))
            subprocess.run(["cp", "-a", path, self.root + path], check=True)
        support.make_directories(self.root + "/etc")
        shutil.copy("/etc/passwd", self.root + "/etc/passwd")
        # So many lines that the domains of both sides go to rcpthosts and to morercpthosts.
        hosts = [f"h{number:02}.example" for number in range(42)]
        for name, lines in (("locals", ["localhost"]), ("rcpthosts", hosts)):
            with open(f"{self.root}{QMAIL}/control/{name}", "w", encoding="ascii") as file:
                file.write("".join(line + "\n" for line in lines))
        owner = os.stat(VPOPMAIL + "/domains")
        host = vpopmail.MailHost(self.root, VPOPMAIL, (owner.st_uid, owner.st_gid), QMAIL)
        self.owner = host.owner
        options = ["--root", self.root, "--vpopmail-dir", VPOPMAIL, "--qmail-dir", QMAIL,
                   "--ezmlm-dir", EZMLM]
        self.check_exit(support.run(*options, "apply", self.file("first.toml", SHARED_TEXT)))
        news = f"{DOMAINS}/{SHARED}/news"
        self.in_namespace(self.as_owner(
            f"{EZMLM}/ezmlm-make", news, f"{DOMAINS}/{SHARED}/.qmail-news", "news", SHARED))
        self.in_namespace(self.as_owner(f"{EZMLM}/ezmlm-sub", news, *(
            f"always{number}@example.org" for number in range(4))))
        self.begin(host, options, self.root + news)

    def as_owner(self, *words):
        uid, gid = self.owner
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *words]

    def namespace(self, words):
        binds = " && ".join(f"mount --bind {self.root}{path} {path}" for path in (VPOPMAIL, QMAIL))
        return [*NAMESPACE, f'{binds} && exec "$@"', "sh", *words]

    def in_namespace(self, words):
        done = subprocess.run(self.namespace(words), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_street(self):
        child = subprocess.Popen(
            self.namespace([sys.executable, os.path.abspath(__file__), "live", self.seed,
                            *map(str, self.owner)]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = []

        def is_alive():
            """Until all changes are made, which the first line says."""
            if not told and not select.select([child.stdout], [], [], 0)[0]:
                return True
            told.append(child.stdout.readline())
            return False

        with child:
            turns = self.work_while(is_alive)
            self.settle()
            child.stdin.write("\n")
            child.stdin.flush()
            missing_ = json.loads(child.stdout.readline())
        found = json.loads(told[0])
        self.report(turns, found["changes"], found["looks"])
        self.assertEqual(
            found["lost"] + missing_ + self.operator.wrong + self.second.wrong, [])
        self.assertEqual(found["changes"], STEPS * WRITERS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["live"]:
        live(*sys.argv[2:])
    else:
        support.main()
