"""The switch and the ways back: cutover, its undoing, the last pull, rollback."""

import os
import stat
import time

from .. import disturb, domains, sftp
from ..scenario import NAME, Scenario, ServersScenario, vstate

HOST = "new.example.net"


class Cutover(Scenario):
    """Law 2. At any time mail is delivered here, or there is a route by which it leaves."""

    names = ("one.example", "two.example")
    # What happened and when is in the journal.
    without = (r"/var/lib/vstate", r"\.lock$", r"\.json$")
    jobs = (1,)

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        files = disturb.make_domain_files(self.base, self.names)
        self.in_base("--root", "new", "apply", *files)

    def check_killed(self, work):
        for name in self.names:
            for host in (name, f"also-{name}"):
                said = self.route(work, "new", f"alice@{host}")
                self.assertTrue(f"goes to {HOST}" in said or "delivered" in said, said)
        self.done_in(work, vstate("--root", "new", "cutover", "--status"))

    def cutover(self, *words):
        return vstate("--root", "new", "cutover", *words, "--yes")

    def test_cutover(self):
        self.command = self.cutover(*self.names, "--to", HOST)
        self.converge()

    def test_undo(self):
        self.run_in(self.base, self.cutover(*self.names, "--to", HOST))
        self.command = self.cutover("--undo")
        self.converge()


@sftp.needs_sftp_server
class CutoverBySftp(Cutover):
    """The server there is killed, or the connection to it."""

    pipes = True

    def cutover(self, *words):
        return vstate("--root", "old.example:new", "--rsh", sftp.RSH, "cutover", *words, "--yes")


class LastMile(ServersScenario):
    """Deliveries go on, whenever it was killed."""

    below = ("new", "old")
    without = (r"/var/lib/vstate", r"\.lock$", r"cutover-.*\.json$")
    plan = verify = None
    command = vstate("--root", "new", "pull", "./old", NAME, "--final", "--yes")

    def check_killed(self, work):
        domain = os.path.join(work, "old", os.path.relpath(self.old.at(), self.old.root))
        for _ in range(100):  # the watcher needs a moment
            if not os.stat(domain).st_mode & stat.S_ISVTX:
                break
            time.sleep(0.05)
        else:
            self.fail("deliveries are held off there still")
        routes = [self.route(work, root, "alice@example.com") for root in ("old", "new")]
        if "goes to" in routes[0]:
            self.assertIn("delivered", routes[1])

    def test_pull(self):
        self.converge()


class Rollback(Scenario):
    name = "one.example"
    without = (r"/var/lib/vstate", r"\.lock$")
    jobs = (1,)
    command = vstate("--root", "new", "rollback", "2", "--yes")

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        first = domains.domain_text(self.name, ("postmaster", "info"))
        then = domains.domain_text(self.name, ("postmaster", "info", "third"),
                                   '[alias.new]\ndeliver = ["&x@y.example"]\n').replace(
            '[mailbox."info"]\n', '[mailbox."info"]\nquota = { bytes = 4096 }\n')
        for number, text in enumerate((first, then)):
            with open(os.path.join(self.base, f"{number}.toml"), "w", encoding="utf-8") as file:
                file.write(text)
            self.in_base("--root", "new", "apply", f"{number}.toml")

    def check_end(self, work):
        self.assertIn("Nothing to do", self.run_in(work, [*self.command[:1], *self.command[2:]]))

    def test_rollback(self):
        self.converge()


ALL = (Cutover, CutoverBySftp, LastMile, Rollback)
