"""rollback takes back what a run changed in configuration: what others changed since stays and is
named, and no message is touched."""

import os
import random
import re

import support

NAME = "one.example"
BOX = '[mailbox."info"]\n'


def text(mailboxes=("postmaster", "info"), more="", head="", quota=None):
    out = support.domain_text(NAME, mailboxes, more, head=head)
    if quota:
        assert BOX in out
        out = out.replace(BOX, f"{BOX}quota = {{ bytes = {quota} }}\n", 1)
    return out


class RollbackCase(support.SandboxCase):
    def setUp(self):
        super().setUp()
        self.here = self.server("here", clear=True)

    def put(self, toml, *words, code=0):
        """The number of the run that made it so."""
        self.check_exit(self.here.vstate("apply", self.file("file.toml", toml), *words), code)
        return self.runs()[0]

    def runs(self):
        return [int(number) for number in re.findall(
            r"^ *(\d+)  ", self.here.vstate("history", NAME).out, re.M)]

    def dump(self):
        return self.here.vstate("-q", "dump", NAME, "--clear-passwords").out

    def back(self, run, *words, code=0):
        return self.check_exit(self.here.vstate("rollback", str(run), *(words or ("--yes",))), code)

    def deliver(self, user, unique):
        return self.here.write(os.path.join(self.home(user), "Maildir/new", unique), "hello\n",
                               owner=support.OWNER)

    def home(self, user):
        return f"{self.here.directory_of(NAME)}/{user}"


class TakenBackTest(RollbackCase):
    def test_each_kind(self):
        self.put(text(more='[alias.sales]\ndeliver = ["&info@one.example"]\n'))
        before = self.dump()
        more = ('[alias.sales]\ndeliver = ["&postmaster@one.example"]\n'
                '[alias.new]\ndeliver = ["&info@one.example"]\n'
                '[autoresponder.auto]\nmessage = "From: auto@one.example\\n\\nhi\\n"\n'
                'limit = { replies = 1, seconds = 9 }\n'
                '[list.news]\nsubscribers = ["a@b.example"]\n'
                '[list.news.files]\noutlocal = "news\\n"\n'
                '[[file]]\npath = ".no-user.msg"\ntext = "nobody\\n"\n')
        run = self.put(text(["postmaster", "info", "third"], more,
                            'aliases = ["also.example"]\n'
                            'default = ["| {vpopmail}/bin/vdelivermail \'\' delete"]', "1048576"))
        after = self.dump()
        self.assertNotEqual(before, after)
        shown = self.back(run, "--dry-run")
        for line in ("- mailbox third", "~ mailbox info", "- alias   new", "~ alias   sales",
                     "- list    news"):
            self.assertIn(re.sub(" +", " ", line), re.sub(" +", " ", shown.out))
        self.assertEqual(self.dump(), after)
        self.back(run)
        self.assertEqual(self.dump(), before)
        self.assertIn("refused", self.here.vstate("route", "x@also.example").out)
        self.assertIn("Nothing to do", self.back(run).out)
        # It is a run, and can be taken back itself.
        self.back(self.runs()[0])
        self.assertEqual(self.dump(), after)

    def test_deletions(self):
        self.put(text(["postmaster", "info", "gone"],
                      '[alias.sales]\ndeliver = ["&x@y.example"]\n'))
        before = self.dump()
        run = self.put(text(), "--prune", "--yes")
        self.assertNotEqual(self.dump(), before)
        self.back(run)
        self.assertEqual(self.dump(), before)

    def test_domain_that_it_made(self):
        """It is taken out of qmail's tables, and no file of it is touched."""
        control = self.here.control("")
        before = {name: self.here.read(control + name) for name in os.listdir(control)}
        run = self.put(text(head='aliases = ["also.example"]'))
        mail = self.deliver("info", "1700000000.M1P1.here")
        shown = self.back(run, "-n")
        self.assertIn("stays, with all mail in it", shown.out)
        self.back(run)
        for name, bytes_before in before.items():
            self.assertEqual(self.here.read(control + name), bytes_before, name)
        self.assertTrue(os.path.exists(mail))
        self.assertEqual(self.here.vstate("list", "--names").out, "")
        self.assertIn("refused", self.here.vstate("route", f"info@{NAME}").out)
        self.assertIn("Nothing to do", self.back(run).out)
        # The next apply finds what is there.
        self.put(text(head='aliases = ["also.example"]'))
        self.assertTrue(os.path.exists(mail))

    def test_mail_is_not_touched(self):
        self.put(text())
        run = self.put(text(["postmaster", "info", "third"], quota="1048576"))
        mail = self.deliver("third", "1700000000.M1P1.here")
        done = self.back(run, code=2)
        self.assertIn("# mailbox.third: holds 1 message", done.out)
        self.assertTrue(os.path.exists(mail))
        self.assertNotIn("1048576", self.dump())
        self.assertIn("[mailbox.third]", self.dump())


class ForeignChangeTest(RollbackCase):
    def test_what_others_changed_stays(self):
        self.put(text(more='[alias.sales]\ndeliver = ["&info@one.example"]\n'))
        run = self.put(text(["postmaster", "info", "third"],
                            '[alias.sales]\ndeliver = ["&postmaster@one.example"]\n'
                            '[alias.new]\ndeliver = ["&info@one.example"]\n', quota="1048576"))
        for alias, line in (("sales", "&hand@one.example"), ("new", "&hand@one.example"),
                            ("mine", "&hand@one.example")):
            self.here.write(f"{self.here.directory_of(NAME)}/.qmail-{alias}", line + "\n",
                            owner=support.OWNER)
        done = self.back(run, code=2)
        for said in ("# alias.sales: deliver was changed since; it stays",
                     "# alias.new: was changed since; it stays"):
            self.assertIn(said, done.out)
        now = self.dump()
        self.assertEqual(now.count("&hand@one.example"), 3)
        self.assertNotIn("third", now)
        self.assertNotIn("1048576", now)

    def test_wrong_numbers(self):
        run = self.put(text())
        self.assertIn("run 999: nothing is kept", self.back(999, code=1).err)
        self.assertEqual(self.here.vstate("rollback", "x").code, 64)
        self.assertEqual(self.here.vstate("rollback").code, 64)
        self.assertIn("--yes", self.back(self.put(text(quota="5")), "-q", code=1).err)
        path = self.here.at(f"/var/lib/vstate/runs/{run}.json")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for bad in ("", "{}", "[1]", '{"vstate_run": 1, "before": null, "after": "x"}'):
            self.here.write(path, bad)
            self.assertIn("is damaged", self.back(run, code=1).err)

    def test_random_runs(self):
        """After random applies with changes by others between, taking a run back gives what was
        there before it, but for what others changed."""
        for seed in range(12 if not support.program.DEEP else 200):
            with self.subTest(seed=seed):
                self.one_history(random.Random(seed), f"h{seed}")

    def one_history(self, chance, name):
        self.here = self.server(name, clear=True)
        pool = [f"a{number}" for number in range(6)]

        def random_text():
            more = "".join(f'[alias.{alias}]\ndeliver = ["&x{chance.randrange(3)}@y.example"]\n'
                           for alias in pool if chance.random() < 0.6)
            boxes = ["postmaster", "info", *(f"m{number}" for number in range(3)
                                             if chance.random() < 0.5)]
            return text(boxes, more, quota=str(1024 * chance.randrange(1, 4)))
        self.put(random_text())
        states, runs = [self.aliases()], []
        for _ in range(3):
            known = self.runs()[0]
            newest = self.put(random_text(), "--prune", "--yes")
            if newest != known:
                runs.append((newest, states[-1], self.aliases()))
            states.append(self.aliases())
        if not runs:
            return
        run, before, after = chance.choice(runs)
        touched = {}
        for alias in pool:
            if chance.random() < 0.3:
                touched[alias] = f"&hand{chance.randrange(9)}@y.example"
                self.here.write(f"{self.here.directory_of(NAME)}/.qmail-{alias}",
                                touched[alias] + "\n", owner=support.OWNER)
        now = self.aliases()
        done = self.here.vstate("rollback", str(run), "--yes")
        self.assertIn(done.code, (0, 2), done)
        wanted = dict(now)
        for alias in before.keys() | after.keys():
            old, made, here = before.get(alias), after.get(alias), now.get(alias)
            if old == made or here == old or here != made:
                continue
            if old is None:
                del wanted[alias]
            else:
                wanted[alias] = old
        self.assertEqual(self.aliases(), wanted)

    def aliases(self):
        place = self.here.at(self.here.directory_of(NAME))
        return {name[len(".qmail-"):]: self.here.read(os.path.join(place, name)).decode().strip()
                for name in os.listdir(place)
                if name.startswith(".qmail-a") and os.path.isfile(os.path.join(place, name))}


if __name__ == "__main__":
    support.main()
