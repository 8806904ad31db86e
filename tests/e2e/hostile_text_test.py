"""Text that was written to do harm: that steers a terminal, hides, turns the order of reading,
forges a line of the program, is no UTF-8, holds a CR or a NUL, or is a megabyte long, wherever a
server, a file, a database or another machine can say anything. It is shown by number, carried as it
is or refused by name, and never run."""

import glob
import json
import os
import re
import sqlite3
import sys
import tomllib
import unittest

import support
from support import databases
from support.domains import domain_text
from support.old_server import NAME, OldServer

#: What each text is, as it is put into anything that holds bytes.
TEXTS = {
    "title": b"\x1b]0;pwned\x07", "clipboard": b"\x1b]52;c;cm0gLXJm\x07",
    "hyperlink": b"\x1b]8;;http://x.example\x1b\\here\x1b]8;;\x1b\\",
    "clear": b"\x1b[2J\x1b[H",
    "answer": b"\x1b[6n\x05", "C1 of one byte": b"\x9b2J\x9d0;pwned\x9c",
    "C1 in UTF-8": "\x9b2J\x9d0;pwned\x9c".encode(), "backspaces": b"safe\x08\x08\x08\x08evil",
    "carriage return": b"evil\rsafe", "right to left": "\u202egpj.exe".encode(),
    "isolates": "\u2066a\u2069\u2067b".encode(), "without width": "a\u200b\ufeff\u2060b".encode(),
    "separators": "a\u2028vstate: forged\u2029b".encode(), "tags": "\U000e0041\U000e0042".encode(),
    "no UTF-8": b"\xff\xfe\xc0\xaf\xed\xa0\x80", "cut UTF-8": b"a\xe2\x80", "deleted": b"\x7f",
    "quotes": b"\"'`$(touch NEVER)\\", "format": b"{}{0}{:n}%s%n",
    "TOML": b'"\n[domain]\nname = "x',
}
ONE_LINE = {title: text for title, text in TEXTS.items() if b"\n" not in text}
ALL = b"".join(ONE_LINE.values())
NO_SLASH = ALL.replace(b"/", b"")
#: As long as vpopmail keeps one.
GECOS = b"\x9b2J\x1b]0;x\x07\xff\xfe\r" + "\u202e\u200b\ufeff\x9b".encode()
FORGED = b"x\nvstate: forged: all is well\n"
HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e"
                    "\u2060-\u206f\ufeff\udc80-\udcff\U000e0000-\U000e0fff]")


def some(texts):
    """Each third without VSTATE_DEEP."""
    return texts if support.DEEP else dict(list(texts.items())[::3])


class TextCase(support.SandboxCase):
    def setUp(self):
        self.never = os.path.join(self.directory, "NEVER")

    def check_shown(self, done, codes=(0, 1, 2, 3), forged="(?m)^vstate: forged"):
        """Nothing of it is shown as it is, and no line of it looks like one of the program's."""
        for stream, text in (("out", done.out), ("err", done.err)):
            found = HIDDEN.search(text)
            if found:
                at = found.start()
                self.fail(f"standard {stream}: {text[max(0, at - 60):at + 30]!r}")
        self.assertNotRegex(done.err, forged)
        self.assertNotIn("internal error", done.err)
        self.assertIn(done.code, codes, str(done)[:2000])
        self.assertEqual(glob.glob(self.directory + "/**/NEVER", recursive=True), [])
        self.assertFalse(os.path.exists("NEVER"))
        if done.out.startswith(("{", "[\n", "[{")):
            for part in ([done.out] if done.out.startswith("[") or "\n  " in done.out else
                         done.out.splitlines()):
                json.loads(part)
        return done


class ServerTest(TextCase):
    """An old server of somebody who had years for it."""

    def make(self):
        old = OldServer(os.path.join(self.directory, "old"))
        old.add("alice")
        old.rows[-1] = old.rows[-1].encode().replace(b":alice:", b":" + GECOS + b":")
        old.message(f"{old.dom}/alice/Maildir")
        self.lines = {
            ".qmail-run": b"|touch " + self.never.encode() + b"; echo " + ALL + b"\n",
            ".qmail-forward": b"&x" + ALL + b"@example.org\n",
            ".qmail-comment": b"# " + ALL + b"\n",
            ".qmail-mbox": b"/tmp/" + NO_SLASH + b"\n", ".qmail-dir": b"./" + NO_SLASH + b"/\n",
            ".qmail-long": b"|echo " + b"n" * (1 << 20) + b"\n",
            ".qmail-null": b"&a@example.org\n|x\0y\n", ".qmail-odd": b"{byte:41}{vpopmail}{\n",
        }
        for name, text in self.lines.items():
            old.write(f"{old.dom}/{name}", text)
        old.write(f"{old.dom}/alice/.qmail", b"|touch " + self.never.encode() + b" " + ALL + b"\n")
        old.write(f"{old.dom}/alice/vacation/message", b"From: x\n\n" + ALL)
        robot = f"{old.dom}/ROBOT"
        old.write(f"{old.dom}/.qmail-robot",
                  f"|/usr/bin/autorespond 10000 5 {robot}/message {robot}\n")
        old.write(f"{robot}/message", b"From: robot@example.com\nSubject: " + ALL + b"\n\nx\n")
        old.write(f"{old.dom}/alice/lastauth", ALL)
        old.write(f"{old.dom}/.qmailadmin-limits", b"maxpopaccounts: 5\n" + ALL + b": 7\n")
        old.write(f"{old.dom}/alice/Maildir/subscriptions", ALL + b"\n")
        old.write(f"{old.dom}/alice/Maildir/dovecot-keywords", b"0 " + ALL + b"\n")
        old.write(f"{old.dom}/alice/Maildir/dovecot-uidlist",
                  b"3 V1 N2 G0\n1 " + ALL + b" :1000000001.1.old\n")
        old.write(f"{old.dom}/alice/Maildir/courierimapkeywords/:list", ALL + b"\n")
        for path in (f"{old.dom}/news/editor", f"{old.dom}/news/subscribers/A"):
            old.write(path, ALL + b"\0T" + ALL + b"@x.org\0")
        old.write("/var/qmail/control/smtproutes", ALL + b":" + ALL + b"\n")
        old.write("/var/qmail/control/badmailfrom", ALL + b"\n")
        old.write("/etc/tcp.smtp", b"1.2.3.4:allow,X=\"" + ALL + b"\"\n")
        old.build()
        old.write("/var/qmail/control/virtualdomains", old.read(
            "/var/qmail/control/virtualdomains") + ALL + b":" + ALL + b"\n")
        old.write("/var/qmail/control/locals", b"localhost\n" + ALL + b"\n")
        top = os.fsencode(old.at(old.dom))
        for name in (NO_SLASH, b"x\nvstate: forged", b".qmail-" + NO_SLASH[:150],
                     b"alice/" + NO_SLASH, b"alice/Maildir/." + NO_SLASH[:150],
                     b"alice/Maildir/cur/1.2." + NO_SLASH[:150] + b":2,S"):
            path = os.path.join(top, name[:240])
            if name.startswith(b"alice/Maildir/."):
                for part in (b"", b"/cur", b"/new", b"/tmp"):
                    os.mkdir(path + part, 0o700)
            else:
                with open(path, "wb") as file:
                    file.write(b"&x@example.org\n")
        for name, target in ((b"link", NO_SLASH), (b"alice/Maildir/link", b"../" + NO_SLASH),
                             (b"bob", b"../" + NO_SLASH[:200]), (b".qmail-linked", NO_SLASH)):
            os.symlink(target, os.path.join(top, name))
        os.mkfifo(os.path.join(top, b"alice/Maildir/fifo" + NO_SLASH[:150]), 0o600)
        old.own()
        return old

    def test_commands(self):
        old, count = self.make(), 0
        new = self.server("new")
        out = os.path.join(self.directory, "out")
        toml = os.path.join(self.directory, "d.toml")
        commands = [
            (old, "dump", NAME), (old, "dump", "-v", NAME), (old, "dump", "--server"),
            (old, "dump", NAME, "--mail", out, "-o", toml),
            (old, "list"), (old, "list", "--json"), (old, "check", toml),
            *[(old, "route", f"{local}@{NAME}") for local in
              ("alice", "run", "forward", "comment", "mbox", "dir", "long", "null", "odd", "robot",
               "news", "linked", os.fsdecode(ALL.replace(b"@", b"")), "x\nvstate: forged")],
            (old, "verify", toml, "--mail", out), (old, "plan", toml, "--mail", out),
            (new, "plan", toml, "--mail", out), (new, "plan", "-v", toml, "--mail", out),
            (new, "plan", "--json", toml, "--mail", out),
            (new, "plan", toml, "--mail", out, "-o", toml + ".plan"),
            (new, "apply", "--json", toml, "--mail", out),
            (new, "apply", "-v", toml, "--mail", out),
            (new, "verify", toml, "--mail", out), (new, "history"), (new, "history", "--json"),
            (new, "pull", old.root, NAME), (new, "pull", "--json", old.root, NAME),
            (new, "rollback", "1", "--dry-run"), (new, "dump", NAME),
            (old, "cutover", NAME, "--to", "new.example", "--dry-run"),
            (old, "cutover", NAME, "--to", "new.example", "--yes"),
            (old, "cutover", "--status"), (old, "cutover", "--undo", "--yes"),
        ]
        for server, *words in commands:
            with self.subTest(words[:4]):
                done = server.vstate(*words)
                count += 1
                self.check_shown(done, (0, 1, 2, 3, 4))
                if words[0] == "dump" and "-o" not in words and done.out:
                    tomllib.loads(done.out)
        print(f"{count} commands about {len(TEXTS)} texts in each place", file=sys.stderr)

    def test_carried(self):
        """What can be carried is the same there, byte for byte."""
        old, new = self.make(), self.server("new")
        done = new.vstate("pull", old.root, NAME)
        self.check_shown(done)
        refused = done.out + done.err
        place = new.directory_of(NAME)
        for name, text in self.lines.items():
            with self.subTest(name):
                path = new.at(f"{place}/{name}")
                if not os.path.exists(path):
                    self.assertIn(name.removeprefix(".qmail-"), refused)
                    continue
                self.assertEqual(new.read(path).replace(place.encode(), old.dom.encode()), text)
        self.assertIn(b":" + GECOS + b":", new.read(f"{place}/vpasswd"))
        self.assertEqual(new.read(f"{place}/ROBOT/message"), old.read(f"{old.dom}/ROBOT/message"))
        for name in (b"alice/" + NO_SLASH, NO_SLASH):
            path = os.path.join(os.fsencode(new.at(place)), name[:240])
            self.assertTrue(os.path.exists(path), name)


class FileTest(TextCase):
    """The same in files of the operator's, which may come from anybody."""

    def test_values(self):
        server, count = self.server("new"), 0
        for title, text in some(TEXTS).items():
            value = "".join(f"{{byte:{byte:02x}}}" if byte > 126 else json.dumps(chr(byte))[1:-1]
                            .replace("{", "{{").replace("}", "}}") for byte in text)
            value = value.replace("\x7f", "\\u007f")
            raw = json.dumps(text.decode("utf-8", "replace")).replace("\x7f", "\\u007f")
            for body in (f'[mailbox.alice]\npassword = ""\ngecos = "{value}"\n',
                         f'[alias.a]\ndeliver = ["|echo {value}"]\n',
                         f'[alias.a]\ndeliver = ["&{value}@x.org"]\n',
                         f'[[file]]\npath = {raw}\ntext = "x"\n',
                         f'[[file]]\npath = "x"\nlink = {raw}\n',
                         f'[list.l]\nsubscribers = ["{value}@x.org"]\n',
                         f'[list.l.files]\n{raw} = "x"\n', f"[mailbox.{raw}]\n", f"{raw} = 1\n",
                         f'[mailbox.alice]\nmail = {{ archive = {raw}, sha256 = {raw} }}\n',
                         f"[mailbox.alice]\npassword = {raw}\n",
                         f'[autoresponder.r]\nmessage = "{value}"\n'
                         f'limit = {{ replies = 1, seconds = 1 }}\n'):
                with self.subTest(title, body=body[:30]):
                    file = self.file("d.toml", domain_text(NAME, ("postmaster",)) + body)
                    for words in (("check", file), ("plan", file), ("plan", "--json", file)):
                        self.check_shown(server.vstate(*words), (0, 1))
                        count += 1
        for name in (f'"{NAME}\\u202e"', '"\\u001b[2J.example"', '"a\\nb.example"'):
            self.check_shown(server.vstate("plan", self.file(
                "d.toml", f"vstate = 1\n[domain]\nname = {name}\n")), (1,))
        print(f"{count} plans", file=sys.stderr)

    def test_bytes_that_are_no_file(self):
        server = self.server("new")
        for number, text in enumerate([*TEXTS.values(), b"\0", b"\xff\xfe" * 500, b"[" * 100000,
                                       b'x = "' + b"n" * (1 << 20), b"x = 1\r\ry = 2"]):
            path = os.path.join(self.directory, f"{number}.toml")
            with open(path, "wb") as file:
                file.write(text)
            for words in (("plan", path), ("apply", path), ("verify", path), ("check", path),
                          ("--config", path, "list")):
                self.check_shown(server.vstate(*words), (1, 64))

    def test_names_of_files(self):
        server = self.server("new")
        for title, text in some(TEXTS).items():
            name = os.path.join(os.fsencode(self.directory), text.replace(b"/", b"")[:200])
            with self.subTest(title):
                for words in (("plan", name), ("plan", name + b"/x"), ("dump", name),
                              ("plan", "--mail", name, self.file("d.toml", domain_text(NAME))),
                              ("dump", NAME, "-o", name + b"/x"), ("rollback", name),
                              ("--root", name, "list"), ("route", name), ("list", "--only", name),
                              ("--rsh", name, "--root", b"h:/x", "list"), (name,),
                              ("cutover", NAME, "--to", name)):
                    words = [os.fsdecode(word) if isinstance(word, bytes) else word
                             for word in words]
                    self.check_shown(server.vstate(*words), (0, 1, 2, 64))


class DatabaseTest(TextCase):
    @unittest.skipUnless("sqlite" in databases.compiled(), "built without sqlite")
    def test_rows(self):
        server = databases.mail_server(self, "old", "sqlite")
        self.apply(server, self.file("d.toml", domain_text(NAME)))
        path = server.at(f"{server.home}/domains/_vpopmail.sqlite")
        for column in ("pw_gecos", "pw_shell", "pw_dir", "pw_passwd"):
            texts = {**some(TEXTS), "megabyte": b"n" * (1 << 20), "NUL": b"a\0b"}
            for title, text in texts.items():
                with self.subTest(title, column=column):
                    with sqlite3.connect(path) as connection:
                        before = connection.execute(
                            f"SELECT {column} FROM vpopmail WHERE pw_name = 'alice'").fetchone()
                        connection.execute(f"UPDATE vpopmail SET {column} = CAST(? AS TEXT) "
                                           f"WHERE pw_name = 'alice'", (text,))
                    for words in (("dump", NAME), ("list",), ("route", f"alice@{NAME}"),
                                  ("plan", self.file("d.toml", domain_text(NAME)))):
                        self.check_shown(server.vstate(*words))
                    with sqlite3.connect(path) as connection:
                        connection.execute(f"UPDATE vpopmail SET {column} = ? "
                                           f"WHERE pw_name = 'alice'", before)


class RemoteTest(TextCase):
    """What another machine says on standard error, or in the place of data."""

    def test_standard_error_and_output(self):
        old, new = self.server("old"), self.server("new")
        self.apply(old, self.file("d.toml", domain_text(NAME)))
        count = 0
        texts = {**some(TEXTS), "all": ALL, "forged": FORGED, "megabyte": b"n" * (1 << 20),
                 "offer": b"no matching cipher found. Their offer: $(touch NEVER)\x1b[2J"}
        for title, text in texts.items():
            path = os.path.join(self.directory, "said")
            with open(path, "wb") as file:
                file.write(text)
            for script in ("cat {0} >&2; exit 255", "cat {0}", "cat {0} >&2; sleep 0.1; {1}"):
                rsh = self.file("rsh", "#!/bin/sh\nfor last; do :; done\n" + script.format(
                    path, 'exec sh -c "$last"') + "\n")
                os.chmod(rsh, 0o755)
                remote = f"{support.VSTATE} --root {old.root}"
                for words in (("pull", "--rsh", rsh, "--via", "sftp", f"h:{old.root}", NAME),
                              ("pull", "--rsh", rsh, "--via", "vstate", "--remote-vstate", remote,
                               "h", NAME),
                              ("pull", "--all", "--rsh", rsh, "--via", "vstate",
                               "--remote-vstate", remote, "h")):
                    with self.subTest(title, script=script, words=words[:5]):
                        # A vstate there has lines that begin like those of the one here.
                        done = self.check_shown(new.vstate("--timeout", "3", *words),
                                                forged="(?m)^vstate: .*\nvstate: forged")
                        self.assertLess(len(done.err), 3 << 20)
                        count += 1
        print(f"{count} runs with another machine that says so", file=sys.stderr)

    def test_lines_stay_lines(self):
        """What ssh says is read by people; its lines are those that it wrote."""
        new = self.server("new")
        rsh = self.file("rsh", "#!/bin/sh\nprintf 'first line\\r\\n\\tsecond: Grüße\\nthird' >&2\n"
                        "exit 255\n")
        os.chmod(rsh, 0o755)
        for via in ("sftp", "vstate"):
            done = new.vstate("pull", "--rsh", rsh, "--via", via, "h:/", NAME)
            self.assertIn("first line\n\\x09second: Grüße\nthird", done.err)


def tearDownModule():
    databases.close_all()


if __name__ == "__main__":
    support.main()
