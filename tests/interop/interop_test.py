"""Real vpopmail, qmail and ezmlm programs agree with what vstate wrote. A copy of the installation
is laid out below a root, vstate works there, and the programs run in a mount namespace that has the
copies where they were compiled to be; the installation itself is only read.

VSTATE_TEST_VPOPMAIL  vpopmail's home with bin/, a cdb build
VSTATE_TEST_QMAIL     the qmail directory with bin/ that it was compiled for
VSTATE_TEST_EZMLM     directory of ezmlm's programs; without it the tests of lists are skipped
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import support  # noqa: E402
from support import captures  # noqa: E402
from support.captures import needs_captures  # noqa: E402
from support.real_tools import Printed, fields, flag_word, quota_text  # noqa: E402

VPOPMAIL = os.environ.get("VSTATE_TEST_VPOPMAIL", "").rstrip("/")
QMAIL = os.environ.get("VSTATE_TEST_QMAIL", "").rstrip("/")
EZMLM = os.environ.get("VSTATE_TEST_EZMLM", "").rstrip("/")
CAPTURED = "acme.example"
CLEAR = {"postmaster": "Pm-pass-11x", "joe": "Sekret-77x", "mary": "Mary-pass-5",
         "closed": "Closed-9y"}
SALTS = {"joe": "$1$abcdefgh$", "mary": "$6$saltsaltsalt$"}
MORE = {"joe": 'gecos = "Joe Doe"\nquota = { bytes = 10000000, messages = 500 }',
        "closed": 'disable = ["pop3"]\nflags = ["user1"]'}
REST = '''
[alias."sales"]
deliver = ["&joe@example.com", "&mary@example.com"]

[autoresponder."info"]
message = "From: info@example.com\\nSubject: Thanks\\n\\nWe have got it.\\n"
limit = { replies = 5, seconds = 1000 }
'''
DEFAULTS = {"bounce": '''default = ["| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox"]''',
            "catch": '''default = ["| {vpopmail}/bin/vdelivermail '' mary@example.com"]'''}
NAMESPACE = ["unshare", "-mpf", "--mount-proc", "--propagation", "private", "sh", "-c"]
RAN = []


def missing():
    """Why nothing can run here, or None."""
    for name, path in (("VSTATE_TEST_VPOPMAIL", VPOPMAIL), ("VSTATE_TEST_QMAIL", QMAIL)):
        if not os.path.isdir(path + "/bin") or not path:
            return f"{name} does not name an installation with bin/"
    if not support.IS_ROOT:
        return "needs root: mount namespaces, and owners of files"
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return "unshare or setpriv is not installed"
    tried = subprocess.run([*NAMESPACE, f"mount --bind {QMAIL} {QMAIL}"], capture_output=True,
                           text=True)
    return f"no mount namespace here: {tried.stderr.strip()}" if tried.returncode else None


REASON = missing()
needs_ezmlm = unittest.skipUnless(EZMLM and os.path.isfile(EZMLM + "/ezmlm-make"),
                                  "VSTATE_TEST_EZMLM does not name ezmlm's programs")


def example_text(default="bounce", names=tuple(CLEAR), rest=REST):
    boxes = [support.mailbox_text(name, support.crypt(CLEAR.get(name, "x"),
                                                      SALTS.get(name, "$6$anothersalt$")),
                                  MORE.get(name, "")) for name in names]
    return (f'vstate = 1\n\n[domain]\nname = "example.com"\naliases = ["example.net"]\n'
            f'{DEFAULTS[default]}\n' + "".join(boxes) + rest)


def setUpModule():
    if REASON:
        raise unittest.SkipTest(REASON)


def tearDownModule():
    print(f"interop: {len(RAN)} tests ran against real programs", file=sys.stderr)


class InteropCase(support.SandboxCase):
    def setUp(self):
        root = os.path.join(self.directory, "root")
        self.target = support.Server(root, VPOPMAIL, QMAIL, named=True)
        if EZMLM:
            self.target.options += ["--ezmlm-dir", EZMLM]
        for path in (VPOPMAIL, QMAIL):
            support.make_directories(os.path.dirname(self.target.at(path)))
            subprocess.run(["cp", "-a", path, self.target.at(path)], check=True)
        support.make_directories(self.target.at("/etc"))
        shutil.copy("/etc/passwd", self.target.at("/etc/passwd"))
        owner = os.stat(VPOPMAIL + "/domains")
        self.owner = (owner.st_uid, owner.st_gid)
        RAN.append(self.id())

    def real(self, *arguments, stdin=None, env=None, as_owner=False, prefix=""):
        """Runs a real program over the copies; standard input is a file, as qmail gives one."""
        binds = " && ".join(f"mount --bind {self.target.at(path)} {path}"
                            for path in (VPOPMAIL, QMAIL))
        if as_owner:
            arguments = ("setpriv", f"--reuid={self.owner[0]}", f"--regid={self.owner[1]}",
                         "--clear-groups", *arguments)
        file = self.file("stdin", stdin or "")
        with open(file, "rb") as opened:
            done = subprocess.run([*NAMESPACE, f'{binds} && {prefix} exec "$@"', "sh", *arguments],
                                  stdin=opened, capture_output=True, timeout=120,
                                  env=support.environment(QMAILHOME=QMAIL, **(env or {})))
        return support.Outcome(done)

    def vpopmail(self, name, *arguments):
        return self.real(f"{VPOPMAIL}/bin/{name}", *arguments)

    def login(self, address, password):
        """Exit status of vchkpw for a POP3 log-in; it reads them from descriptor 3."""
        return self.real(f"{VPOPMAIL}/bin/vchkpw", "/bin/true", stdin=f"{address}\0{password}\0\0",
                         env={"TCPLOCALPORT": "110"}, prefix="exec 3<&0;").code

    def deliver(self, name, domain="example.com", sender="s@x.example", text="hello"):
        home = self.target.directory_of(domain)
        message = f"From: {sender}\nTo: {name}@{domain}\nSubject: try\n\n{text}\n"
        return self.real(f"{QMAIL}/bin/qmail-local", "--", domain, home, f"{domain}-{name}", "-",
                         name, domain, sender, "./Mailbox", stdin=message, as_owner=True)

    def example(self, *arguments, **options):
        self.apply(self.target, self.file("example.toml", example_text(*arguments, **options)))

    def queued(self):
        return len(glob.glob(self.target.at(QMAIL) + "/queue/todo/**/*", recursive=True)) \
            - len(glob.glob(self.target.at(QMAIL) + "/queue/todo/*/"))

    def arrived(self, name, domain="example.com"):
        return os.listdir(self.target.at(self.target.directory_of(domain)) + f"/{name}/Maildir/new")

    def check_login(self, address, password, code):
        self.assertEqual(self.login(address, password), code, address)

    def check_accounts(self, domain, mailboxes):
        """vuserinfo's fields of each account are those of the file."""
        for name, box in mailboxes.items():
            with self.subTest(account=name):
                said = fields(self.check_exit(self.vpopmail("vuserinfo", "-a",
                                                            f"{name}@{domain}")).out)
                self.assertEqual(said["passwd"], box.get("password", ""))
                self.assertEqual(said["comment/gecos"], box.get("gecos", ""))
                self.assertEqual(int(said["gid"]), flag_word(box))
                self.assertEqual(said["quota"], quota_text(box))
                self.assertTrue(os.path.isdir(self.target.at(said["dir"]) + "/Maildir/new"), said)


class AccountsTest(InteropCase):
    def test_vdominfo(self):
        """vdominfo knows the domain, its alias, directory, and number of accounts."""
        self.example()
        for name in ("example.com", "example.net"):
            output = self.check_exit(self.vpopmail("vdominfo", name)).out
            said = fields(output)
            self.assertEqual(said["domain"], "example.com")
            self.assertEqual(said["dir"], self.target.directory_of("example.com"))
            self.assertEqual(int(said["users"]), len(CLEAR))
            self.assertIn("alias: example.net", output)

    def test_vuserinfo(self):
        self.example()
        self.check_accounts("example.com", support.load_toml(example_text())["mailbox"])

    def test_vchkpw(self):
        """Each password opens its account, also by the alias domain; another does not; a service
        that is closed stays closed."""
        self.example()
        for name, clear in CLEAR.items():
            with self.subTest(account=name):
                self.check_login(f"{name}@example.com", clear, 1 if name == "closed" else 0)
                self.check_login(f"{name}@example.com", clear + "x", 3)
        self.check_login("joe@example.net", CLEAR["joe"], 0)

    def test_vadduser_goes_on(self):
        """vadduser hashes on where vstate stopped counting: after 99 accounts the next is in 0/."""
        others = [f"u{number:03}" for number in range(98)]
        self.example(names=["postmaster", *others], rest="")
        control = self.target.directory_of("example.com") + "/.dir-control"
        before = self.target.read(control).decode().split()
        added = self.vpopmail("vadduser", "late@example.com", "Late-pass-1x")
        self.check_exit(added)
        said = fields(self.vpopmail("vuserinfo", "-a", "late@example.com").out)
        self.assertTrue(said["dir"].endswith("/example.com/0/late"), said)
        after = self.target.read(control).decode().split()
        self.assertEqual(int(after[0]), int(before[0]) + 1, f"{before} {after}")
        self.check_login("late@example.com", "Late-pass-1x", 0)


class RoutesTest(InteropCase):
    def check_rebuilt(self, program, path):
        self.example()
        mine = support.cdb_records(self.target.read(path))
        os.unlink(self.target.at(path))
        self.check_exit(self.real(f"{QMAIL}/bin/{program}"))
        self.assertEqual(sorted(mine), sorted(support.cdb_records(self.target.read(path))))
        self.assertTrue(mine)

    def test_qmail_newu(self):
        """qmail-newu makes the same users/cdb of users/assign."""
        self.check_rebuilt("qmail-newu", QMAIL + "/users/cdb")

    def test_qmail_newmrh(self):
        """With rcpthosts at its bound the domain goes to morercpthosts, as qmail-newmrh has it."""
        hosts = "".join(f"h{number:03}.example\n" for number in range(50))
        self.target.write(QMAIL + "/control/rcpthosts", hosts)
        self.check_rebuilt("qmail-newmrh", QMAIL + "/control/morercpthosts.cdb")


class DeliveriesTest(InteropCase):
    def test_mailbox_alias_robot_and_bounce(self):
        self.example()
        self.check_exit(self.deliver("joe"))
        self.assertEqual(len(self.arrived("joe")), 1)
        before = self.queued()
        self.check_exit(self.deliver("sales"))
        self.assertEqual(self.queued(), before + 1)
        self.check_exit(self.deliver("nobody"), 100)

    def test_autoresponder(self):
        if not os.access(QMAIL + "/bin/autorespond", os.X_OK):
            self.skipTest("no autorespond in the qmail directory")
        self.example()
        before = self.queued()
        self.check_exit(self.deliver("info"))
        self.assertEqual(self.queued(), before + 1)

    def test_catch_all(self):
        self.example("catch")
        before = self.queued() + len(self.arrived("mary"))
        self.check_exit(self.deliver("whoever"))
        self.assertEqual(self.queued() + len(self.arrived("mary")), before + 1)


@needs_captures
class CapturedTest(InteropCase):
    """acme.example of the captured 5.4 server, moved to the real installation."""

    def setUp(self):
        super().setUp()
        source, mail = captures.captured_server("vp54-cdb"), os.path.join(self.directory, "mail")
        self.toml = os.path.join(self.directory, "acme.toml")
        self.check_exit(source.vstate("-q", "dump", "--mail", mail, "-o", self.toml, CAPTURED))
        self.apply(self.target, "--mail", mail, self.toml)
        with open(self.toml, encoding="utf-8") as file:
            self.state = support.load_toml(file.read())

    def test_accounts(self):
        said = fields(self.check_exit(self.vpopmail("vdominfo", CAPTURED)).out)
        self.assertEqual(int(said["users"]), len(self.state["mailbox"]))
        self.check_accounts(CAPTURED, self.state["mailbox"])

    def test_passwords(self):
        """Each clear password known of the capture opens its account, unless its flags close it."""
        printed = Printed(captures.captured_text("vp54-cdb"))
        for address, clear in printed.passwords.items():
            name, domain = address.split("@")
            if domain == CAPTURED and clear != "-":
                with self.subTest(account=name):
                    closed = "pop3" in self.state["mailbox"][name].get("disable", [])
                    self.check_login(address, clear, 1 if closed else 0)
                    self.check_login(address, "not-" + clear, 3)

    @needs_ezmlm
    def test_ezmlm_members(self):
        """ezmlm-list shows the members of the file, and ezmlm-issubn finds each."""
        for name, wanted in self.state["list"].items():
            path = self.target.directory_of(CAPTURED) + "/" + name
            for sublist, key in (("", "subscribers"), ("mod", "moderators"), ("digest", "digest")):
                with self.subTest(list=name, sublist=key):
                    part = [sublist] if sublist else []
                    said = self.check_exit(self.real(EZMLM + "/ezmlm-list", path, *part,
                                                     as_owner=True))
                    self.assertEqual(sorted(said.out.split()), sorted(wanted.get(key, [])))
                    for address in wanted.get(key, []):
                        found = self.real(EZMLM + "/ezmlm-issubn", path, *part,
                                          as_owner=True, env={"SENDER": address})
                        self.check_exit(found)

    @needs_ezmlm
    def test_list_post(self):
        """A subscriber's post to the open list is taken and sent on by the real ezmlm."""
        sender = self.state["list"]["announce"]["subscribers"][0]
        before = self.queued()
        done = self.check_exit(self.deliver("announce", CAPTURED, sender))
        self.assertRegex(done.out + done.err, re.compile(r"did \d+\+\d+\+\d+"))
        self.assertGreater(self.queued(), before)


if __name__ == "__main__":
    support.main()
