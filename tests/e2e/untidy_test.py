"""Law 3 on servers that are not tidy: what is not carried is named, and nothing is called whole that
is not.

Each case plants some blemishes (tests/e2e/untidy.py) on the example server and on a capture, if there
is one, and moves the domain to a server of another layout: from a file, through a pipe, or by pull.
A reading that does not use the program's code then compares the two.

VSTATE_SEED=N    the first seed; each case prints its own when it fails, and can be run alone:
                 VSTATE_SEED=N VSTATE_CASES=1
VSTATE_CASES=N   how many; 240, or 10,000 with VSTATE_DEEP
"""

import collections
import os
import random
import re
import shutil
import subprocess

import disturb
import support
import untidy

NAME = untidy.NAME
CASES = int(os.environ.get("VSTATE_CASES") or (10000 if disturb.DEEP else 240))
TARGETS = ({"version": "5.6", "home": "/srv/vpop"},
           {"version": "5.4", "home": "/home/vpopmail", "clear": True},
           {"version": "5.6", "home": "/var/vpopmail", "big_dir": False})
#: Blemishes after which there is no domain to speak of: an error that says so is right.
MAY_REFUSE = {"vpopmail_renamed"}


def show(words):
    return os.fsdecode(words) if isinstance(words, bytes) else str(words)


class Case:
    """One server, moved. `wrong` says what is not as it must be."""

    def __init__(self, base, work, seed):
        self.work, self.seed = work, seed
        self.random = random.Random(seed)
        disturb.copy(os.path.join(base, "old"), os.path.join(work, "old"))
        number = self.random.randrange(len(TARGETS))
        disturb.copy(os.path.join(base, f"new{number}"), os.path.join(work, "new"))
        self.server = untidy.Untidy(os.path.join(work, "old"), seed)
        self.server.plant(self.random.randint(1, 4))
        self.way = self.random.choice(["file", "file", "stream", "pull"])
        self.text, self.wrong, self.kind = "", [], ""

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
        dump = self.run("--root", "old", "dump", NAME, "-o", "file.toml", *mail)
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
        if self.way == "pull":
            apply = self.run("--root", "new", "pull", "./old", NAME)
        elif self.way == "stream":
            apply = self.stream()
        else:
            apply = self.run("--root", "new", "apply", "file.toml", *mail)
        self.judge(plan, apply, self.run("--root", "new", "verify", "file.toml", *mail))

    def stream(self):
        path = os.path.join(self.work, "stream")
        with open(path, "wb") as stream:
            done = subprocess.run([support.VSTATE, "--root", "old", "dump", "--mail", "-", NAME],
                                  cwd=self.work, stdout=stream, stderr=subprocess.PIPE,
                                  check=False, env=support.environment())
        self.text += done.stderr.decode("utf-8", "backslashreplace")
        with open(path, "rb") as stream:
            return self.run("--root", "new", "apply", "-", stdin=stream)

    def judge(self, plan, apply, verify):
        if plan.returncode == 1 and apply.returncode == 1:
            self.kind = "refused by plan"
            if verify.returncode == 0:
                self.wrong.append("verify calls whole what was refused")
            return
        if apply.returncode not in (0, 2, 3, 4):
            self.wrong.append(f"{self.way} ends with {apply.returncode}: {apply.text[-1500:]}")
        lacks = untidy.missing(untidy.Reading(os.path.join(self.work, "old")),
                               untidy.Reading(os.path.join(self.work, "new")))
        self.kind = "with losses" if lacks else "whole"
        for kind, name in lacks:
            person = name.partition(b"/")[0] if kind == "text" else name
            if not untidy.is_named(person, self.text):
                self.wrong.append(f"{kind} {show(name)} is missing, and nobody says so")
        if lacks and verify.returncode == 0:
            self.wrong.append(f"verify calls it whole without {[(k, show(n)) for k, n in lacks][:5]}")


class UntidyTest(disturb.DisturbCase):
    def setUp(self):
        super().setUp()
        disturb.make_example("old-server", os.path.join(self.base, "old"))
        for number, options in enumerate(TARGETS):
            support.make_server(os.path.join(self.base, f"new{number}"), **options)

    def test_untidy_servers(self):
        """Seeds follow one another from the first."""
        def one(seed):
            work = os.path.join(self.directory, f"seed-{seed}")
            os.mkdir(work)
            os.chmod(work, 0o755)
            case = Case(self.base, work, seed)
            try:
                case.carry()
            except Exception as failure:  # noqa: a case that cannot be judged is wrong, and named
                case.wrong.append(f"{type(failure).__name__}: {failure}")
            if case.wrong:
                with open(os.path.join(work, "log"), "w", encoding="utf-8",
                          errors="backslashreplace") as log:
                    log.write("\n".join(case.server.log) + "\n" + case.text)
            else:
                shutil.rmtree(work, ignore_errors=True)
            return case

        cases = disturb.at_once(one, range(disturb.SEED, disturb.SEED + CASES))
        kinds = collections.Counter(case.kind for case in cases)
        bad = [case for case in cases if case.wrong]
        print(f"{len(cases)} servers from seed {disturb.SEED}: "
              + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
              + f"; {len(bad)} wrong", flush=True)
        if bad:
            self.fail("\n".join([f"{len(bad)} of {len(cases)} are wrong"] + [
                f"seed {case.seed} ({case.way}): {'; '.join(case.server.log)}\n    "
                + "\n    ".join(text[:1500] for text in case.wrong[:4]) for case in bad[:30]]))

    def test_the_reading_sees_what_is_missing(self):
        """A comparison that finds nothing proves nothing unless it finds what was taken away."""
        old = os.path.join(self.base, "old")
        whole = untidy.Reading(old)
        self.assertGreater(sum(map(len, (whole.accounts, whole.aliases, whole.lists))), 12)
        self.assertEqual(untidy.missing(whole, untidy.Reading(old)), [])
        example = disturb.Example(old)
        os.unlink(example.at("alice/Maildir/cur/1761994000.4002.mail1.example.com,S=340:2,FSa"))
        os.unlink(example.at(".qmail-abuse"))
        os.unlink(example.at("news/subscribers/K"))
        os.unlink(example.at("bob/vacation/message"))
        example.set_accounts(lambda lines: [line for line in lines if line[0] != "eve"])
        kinds = untidy.missing(whole, untidy.Reading(old))
        self.assertEqual(sorted(kinds), [("account", b"eve"), ("alias", b"abuse"), ("list", b"news"),
                                         ("mail", b"alice"), ("text", b"bob/vacation/message")])


if __name__ == "__main__":
    support.main()
