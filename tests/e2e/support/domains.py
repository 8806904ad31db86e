"""Domain files: small right ones, and tables of wrong ones with what is said of them."""

import re
import tomllib

from . import cases

SHA512 = ("$6$sha512salt.abcde$i0MduYf9HwkiwWrDy5EAR8vFmIfFsuj4Oyldj1zrvNfPItEeQ88NLwe2qyQl1GJnXk."
          "RaijufUW8ptyWEcQDn.")
MD5 = "$1$9AewUKs/$tg11zueTXT424aEPxT4Pv0"
#: What a wrong file begins with: a row's own text begins in line 4.
HEAD = 'vstate = 1\n[domain]\nname = "example.com"\n'


def load_toml(text):
    return tomllib.loads(text)


def mailbox_text(name="alice", password=SHA512, more=""):
    return f'[mailbox."{name}"]\npassword = "{password}"\n{more}\n'


def domain_text(name="example.com", mailboxes=("postmaster", "alice"), more="", head=""):
    """A small domain file; `head` stands in [domain], `more` at the end."""
    return (f'vstate = 1\n\n[domain]\nname = "{name}"\n{head}\n'
            + "".join(mailbox_text(box) for box in mailboxes) + more)


def grown(text):
    """Long runs of a character are written short in the tables: <x*65>."""
    return re.sub(r"<(.)\*(\d+)>", lambda found: found[1] * int(found[2]), text)


class WrongCase(cases.SandboxCase):
    """Each row of a table: the file's text, then the errors that it gets, each with line and
    column."""

    def check_rows(self, rows, head=HEAD):
        target = self.server()
        for text, *errors in rows:
            with self.subTest(text):
                path = self.file("domain.toml", grown(head + text) + "\n")
                before = target.snapshot()
                wanted = "".join(f"vstate: {path}:{grown(error)}\n" for error in errors)
                for command in (["plan", path], ["apply", path], ["check", path]):
                    outcome = self.check_exit(target.vstate(*command), 1)
                    self.assertEqual((outcome.err, outcome.out),
                                     (wanted.replace("DIRECTORY", self.directory), ""))
                self.check_same(before, target.snapshot())
