"""Law 1, round trip: every domain of the captured servers goes to servers of other homes, other
hashing, and another vpopmail, and comes back as the same TOML byte for byte. The digests of all
archives stand in the TOML, so equal text is equal mail."""

import os
import shutil
import tempfile

import support
from support import Server, captures, needs_root, needs_strace
from support.captures import CaptureCase, Dumped, needs_captures

LONG_NAME = "a_very_long_user_name_with_63_characters_in_total_x_0123456789a"
WRITING_CALLS = ("creat rename renameat renameat2 mkdir mkdirat unlink unlinkat rmdir chmod fchmod "
                 "fchmodat chown fchown lchown fchownat utimensat utimes truncate ftruncate link "
                 "linkat symlink symlinkat mknod mknodat setxattr fsetxattr removexattr").split()
SHARED = {}


def setUpModule():
    SHARED["directory"] = tempfile.mkdtemp(prefix="vstate-captures-")
    os.chmod(SHARED["directory"], 0o755)


def tearDownModule():
    shutil.rmtree(SHARED["directory"], ignore_errors=True)


def captured(name):
    """The dump of a whole captured server, made once a run."""
    if name not in SHARED:
        SHARED[name] = Dumped(captures.captured_server(name),
                              os.path.join(SHARED["directory"], name))
    return SHARED[name]


@needs_captures
@needs_root
class RoundTripTest(CaptureCase):
    def by_way_of(self, first, *servers):
        """Carries a whole capture from server to server; after each one nothing may be left to do
        and the dump must be the capture's."""
        dumped = first
        self.check_exit(first.outcome)
        for number, options in enumerate(servers):
            target = self.server(f"server{number}", clear=True, **options)
            self.apply(target, *dumped.arguments())
            self.check_settled(target, dumped)
            dumped = self.dump_all(target, f"dump{number}")
            self.assertEqual(first.names(), dumped.names())
            self.check_equal_dumps(first, dumped, first.names())

    def test_vp54_to_54_to_56(self):
        """Law 1 for every domain of vp54-cdb: to a 5.4 server whose home and qmail lie elsewhere,
        and from there to a 5.6 server."""
        self.by_way_of(captured("vp54-cdb"),
                       {"version": "5.4", "home": "/srv/mail/vpopmail", "qmail": "/srv/mail/qmail"},
                       {"version": "5.6", "home": "/home/vpopmail"})

    def test_vp54_to_56_and_back(self):
        """Law 1 for every domain of vp54-cdb: to 5.6 and back to 5.4."""
        self.by_way_of(captured("vp54-cdb"),
                       {"version": "5.6"}, {"version": "5.4", "qmail": "/usr/local/q"})

    def test_vp56_to_another_home_and_on(self):
        """Law 1 for every domain of vp56-cdb: to a 5.6 server whose home and qmail lie elsewhere,
        and from there to a third."""
        self.by_way_of(captured("vp56-cdb"),
                       {"version": "5.6", "home": "/srv/mail/vpopmail", "qmail": "/srv/mail/qmail"},
                       {"version": "5.6", "home": "/usr/local/vp"})

    def test_each_domain_alone_on_an_empty_server(self):
        """Law 1, domain by domain: each one to a server that has nothing else."""
        for capture in ("vp54-cdb", "vp56-cdb"):
            first = captured(capture)
            # Of the 130 equal customers every tenth stands for the others.
            for domain in first.names():
                if not domain.startswith("kunde") or domain[7:8] == "0":
                    with self.subTest(domain=domain):
                        self.one_domain(first, domain)

    def one_domain(self, first, domain):
        target = self.server(f"alone-{domain}", clear=True)
        self.apply(target, *first.arguments(domain))
        self.check_settled(target, first, domain)
        second = self.dump_all(target, f"dump-{domain}")
        self.assertEqual(second.names(), [domain])
        self.check_equal_dumps(first, second, [domain])
        shutil.rmtree(target.root)

    def test_other_hash_directories(self):
        """Law 1 where 99 domains and 70 accounts were there first, so that all hashes differ."""
        for capture, domain in (("vp54-cdb", "acme.example"), ("vp56-cdb", "firma.example")):
            with self.subTest(capture=capture):
                self.with_other_hashes(captured(capture), domain, capture)

    def with_other_hashes(self, first, domain, name):
        target = self.server(name, clear=True)
        self.fill_with_dummies(target, 99)
        self.apply(target, *first.arguments(domain))
        self.assertTrue(os.path.isdir(target.domain("0/" + domain)))
        self.check_settled(target, first, domain)
        second = self.dump_all(target, name + "-second")
        self.check_equal_dumps(first, second, [domain])

    def test_accounts_there_first(self):
        """Law 2 and the owner's things: 70 accounts of the domain that the file does not have shift
        the hashing, are kept, and do not stop the plan from being empty."""
        first, domain = captured("vp54-cdb"), "acme.example"
        target = self.server(clear=True)
        self.fill_with_dummies(target, 0, [(domain, 70)])
        self.apply(target, *first.arguments(domain))
        self.check_settled(target, first, domain)
        homes = support.cdb_records(target.read(target.domain(domain, "vpasswd.cdb")))
        moved = [key for key, data in homes if b"/acme.example/1/" in data]
        self.assertTrue(moved, "70 more accounts move some into the directory 1")


@needs_captures
@needs_root
class ToOlderServerTest(CaptureCase):
    def test_what_54_cannot_hold_is_named(self):
        """Law 1: a 63-character name is refused by name by plan and apply; nothing is written."""
        first = captured("vp56-cdb")
        target = self.server(version="5.4")
        before = target.snapshot()
        wanted = (f"vstate: mailbox {LONG_NAME}: its name has 63 characters, "
                  f"this server takes 32; --exclude mailbox.{LONG_NAME} leaves it out\n")
        plan = self.check_exit(target.vstate("plan", *first.arguments("firma.example")), 1)
        self.assertIn(wanted, plan.err)
        self.check_same(before, target.snapshot())
        applied = self.check_exit(target.vstate("apply", *first.arguments("firma.example")), 1)
        self.assertIn(wanted, applied.err)
        self.check_same(before, support.snapshot(target.root, skip=["var/lib"])
                        | {"var": before["var"]})

    def test_lines_too_long_for_54_are_named(self):
        """Law 1: with the clear field, $6$ hashes and long names exceed 5.4's 255 bytes."""
        home = "/srv/" + "long-" * 15 + "name/vpopmail"
        first = captured("vp56-cdb")
        target = self.server(version="5.4", clear=True, home=home)
        plan = self.check_exit(target.vstate("plan", *first.arguments("firma.example")), 1)
        self.assertRegex(plan.err, r"mailbox hans\.mueller: its line in vpasswd would have \d+ "
                                   r"bytes, this server reads 255")

    def test_all_the_rest_fits(self):
        """Law 1 for every domain of vp56-cdb that a 5.4 server can hold."""
        first = captured("vp56-cdb")
        domains = [name for name in first.names() if name != "firma.example"]
        target = self.server(version="5.4")
        self.apply(target, *first.arguments(*domains))
        self.check_settled(target, first, *domains)
        self.check_equal_dumps(first, self.dump_all(target, "second"), domains)


@needs_captures
@needs_root
class FixedPointTest(CaptureCase):
    def settled(self, capture):
        target = self.server(clear=True)
        first = captured(capture)
        self.apply(target, *first.arguments())
        support.provide_programs(target)
        return target, first

    def test_second_apply_leaves_every_field_of_every_file(self):
        """Law 2: after a second apply no inode, mode, owner, size, time, or byte differs."""
        for capture in ("vp54-cdb", "vp56-cdb"):
            with self.subTest(capture=capture):
                target, first = self.settled(capture)
                before = target.snapshot()
                outcome = self.check_exit(target.vstate("apply", *first.arguments()))
                self.assertEqual(outcome.out.count(support.NOTHING), len(first.names()))
                self.check_same(before, target.snapshot())
                shutil.rmtree(target.root)

    @needs_strace
    def test_second_apply_makes_no_writing_call(self):
        """Law 2: it opens nothing for writing but the lock of the run, and calls nothing that
        changes a file, not even to the value it has."""
        first, target = captured("vp54-cdb"), self.server(clear=True)
        small = first.arguments("small.example")
        self.assertTrue(self.traced_apply(target, small), "a first apply writes, and it shows")
        self.apply(target, *first.arguments())
        self.assertEqual(self.traced_apply(target, first.arguments()), [])

    def traced_apply(self, target, arguments):
        log = os.path.join(self.directory, "strace.txt")
        self.check_exit(target.vstate("-q", "apply", *arguments,
                                      prefix=[support.STRACE, "-f", "-y", "-s", "300", "-o", log,
                                              "-e", "trace=%file,%desc"]))
        return writing_calls(log, target)

    def test_dump_and_plan_and_verify_only_read(self):
        """Law 2 and "plan writes nothing anywhere": reading commands leave the root
        as it is."""
        target, first = self.settled("vp54-cdb")
        before = target.snapshot()
        self.check_settled(target, first)
        self.dump_all(target, "second")
        self.check_exit(target.vstate("route", "alice@acme.example"))
        self.check_same(before, target.snapshot())


def writing_calls(log, server: Server):
    """The lines of a trace that write below the root, other than opening the lock of the run."""
    found = []
    with open(log, errors="replace") as file:
        for line in file:
            call = line.split("(", 1)[0].split()[-1] if "(" in line else ""
            opens = call in ("open", "openat") and any(
                flag in line for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"))
            writes = call in ("write", "pwrite64", "writev", "fsync", "fdatasync", "sendfile",
                              "copy_file_range")
            if not (opens or writes or call in WRITING_CALLS) or "/dev/" in line:
                continue
            if server.root not in line and (writes or not relative_path(line)):
                continue
            if opens and "lib/vstate" in line and "lock" in line and "O_TRUNC" not in line:
                continue
            found.append(line.rstrip())
    return found


def relative_path(line):
    return '"/' not in line and "AT_FDCWD" not in line


if __name__ == "__main__":
    support.main()
