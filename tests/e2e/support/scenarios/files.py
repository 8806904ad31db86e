"""Domain files, and a server's file, are applied."""

import json
import os

from .. import disturb, domains, program
from ..passes import NAME as MAIL_DOMAIN
from ..scenario import Scenario, ServersScenario, vstate


class Apply(ServersScenario):
    """A domain file and its archives: mailboxes, aliases, lists, robots, mail."""

    def setUp(self):
        super().setUp()
        self.dump()
        self.command = vstate("--root", "new", "apply", "file.toml", "--mail", "mail")

    def apply_before(self):
        self.in_base("--root", "new", "apply", "file.toml", "--mail", "mail")
        self.live_on()

    def test_first_apply(self):
        self.converge()

    def test_rerun_with_changes(self):
        """Mail comes by an increment of its archive."""
        self.apply_before()
        self.converge()

    def test_prune(self):
        self.apply_before()
        self.command += ["--prune", "--yes"]
        self.plan = [*self.plan, "--prune"]
        self.converge()


class ManyDomains(Scenario):
    """Domains that are published together."""

    names = ("one.example", "two.example", "three.example")

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.files = disturb.make_domain_files(self.base, self.names)
        self.command = vstate("--root", "new", "apply", *self.files)

    def check_killed(self, work):
        self.check_not_live_until_whole(work)

    def check_end(self, work):
        said = self.run_in(work, [program.VSTATE, "--root", "new", "plan", *self.files])
        self.assertEqual(said.count(program.NOTHING), len(self.files), said)

    def test_first_apply(self):
        self.converge()


class ListsAndRobots(Scenario):
    """What mailing lists and robots have, changed and taken away, on a server with cdb files."""

    head = ('[autoresponder.auto]\nmessage = "From: auto@{name}\\n\\n{text}\\n"\n'
            'limit = {{ replies = {count}, seconds = 9 }}\n')
    one_list = ('[list.{list}]\nsubscribers = [{addresses}]\n'
                '[list.{list}.files]\noutlocal = "{list}\\n"\n')

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.write(0, ("news", "talk"), range(60))
        self.in_base("--root", "new", "apply", "file.toml")
        self.write(1, ("news", "other"), range(20, 90))
        self.command = vstate("--root", "new", "apply", "file.toml", "--prune", "--yes",
                              "--max-delete", "100")
        self.plan = [program.VSTATE, "--root", "new", "plan", "file.toml", "--prune",
                     "--max-delete", "100"]
        self.verify = vstate("--root", "new", "verify", "file.toml")

    def write(self, version, lists, numbers):
        more = self.head.format(name=MAIL_DOMAIN, text=f"version {version}", count=version + 1)
        addresses = ", ".join(f'"reader{number}@far.example"' for number in numbers)
        more += "".join(self.one_list.format(list=name, addresses=addresses) for name in lists)
        text = domains.domain_text(MAIL_DOMAIN, more=more).replace(
            '[mailbox."alice"]\n', f'[mailbox."alice"]\nvacation = "Away {version}"\n')
        with open(os.path.join(self.base, "file.toml"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_changed(self):
        self.converge()


class Server(Scenario):
    """What vpopmail does not own."""

    plan = [program.VSTATE, "--root", "new", "plan", "server.toml"]
    verify = vstate("--root", "new", "verify", "server.toml")
    command = vstate("--root", "new", "apply", "server.toml")
    text = """vstate_server = 1
[control]
badmailfrom = ["a@bad.example"]
locals = ["local.example"]
rcpthosts = %s
[control.smtproutes]
"a.example" = "relay"
[control.virtualdomains]
"v.example" = "root"
[vpopmail.limits]
max_lists = 3
[alias.root]
deliver = ["&x@example.net"]
""" % json.dumps([f"r{number:02}.example" for number in range(55)])

    def setUp(self):
        super().setUp()
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        self.write_file(self.text)

    def write_file(self, text):
        with open(os.path.join(self.base, "server.toml"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_first_apply(self):
        self.converge()

    def test_prune(self):
        self.in_base("--root", "new", "apply", "server.toml")
        kept = [line for line in self.text.splitlines() if "a.example" not in line]
        self.write_file("\n".join(kept[:-2]).replace('"r54.example"', '"s54.example"'))
        self.command = [*self.command, "--prune", "--yes"]
        self.plan = [*self.plan, "--prune"]
        self.converge()


ALL = (Apply, ManyDomains, ListsAndRobots, Server)
