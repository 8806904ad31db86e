"""Law 5, "not live until whole", as the kernel sees it: in which order an apply of a new domain
puts its files in place."""

import os
import re

import support
from support import domain_text, needs_strace

DOMDIR = "/srv/vpop/domains/example.com"
CALLS = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat"
MORE = ('[alias.sales]\ndeliver = ["&alice@example.com"]\n'
        '[autoresponder.info]\nmessage = "Subject: hi\\n\\nHi.\\n"\n'
        "limit = { replies = 5, seconds = 10000 }\n"
        '[[file]]\npath = "note.txt"\ntext = "x\\n"\n')


@needs_strace
class OrderTest(support.SandboxCase):
    def placed(self, text, before=""):
        """What the apply put in place, in order: the last name of each finished call."""
        server = self.server()
        if before:
            server.write(server.control("rcpthosts"), before)
        log = os.path.join(self.directory, "strace.txt")
        self.check_exit(server.vstate(
            "-q", "apply", self.file("d.toml", text),
            prefix=[support.STRACE, "-f", "-y", "-s", "300", "-o", log, "-e", "trace=" + CALLS]))
        with open(log, errors="replace") as file:
            lines = [line for line in file if re.search(r"= 0\s*$", line)]
        return [self.target_of(line, server) for line in lines]

    def target_of(self, line, server):
        """The full path, as the server sees it, that a call of the trace made."""
        pieces = re.findall(r'(?:<([^>]*)>|AT_FDCWD)?(?:, )?"([^"]*)"', line)
        directory, name = pieces[-1]
        path = name if name.startswith("/") else os.path.join(directory, name)
        return path[len(server.root):] if path.startswith(server.root) else path

    def check_order(self, placed, last):
        users = placed.index("/var/qmail/users/assign")
        inside = [at for at, path in enumerate(placed) if path.startswith(DOMDIR)]
        order = [max(inside), users, placed.index("/var/qmail/users/cdb"),
                 placed.index("/var/qmail/control/virtualdomains"), placed.index(last)]
        self.assertEqual(order, sorted(order), placed)
        self.assertEqual(placed[-1], last, "nothing comes after it")
        for name in ("vpasswd", "vpasswd.cdb", ".qmail-sales", ".qmail-info", ".qmail-default",
                     "INFO/message", "note.txt"):
            self.assertIn(f"{DOMDIR}/{name}", placed)

    def test_new_domain(self):
        """Accounts, lines, and mail; then users/assign and its cdb; virtualdomains; rcpthosts."""
        self.check_order(self.placed(domain_text(more=MORE)), "/var/qmail/control/rcpthosts")

    def test_new_domain_in_morercpthosts(self):
        """The same where morercpthosts.cdb is what makes qmail-smtpd accept."""
        lines = "".join(f"h{number:02}.example\n" for number in range(50))
        self.check_order(self.placed(domain_text(more=MORE), before=lines),
                         "/var/qmail/control/morercpthosts.cdb")

    def test_accounts_before_their_index(self):
        """vpasswd is replaced before vpasswd.cdb, and homes exist before both."""
        placed = self.placed(domain_text(more=MORE))
        order = [placed.index(f"{DOMDIR}/{name}") for name in
                 ("alice/Maildir/tmp", "vpasswd", "vpasswd.cdb", ".qmail-default")]
        self.assertEqual(order, sorted(order), placed)


if __name__ == "__main__":
    support.main()
