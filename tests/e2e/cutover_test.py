"""The switch: the old server relays a domain to its new one, and takes it back byte for byte."""

import json
import os
import shutil
import stat
import subprocess
import tempfile

import support
from support import disturb, program
from support.captures import captured_server, needs_captures
from support.killing import KillCase, vstate
from support.sftp import RSH, SFTP_SERVERS, needs_sftp_server

HOST = "new.example.net"
NAME, ALIAS = "one.example", "also-one.example"
CONTROL = ("smtproutes", "virtualdomains", "locals", "rcpthosts", "morercpthosts", "me")


def control_of(server):
    """Every control file but locks and journals: name -> bytes, mode, owner."""
    found = {}
    place = server.control("")
    for name in sorted(os.listdir(place)):
        path = os.path.join(place, name)
        if name.endswith(".lock") or not os.path.isfile(path):
            continue
        info = os.stat(path)
        with open(path, "rb") as file:
            found[name] = (file.read(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    return found


class CutoverCase(support.SandboxCase):
    names = (NAME, "two.example")

    def setUp(self):
        super().setUp()
        self.old = self.server("old")
        files = [self.file(f"{name}.toml", support.domain_text(
            name, ["postmaster", "info"], head=f'aliases = ["also-{name}"]'))
            for name in self.names]
        self.check_exit(self.old.vstate("apply", *files))

    def control(self, name):
        return self.old.control(name)

    def write(self, name, text):
        self.old.write(self.control(name), text)

    def read(self, name):
        return self.old.read(self.control(name))

    def cut(self, *words, code=0, server=None):
        return self.check_exit((server or self.old).vstate("cutover", *words), code)

    def check_relayed(self, address, host=HOST):
        done = self.old.vstate("route", address)
        self.assertIn(f"goes to {host}", done.out + done.err)

    def check_local(self, address):
        self.assertNotIn("goes to", self.old.vstate("route", address).out)


class SwitchTest(CutoverCase):
    def test_there_and_back(self):
        before = control_of(self.old)
        shown = self.cut(NAME, "--to", HOST, "--dry-run")
        self.assertEqual(control_of(self.old), before)
        self.assertIn(f"+ smtproutes      {ALIAS}:{HOST}", shown.out)
        done = self.cut(NAME, "--to", HOST, "--yes")
        for line in shown.out.splitlines():
            self.assertIn(line, done.out)
        for address in (f"info@{NAME}", f"nobody@{ALIAS}", f"INFO@{NAME.upper()}"):
            self.check_relayed(address)
        self.check_local("info@two.example")
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)
        self.check_local(f"info@{NAME}")

    def test_again_writes_nothing(self):
        self.cut(NAME, "--to", HOST, "--yes")
        before = {name: os.stat(self.control(name)) for name in os.listdir(self.control(""))}
        self.assertIn("Nothing to do.", self.cut(NAME, "--to", HOST).out)
        after = {name: os.stat(self.control(name)) for name in os.listdir(self.control(""))}
        self.assertEqual(before, after)

    def test_turned_away_by_hand(self):
        """There is nothing to do, and from then on it is known."""
        lines = self.read("virtualdomains").decode().splitlines(True)
        self.write("virtualdomains", "".join(line for line in lines if NAME not in line))
        self.write("smtproutes", f"{NAME}:{HOST}\n{ALIAS}:{HOST}\n")
        before = control_of(self.old)
        done = self.cut(NAME, "--to", HOST)
        self.assertIn("Nothing to do.", done.out)
        self.assertIn(f"{NAME} → {HOST}", self.cut("--status", code=2).out)
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)

    def test_to_another_host(self):
        self.write("smtproutes", f"{NAME}:before\nother:x")
        before = control_of(self.old)
        self.cut(NAME, "--to", HOST, "--yes")
        done = self.cut(NAME, "--to", "third.example:2525", "--yes")
        self.assertIn(f"- smtproutes      {NAME}:{HOST}", done.out)
        self.check_relayed(f"info@{NAME}", "third.example")
        self.cut(NAME, "--undo", "--yes")
        self.assertEqual(control_of(self.old), before)

    def test_untidy_files(self):
        """Comments, other cases, duplicates, lines for more, no newline at the end."""
        self.write("virtualdomains", f"# mine\r\n{NAME}:{NAME}\n\n{NAME.upper()}:{NAME} \t\n"
                   f"boss@{NAME}:alias-boss\n.example:catch\n{ALIAS}:{ALIAS}\nbytes\xff:x\n:all"
                   .encode("latin-1"))
        self.write("locals", f"localhost\n{NAME}\n#{NAME}\nmail.{NAME}")
        self.write("smtproutes", f":smart.example\n{ALIAS}:elsewhere:26\n\n")
        os.chmod(self.control("smtproutes"), 0o640)
        before = control_of(self.old)
        self.cut(NAME, "--to", HOST, "--yes")
        self.assertEqual(control_of(self.old)["smtproutes"][1], 0o640)
        self.assertIn(b"#" + NAME.encode(), self.read("locals"))
        for address in (f"info@{NAME}", f"boss@{NAME}", f"x@{ALIAS}"):
            self.check_relayed(address)
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)

    def test_server_named_like_the_domain(self):
        """Without locals, the server's own name is local."""
        self.write("me", NAME + "\n")
        os.unlink(self.control("locals"))
        before = control_of(self.old)
        self.cut(NAME, "--to", HOST, "--yes")
        self.assertEqual(self.read("locals"), b"")
        self.check_relayed(f"info@{NAME}")
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)

    def test_a_link_stays_one(self):
        real = self.old.at("/etc/virtual")
        os.makedirs(os.path.dirname(real), exist_ok=True)
        shutil.move(self.control("virtualdomains"), real)
        os.symlink("/etc/virtual", self.control("virtualdomains"))
        before = self.old.read(real)
        self.cut(NAME, "--to", HOST, "--yes")
        self.assertTrue(os.path.islink(self.control("virtualdomains")))
        self.assertNotIn(NAME.encode(), self.old.read(real))
        self.cut("--undo", "--yes")
        self.assertEqual(self.old.read(real), before)

    def test_domains_in_either_order(self):
        before = control_of(self.old)
        for order in (self.names, self.names[::-1]):
            for name in self.names:
                self.cut(name, "--to", HOST, "--yes")
            for name in order:
                self.cut(name, "--undo", "--yes")
            self.assertEqual(control_of(self.old), before)
        self.cut(*self.names, "--to", HOST, "--yes")
        for name in self.names:
            self.check_relayed(f"info@{name}")
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)


class ForeignChangeTest(CutoverCase):
    def test_what_others_changed_stays_and_is_named(self):
        self.write("smtproutes", "other.example:x\n")
        self.cut(NAME, "--to", HOST, "--yes")
        routes = self.read("smtproutes").decode().replace(f"{ALIAS}:{HOST}", f"{ALIAS}:mine")
        self.write("smtproutes", "# new\n" + routes)
        self.write("virtualdomains", self.read("virtualdomains") + f"{NAME}:hand\n".encode())
        said = self.cut("--status", code=2)
        self.assertIn(f"virtualdomains: {NAME}:hand stands there", said.out)
        done = self.cut("--undo", "--yes", code=2)
        self.assertIn(f"# smtproutes: {ALIAS}:{HOST}: {ALIAS}:mine stands there by now", done.out)
        self.assertIn(f"# virtualdomains: {NAME}:{NAME}: is not put back, since {NAME}:hand stands",
                      done.out)
        self.assertEqual(self.read("smtproutes").decode(),
                         f"# new\nother.example:x\n{ALIAS}:mine\n")
        lines = self.read("virtualdomains").decode().splitlines()
        self.assertIn(f"{NAME}:hand", lines)
        self.assertIn(f"{ALIAS}:{ALIAS}", lines)
        self.assertNotIn(f"{NAME}:{NAME}", lines)
        # Once they are out of the way, the rest comes back.
        self.write("smtproutes", "# new\nother.example:x\n")
        self.write("virtualdomains", "".join(f"{line}\n" for line in lines if "hand" not in line))
        self.cut("--undo", "--yes")
        self.check_local(f"info@{NAME}")
        self.assertIn("no domain", self.cut("--status").out)

    def test_what_somebody_took_back_is_seen(self):
        before = control_of(self.old)
        self.cut(NAME, "--to", HOST, "--yes")
        for name in ("virtualdomains", "smtproutes"):
            self.write(name, before[name][0] if name in before else b"")
        self.assertIn("stands there", self.cut("--status", code=2).out)
        self.cut(NAME, "--to", HOST, "--yes")
        self.check_relayed(f"info@{NAME}")
        self.cut("--undo", "--yes")
        self.assertEqual(self.read("virtualdomains"), before["virtualdomains"][0])


class RefusalTest(CutoverCase):
    def test_refused(self):
        before = control_of(self.old)
        for words, code, said in (
                ((NAME, "--to", self.read("me").decode().strip()), 1, "is this server itself"),
                ((NAME, "--to", "localhost:26"), 1, "is this server itself"),
                ((NAME, "--to", "a b"), 1, "is no host"),
                ((NAME, "--to", "mail:70000"), 1, "is no host"),
                (("none.example", "--to", HOST), 1, "there is no such domain"),
                ((ALIAS, "--to", HOST), 1, f"is another name of {NAME}"),
                ((NAME, "--undo"), 1, "no cutover of it is known"),
                (("--to", HOST), 64, "name the domains"),
                ((NAME,), 64, "--to HOST, --undo, or --status"),
                ((NAME, "--to", HOST), 1, "--yes")):
            with self.subTest(words=words):
                done = self.cut(*words, code=code)
                self.assertIn(said, done.err)
        self.assertEqual(control_of(self.old), before)

    def test_damaged_journal(self):
        self.cut(NAME, "--to", HOST, "--yes")
        path = self.control(f".vstate-cutover-{NAME}.json")
        with open(path, encoding="utf-8") as file:
            journal = json.load(file)
        for bad in ("", "{}", json.dumps({**journal, "stage": "x"}),
                    json.dumps({**journal, "domain": "two.example"})):
            with open(path, "w", encoding="utf-8") as file:
                file.write(bad)
            for words in (("--undo", "--yes"), ("--status",), (NAME, "--to", HOST, "--yes")):
                self.assertIn(path[len(self.old.root):], self.cut(*words, code=1).err)

    def test_domain_that_rcpthosts_lacks(self):
        self.write("rcpthosts", "other.example\n")
        self.assertIn(f"! rcpthosts does not have {NAME}", self.cut(NAME, "--to", HOST, "-n").out)


class StatusTest(CutoverCase):
    def queue(self, place, number, *records):
        path = self.old.at(f"{self.old.qmail}/queue/{place}")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, str(number)), "wb") as file:
            file.write(b"".join(record.encode() + b"\0" for record in records))

    def test_queue(self):
        self.cut(NAME, "--to", HOST, "--yes")
        for place in ("local/0", "remote/5", "todo"):
            self.queue(place, "name", f"Tx@{NAME}")
        self.assertIn("= nothing waits", self.cut("--status").out)
        self.queue("local/0", 23, f"T{NAME}-info@{NAME}", f"T{NAME}-x@{NAME}")
        self.queue("local/0", 46, f"D{NAME}-info@{NAME}", "Tjoe@localhost")
        self.queue("remote/5", 28, f"Tinfo@{ALIAS.upper()}", "Tjoe@other.example")
        self.queue("todo", 7, "u1", "p2", "Fx@y", f"Tinfo@{NAME}")
        self.queue("todo/3", 9, "u1", "p2", f"Fx@{NAME}", "Tinfo@other.example")
        said = self.cut("--status", NAME, code=2).out
        self.assertIn("1 message in the queue here, still to be delivered on this server", said)
        self.assertIn("1 message in the queue here, on the way to another host", said)
        self.assertIn("1 message in the queue here, which qmail-send has not looked at", said)

    def test_nothing(self):
        self.assertIn("no domain of this server was switched", self.cut("--status").out)
        self.assertIn("nothing to undo", self.cut("--undo").out)


@needs_captures
class CapturesTest(support.SandboxCase):
    def test_all_domains(self):
        """Route agrees that mail for each name leaves, and undoing gives the bytes from before."""
        for name in ("vp54-cdb", "vp56-cdb"):
            captured = captured_server(name)
            with tempfile.TemporaryDirectory(prefix="vstate-cutover-") as base:
                root = os.path.join(base, name)
                subprocess.run(["cp", "-a", captured.root, root], check=True)
                server = captured_server(name)
                server.root = root
                listed = json.loads(server.vstate("list", "--json").out)["domains"]
                before = control_of(server)
                domains = [domain["domain"] for domain in listed]
                self.check_exit(server.vstate("cutover", *domains, "--to", HOST, "--yes"))
                accepted = before["rcpthosts"][0].decode().split()
                for domain in listed:
                    for host in (domain["domain"], *domain["alias_domains"]):
                        done = server.vstate("route", f"postmaster@{host}")
                        if host in accepted:
                            self.assertIn(f"goes to {HOST}", done.out, host)
                self.check_exit(server.vstate("cutover", "--undo", "--yes"))
                self.assertEqual(control_of(server), before)
                print(f"{name}: {len(domains)} domains there and back", flush=True)


@needs_sftp_server
class RemoteTest(CutoverCase):
    """The old side has nothing but an SFTP server."""

    def remote(self, *words, rsh=RSH, code=0):
        return self.check_exit(program.run("--root", f"old.example:{self.old.root}", "--rsh", rsh,
                                           "cutover", *words), code)

    def without_posix_rename(self):
        """An OpenSSH from before 2008."""
        server = next(path for path in SFTP_SERVERS if os.access(path, os.X_OK))
        return self.program("old_rsh", f'#!/bin/sh\nexec {server} -P posix-rename\n')

    def program(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def test_there_and_back(self):
        for rsh in (RSH, self.without_posix_rename()):
            with self.subTest(rsh=rsh):
                before = control_of(self.old)
                done = self.remote(NAME, "--to", HOST, "--yes", rsh=rsh)
                self.assertIn("could not be told from here", done.err)
                self.check_relayed(f"info@{NAME}")
                self.assertIn(HOST, self.remote("--status", rsh=rsh, code=2).out)
                # It is tried again to tell qmail-send, and nothing is written.
                self.assertNotIn("+", self.remote(NAME, "--to", HOST, rsh=rsh).out)
                # The same journal serves who works there.
                self.assertIn(HOST, self.cut("--status", code=2).out)
                self.remote("--undo", "--yes", rsh=rsh)
                self.assertEqual(control_of(self.old), before)

    def test_stopped_between_two_renames(self):
        """What an SFTP server without posix-rename leaves then."""
        before = control_of(self.old)
        os.rename(self.control("virtualdomains"), self.control("virtualdomains") + ".vstate-old")
        self.remote(NAME, "--to", HOST, "--yes")
        self.check_relayed(f"info@{NAME}")
        self.cut("--undo", "--yes")
        self.assertEqual(control_of(self.old), before)

    def test_file_that_may_not_be_written(self):
        """Every error has its path, and what was done is known."""
        if support.IS_ROOT:
            self.skipTest("root may write anywhere")
        os.chmod(self.control(""), 0o555)
        self.assertIn("/control/", self.remote(NAME, "--to", HOST, "--yes", code=1).err)


class KilledTest(KillCase):
    """Undoing what was stopped gives the bytes from before."""

    names = ("one.example", "two.example")

    def test_cutover_then_undo(self):
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        files = disturb.make_domain_files(self.base, self.names)
        self.in_base("--root", "new", "apply", *files)
        self.command = vstate("--root", "new", "cutover", *self.names, "--to", HOST, "--yes")
        points = self.harness(self.work_on("whole")).points
        undone = 0
        for number in disturb.spread(points, 10):
            work = self.work_on(f"undone-{number}")
            server = support.Server(os.path.join(work, "new"))
            before = control_of(server)
            run = self.harness(work, "--kill", number)
            self.assertTrue(run.hit)
            journal = [name for name in os.listdir(server.control("")) if "cutover" in name]
            self.run_in(work, vstate("--root", "new", "cutover", "--undo", "--yes"))
            self.assertEqual(control_of(server), before, (run.hit, journal))
            undone += 1
            self.forget(work)
        print(f"{undone} stopped cutovers undone, of {points} calls", flush=True)


if __name__ == "__main__":
    support.main()
