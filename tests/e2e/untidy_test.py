"""Law 3 on servers that are not tidy: what is not carried is named, and nothing is called whole
that is not.

Each case plants some blemishes (support/untidy.py) on the example server, or, one in six, on a
capture, if there are any, and moves the domain to a server of another layout: from a file, through
a pipe, or by pull, of files or by SFTP. A reading that does not use the program's code then
compares the two. What is dumped by SFTP must be what is dumped at home.

VSTATE_SEED=N    the first seed; each case prints its own when it fails, and can be run alone:
                 VSTATE_SEED=N VSTATE_CASES=1
VSTATE_CASES=N   how many; 60, or 10,000 with VSTATE_DEEP
VSTATE_SERVER=S  only this one: example, vp54-cdb, or vp56-cdb
"""

import collections
import itertools
import os
import random
import re
import shutil
import subprocess

import support
from support import disturb, reading, sftp, untidy
from support.captures import needs_captures

CASES = int(os.environ.get("VSTATE_CASES") or (10000 if support.DEEP else 60))
TARGETS = ({"version": "5.6", "home": "/srv/vpop"},
           {"version": "5.4", "home": "/home/vpopmail", "clear": True},
           {"version": "5.6", "home": "/var/vpopmail", "big_dir": False})
#: By each of these a move must end whole where nothing was planted.
WAYS = ("file", "stream", "pull", *(("sftp",) if sftp.IS_THERE else ()))
#: Of so many cases one is dumped by SFTP too.
DUMPED_TWICE = 1 if support.DEEP else 3
#: Blemishes after which there is no domain to speak of: an error that says so is right.
MAY_REFUSE = {"vpopmail_renamed"}


def read(root, place):
    return reading.Reading(root, place.domain, place.qmail)


def show(words):
    return os.fsdecode(words) if isinstance(words, bytes) else str(words)


def place_of(seed):
    """The server of a seed: each sixth is a capture, by turns."""
    wanted = os.environ.get("VSTATE_SERVER")
    if wanted:
        return {place.name: place for place in untidy.SERVERS}[wanted]
    captures = untidy.SERVERS[1:]
    return captures[seed // 6 % len(captures)] if captures and seed % 6 == 0 else untidy.EXAMPLE


#: What is taken from captures: the kind and the name under which it is missed, and what is taken,
#: mostly a path below the domain; of a folder its first message.
TAKEN = {
    "vp54-cdb": {("account", b"admin"): "", ("alias", b"sales-de"): ".qmail-sales-de",
                 ("alias domain", b"acme.test"): "",
                 ("file", b"carol.jones/.mailfilter"): "carol.jones/.mailfilter",
                 ("list", b"announce"): "announce/subscribers/L",
                 ("list", b"dev.team"): "dev.team/mod/subscribers/o",
                 ("mail", b"alice"): "alice/Maildir/.Sent.2024/cur",
                 ("text", b"INFO/message"): "INFO/message",
                 ("text", b"bob/vacation/message"): "bob/vacation/message"},
    "vp56-cdb": {("account", b"ma0200"): "", ("alias", b"i:ivanov"): ".qmail-i:ivanov",
                 ("alias domain", b"firma-online.example"): "",
                 ("file", b"buchhaltung/.mailfilter"): "buchhaltung/.mailfilter",
                 ("list", b"news"): "news/subscribers/d",
                 ("list", b"vor-stand"): "vor-stand/digest/subscribers/b",
                 ("mail", b"anna-lena"): "anna-lena/Maildir/cur",
                 ("text", b"SERVICE/message"): "SERVICE/message",
                 ("text", b"hans.mueller/.qmail"): "hans.mueller/.qmail"}}


class Case:
    """One server, moved. `wrong` says what is not as it must be."""

    def __init__(self, base, work, seed, place):
        self.work, self.seed, self.place = work, seed, place
        self.random = random.Random(seed)
        disturb.copy(os.path.join(base, place.name), os.path.join(work, "old"))
        number = self.random.choice([number for number, options in enumerate(TARGETS)
                                     if options["version"] in place.versions])
        disturb.copy(os.path.join(base, f"new{number}"), os.path.join(work, "new"))
        self.target = support.Server(os.path.join(work, "new"), TARGETS[number]["home"])
        self.server = untidy.Untidy(os.path.join(work, "old"), seed, place)
        self.way = self.random.choice(["file", *WAYS])
        self.text, self.wrong, self.kind, self.verified = "", [], "", False

    def plant(self):
        self.server.plant(self.random.randint(1, 4))

    def source(self):
        return ["--root", "old", *self.place.options()]

    def run(self, *words, stdin=None):
        done = subprocess.run([support.VSTATE, *words], cwd=self.work, capture_output=True,
                              stdin=stdin or subprocess.DEVNULL, timeout=120, check=False,
                              env=support.environment())
        out, err = (part.decode("utf-8", "backslashreplace") for part in (done.stdout, done.stderr))
        self.text += f"$ vstate {' '.join(words)}\n{out}{err}-> {done.returncode}\n"
        if done.returncode < 0 or done.returncode > 130:
            self.wrong.append(f"{words}: ended with {done.returncode}")
        done.text = out + err
        return done

    def carry(self):
        mail = ["--mail", "mail"]
        dump = self.run(*self.source(), "dump", self.place.domain, "-o", "file.toml", *mail)
        if not os.path.exists(os.path.join(self.work, "file.toml")):
            self.kind = "refused by dump"
            planted = {line.partition(":")[0] for line in self.server.log}
            if dump.returncode == 0 or not dump.text.startswith("vstate: "):
                self.wrong.append("dump wrote no file and said nothing")
            elif not planted & MAY_REFUSE:
                self.wrong.append(f"dump refused the domain: {dump.text}")
            return
        check = self.run("check", "file.toml", *mail)
        if check.returncode != 0:
            self.wrong.append(f"its own file is refused: {check.text}")
        plan = self.run("--root", "new", "plan", "file.toml", *mail)
        if re.search(r"file\.toml:\d+:\d+: (?!warning)", plan.text):
            self.wrong.append(f"plan does not read the file: {plan.text}")
        if sftp.IS_THERE and self.seed % DUMPED_TWICE == 0:
            self.compare_by_sftp(dump)
        if self.way in ("pull", "sftp"):
            place = "./old" if self.way == "pull" else f"old.example:{self.work}/old"
            apply = self.run("--root", "new", "--rsh", sftp.RSH, "pull", place, self.place.domain,
                             *self.place.options("--source-"))
        elif self.way == "stream":
            apply = self.stream()
        else:
            apply = self.run("--root", "new", "apply", "file.toml", *mail)
        # Verify has a word on each program that an address needs and that is not there.
        support.provide_programs(self.target)
        told = self.text
        self.judge(told, plan, apply, self.run("--root", "new", "verify", "file.toml", *mail))

    def compare_by_sftp(self, dump):
        far = self.run("--root", f"old.example:{self.work}/old", "--rsh", sftp.RSH,
                       *self.place.options(), "dump", self.place.domain, "-o", "far.toml", "--mail",
                       "far")
        if (far.returncode, far.text) != (dump.returncode, dump.text):
            self.wrong.append(f"by SFTP: {far.returncode} {far.text}, at home {dump.returncode} "
                              f"{dump.text}")
        trees = [sftp.tree_of(os.path.join(self.work, name)) for name in ("mail", "far")]
        for tree, name in zip(trees, ("file.toml", "far.toml")):
            with open(os.path.join(self.work, name), "rb") as file:
                tree["file"] = file.read()
        for path in sorted(set(trees[0]) | set(trees[1])):
            if trees[0].get(path) != trees[1].get(path):
                self.wrong.append(f"by SFTP {path} is not as at home")

    def stream(self):
        path = os.path.join(self.work, "stream")
        with open(path, "wb") as stream:
            done = subprocess.run([support.VSTATE, *self.source(), "dump", "--mail", "-",
                                   self.place.domain], cwd=self.work, stdout=stream,
                                  stderr=subprocess.PIPE, check=False, env=support.environment())
        self.text += done.stderr.decode("utf-8", "backslashreplace")
        with open(path, "rb") as stream:
            return self.run("--root", "new", "apply", "-", stdin=stream)

    def judge(self, told, plan, apply, verify):
        if plan.returncode == 1 and apply.returncode == 1:
            self.kind = "refused by plan"
            if verify.returncode == 0:
                self.wrong.append("verify calls whole what was refused")
            return
        if apply.returncode not in (0, 2, 3, 4):
            self.wrong.append(f"{self.way} ends with {apply.returncode}: {apply.text[-1500:]}")
        lacks = reading.missing(read(os.path.join(self.work, "old"), self.place),
                                reading.Reading(self.target.root, self.place.domain))
        self.kind = "with losses" if lacks else "whole"
        # That a thing is made does not say that it, or something of it, is missing.
        told = "\n".join(line for line in told.split("\n") if not re.match(r"\$ |\s+[+] ", line))
        for kind, name in lacks:
            person = name.partition(b"/")[0] if kind in ("text", "file") else name
            if not reading.is_named(person, told):
                self.wrong.append(f"{kind} {show(name)} is missing, and nobody says so")
        if lacks and verify.returncode == 0:
            self.wrong.append("verify calls it whole without "
                              f"{[(k, show(n)) for k, n in lacks][:5]}")
        self.verified = verify.returncode == 0


class UntidyTest(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        for place in untidy.SERVERS:
            root = os.path.join(self.base, place.name)
            os.mkdir(root, 0o755)
            place.make(root)
        for number, options in enumerate(TARGETS):
            support.make_server(os.path.join(self.base, f"new{number}"), **options)

    def case(self, name, seed, place):
        work = os.path.join(self.directory, name)
        os.mkdir(work)
        os.chmod(work, 0o755)
        return Case(self.base, work, seed, place)

    def test_untidy_servers(self):
        """Seeds follow one another from the first."""
        def one(seed):
            case = self.case(f"seed-{seed}", seed, place_of(seed))
            try:
                case.plant()
                case.carry()
            except Exception as failure:  # noqa: a case that cannot be judged is wrong, and named
                case.wrong.append(f"{type(failure).__name__}: {failure}")
            if case.wrong:
                with open(os.path.join(case.work, "log"), "w", encoding="utf-8",
                          errors="backslashreplace") as log:
                    log.write("\n".join(case.server.log) + "\n" + case.text)
            else:
                shutil.rmtree(case.work, ignore_errors=True)
            return case

        cases = disturb.at_once(one, range(disturb.SEED, disturb.SEED + CASES))
        bad = [case for case in cases if case.wrong]
        for name, some in itertools.groupby(sorted(cases, key=lambda case: case.place.name),
                                            key=lambda case: case.place.name):
            some = list(some)
            kinds = collections.Counter(case.kind for case in some)
            print(f"{len(some)} of {name} from seed {disturb.SEED}: "
                  + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
                  + f"; verify calls {sum(case.verified for case in some)} whole"
                  + f"; {sum(bool(case.wrong) for case in some)} wrong", flush=True)
        if len(untidy.SERVERS) == 1:
            print("captures are not there: they need root, and VSTATE_CAPTURES that names them",
                  flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {len(cases)} are wrong"] + [
                f"seed {case.seed} ({case.place.name}, {case.way}): {'; '.join(case.server.log)}\n "
                "   "
                + "\n    ".join(text[:1500] for text in case.wrong[:4]) for case in bad[:30]]))

    def test_what_nobody_touched_is_whole(self):
        """Else a blemish could hide behind what any move of the server loses, or what verify always
        has to say."""
        def one(numbered):
            number, (place, way) = numbered
            case = self.case(f"untouched-{number}", number, place)
            case.way = way
            case.carry()
            self.forget(case.work)
            return case

        pairs = enumerate(itertools.product(untidy.SERVERS, WAYS))
        for case in disturb.at_once(one, pairs):
            with self.subTest(server=case.place.name, way=case.way):
                self.assertEqual((case.wrong, case.kind, case.verified), ([], "whole", True),
                                 case.text)

    def test_the_reading_sees_what_is_missing(self):
        """A comparison that finds nothing proves nothing unless it finds what was taken away."""
        old = os.path.join(self.base, "example")
        whole = read(old, untidy.EXAMPLE)
        self.assertGreater(sum(map(len, (whole.accounts, whole.aliases, whole.lists))), 12)
        self.assertEqual(reading.missing(whole, read(old, untidy.EXAMPLE)), [])
        example = disturb.Example(old)
        os.unlink(example.at("alice/Maildir/cur/1761994000.4002.mail1.example.com,S=340:2,FSa"))
        os.unlink(example.at(".qmail-abuse"))
        os.unlink(example.at("news/subscribers/K"))
        os.unlink(example.at("bob/vacation/message"))
        example.set_accounts(lambda lines: [line for line in lines if line[0] != "eve"])
        kinds = reading.missing(whole, read(old, untidy.EXAMPLE))
        self.assertEqual(sorted(kinds),
                         [("account", b"eve"), ("alias", b"abuse"), ("list", b"news"),
                          ("mail", b"alice"), ("text", b"bob/vacation/message")])

    @needs_captures
    @support.needs_root
    def test_the_reading_sees_what_is_missing_of_captures(self):
        """The same of what real programs laid out."""
        for name, taken in TAKEN.items():
            with self.subTest(server=name):
                self.take_away(next(place for place in untidy.SERVERS if place.name == name), taken)

    def take_away(self, place, taken):
        root = os.path.join(self.base, place.name)
        whole = read(root, place)
        self.assertEqual(reading.missing(whole, read(root, place)), [])
        self.assertGreater(len(whole.accounts), 150)
        server = untidy.Untidy(root, 1, place)
        for (kind, name), path in taken.items():
            if kind == "account":
                server.set_lines([line for line in server.lines() if line[0] != name])
            elif kind == "alias domain":
                line = re.compile(f"(?m)^\\+{re.escape(name.decode())}-:.*\n")
                server.change_assign(lambda text, line=line: line.sub("", text))
            else:
                there = server.at(server.below(path))
                os.unlink(os.path.join(there, min(os.listdir(there))) if kind == "mail" else there)
        self.assertEqual(sorted(reading.missing(whole, read(root, place))), sorted(taken))


if __name__ == "__main__":
    support.main()
