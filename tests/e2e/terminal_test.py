"""What a person sees and is asked: at a terminal, and elsewhere."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import support
from support.passes import NAME, PullCase

WIDE = "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"


def columns(text):
    """As a terminal counts them, told apart from how the program does."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF"
               else 1
               for c in text)


class Screen:
    """What a terminal got, and when."""

    def __init__(self, code, parts):
        self.code, self.parts = code, parts
        self.text = b"".join(part for _, part in parts).decode()

    def lines(self):
        return self.text.replace("\r\n", "\n").splitlines()

    def status_times(self):
        """When a line was drawn that takes the place of the one before."""
        return [when for when, part in self.parts if b"%" in part or b"comparing" in part]

    def statuses(self):
        return re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", self.text)


def at_terminal(command, answer=b"", stdin=None, stdout=None, width=0, environment=None,
                interrupt_after=None):
    """Standard error is a terminal of so many columns, and so are standard input and output unless
    they are given."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    parts, asked, begun = [], False, time.monotonic()
    with subprocess.Popen(command, stdin=theirs if stdin is None else stdin,
                          stdout=theirs if stdout is None else stdout, stderr=theirs,
                          env=environment or support.environment()) as program:
        os.close(theirs)
        while True:
            if interrupt_after is not None and time.monotonic() - begun > interrupt_after:
                program.send_signal(signal.SIGINT)
                interrupt_after = None
            if not select.select([mine], [], [], 0.2)[0]:
                if time.monotonic() - begun < 60:
                    continue
                program.kill()
                raise AssertionError(f"does not end: {parts}")
            try:
                part = os.read(mine, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append((time.monotonic(), part))
            if answer and not asked and b"[y/N]" in part:
                asked = True
                os.write(mine, answer)
    os.close(mine)
    return Screen(program.returncode, parts)


class TerminalCase(PullCase):
    def at_terminal(self, *arguments, **options):
        return at_terminal([support.VSTATE, *self.new.options, *arguments], **options)

    def dumped(self):
        """The words that apply what the old server has."""
        mail, file = os.path.join(self.directory, "mail"), self.file("dump.toml", "")
        self.check_exit(self.old.vstate("-q", "dump", "--mail", mail, "-o", file, NAME))
        return "--mail", mail, file


class TerminalTest(TerminalCase):
    def test_progress_of_a_pull(self):
        screen = self.at_terminal("pull", self.old.root, NAME, stdout=subprocess.DEVNULL, width=200)
        self.assertEqual(screen.code, 0, screen.text)
        self.assertRegex(screen.text, r"\r0%, alice: 0 of 3 mailboxes\x1b")
        self.assertRegex(screen.text,
                         r"\r100%, [^\r]*3 of 3 mailboxes, 21 messages, \d+ B, .*/s\x1b")
        self.check_equal()

    def test_progress_says_of_how_many(self):
        screen = self.at_terminal("apply", *self.dumped(), stdout=subprocess.DEVNULL, width=200)
        self.assertEqual(screen.code, 0, screen.text)
        self.assertRegex(screen.text, r"\r0%, alice: 0 of 21 messages\x1b")
        self.assertRegex(screen.text, r"\r100%, [^\r]*21 of 21 messages, \d+ B, .*/s\x1b")

    def test_no_line_is_wider_than_the_terminal(self):
        for width in (20, 40, 80):
            self.new = self.server(f"new{width}")
            screen = self.at_terminal("pull", self.old.root, NAME, stdout=subprocess.DEVNULL,
                                      width=width)
            self.assertEqual(screen.code, 0, screen.text)
            self.assertNotEqual(screen.statuses(), [])
            for line in screen.statuses():
                self.assertLess(columns(line), width)

    def test_plain_lines_elsewhere(self):
        outcome = self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        self.assertNotIn("\r", outcome.out + outcome.err)

    def test_deletions_are_asked_for(self):
        self.check_exit(self.new.vstate("pull", self.old.root, NAME))
        self.alice.delete("1700000003.M3P1.old")
        pull = ("pull", "--prune", self.old.root, NAME)
        screen = self.at_terminal(*pull, stdout=subprocess.DEVNULL, answer=b"n\n")
        self.assertEqual(screen.code, 1)
        self.assertIn("nothing was changed", screen.text)
        self.assertIn("1700000003.M3P1.old", self.here().messages())
        screen = self.at_terminal(*pull, stdout=subprocess.DEVNULL, answer=b"y\n")
        self.assertEqual(screen.code, 0, screen.text)
        self.check_equal()


class SlowTest(TerminalCase):
    """A stream that stops in the middle of bob's mail for some seconds."""

    pause = 3.2

    def setUp(self):
        super().setUp()
        for i in range(40):  # enough that they do not come as one compressed block
            self.bob.deliver(f"18000001{i:02}.M1P1.old", os.urandom(100_000))

    def stream(self):
        done = subprocess.run([support.VSTATE, *self.old.options, "-q", "dump", "--mail", "-",
                               NAME],
                              capture_output=True, check=True, env=support.environment())
        return done.stdout

    def feed(self, seconds):
        """A pipe that gives half of it, and the rest after so long."""
        path = os.path.join(self.directory, "stream")
        with open(path, "wb") as file:
            file.write(self.stream())
        cut = os.path.getsize(path) // 2
        script = f"head -c {cut} {path}; sleep {seconds}; tail -c +{cut + 1} {path}"
        return subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE)

    def apply_slowly(self, *options, **more):
        with self.feed(self.pause) as feed:
            screen = self.at_terminal("apply", *options, "-", stdin=feed.stdout, **more)
            feed.stdout.close()
        return screen

    def test_at_least_each_second(self):
        screen = self.apply_slowly(stdout=subprocess.DEVNULL, width=80)
        self.assertEqual(screen.code, 0, screen.text)
        times = screen.status_times()
        self.assertGreater(times[-1] - times[0], 2)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 1.0, times)
        # Nothing comes after it was taken away.
        self.assertTrue(screen.text.rstrip().endswith("when it starts"), screen.text)
        self.check_equal()

    def test_events_at_least_each_second(self):
        with self.feed(self.pause) as feed:
            begun, times, events = time.monotonic(), [], []
            with subprocess.Popen([support.VSTATE, *self.new.options, "apply", "--json", "-"],
                                  stdin=feed.stdout, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, env=support.environment()) as program:
                feed.stdout.close()
                for line in program.stdout:
                    event = json.loads(line)
                    if event["event"] == "progress":
                        times.append(time.monotonic() - begun)
                        events.append(event)
        self.assertEqual(program.returncode, 0)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 1.0, times)
        self.assertIn("bob", [event.get("mailbox") for event in events])
        self.assertEqual((events[-1]["messages"], event["event"]), (61, "summary"))

    def test_plain_lines_are_rare(self):
        with self.feed(11) as feed:
            done = subprocess.run([support.VSTATE, *self.new.options, "apply", "-"],
                                  stdin=feed.stdout,
                                  capture_output=True, check=True, env=support.environment())
            feed.stdout.close()
        lines = [line for line in done.stderr.decode().splitlines() if "%" in line]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0],
                         r"^33%, bob: 1 of 3 mailboxes, \d+ messages, [\d.]+ MiB, .*/s, 0:\d\d "
                         r"left$")
        self.assertNotIn(b"\r", done.stderr)

    def test_interrupted(self):
        screen = self.apply_slowly(stdout=subprocess.DEVNULL, width=80, interrupt_after=1.5)
        self.assertEqual(screen.code, 130, screen.text)
        self.assertRegex(screen.lines()[-1], r"vstate: .*interrupt")

    def test_a_stream_that_breaks(self):
        path = os.path.join(self.directory, "broken")
        with open(path, "wb") as file:
            file.write(self.stream()[:2_000_000])
        with open(path, "rb") as file:
            screen = self.at_terminal("apply", "-", stdin=file, stdout=subprocess.DEVNULL, width=80)
        self.assertEqual(screen.code, 3, screen.text)
        self.assertRegex(screen.lines()[-1], r"vstate: .*broken or cut off")

    def test_quiet(self):
        screen = self.apply_slowly("-q")
        self.assertEqual((screen.code, screen.text), (0, ""))


class QuietTest(PullCase):
    """-q leaves nothing but errors and what was asked for as data; the exit status tells the
    rest."""

    def quiet(self, server, *words, code=0, out=""):
        screen = at_terminal([support.VSTATE, *server.options, "-q", *words])
        self.assertEqual((screen.code, screen.text.replace("\r\n", "\n")), (code, out), words)

    def test_each_command(self):
        # Plans, notes, and counts, of several domains too.
        text = support.domain_text(NAME, ["postmaster"],
                                   more='[alias.robot]\ndeliver = ["|/no/such/program"]\n')
        warned, other = self.file("warned.toml",
                                  text), self.file("other.toml", support.domain_text("example.org"))
        mail, dump = os.path.join(self.directory, "mail"), os.path.join(self.directory, "dump.toml")
        self.quiet(self.old, "dump", "--mail", mail, "-o", dump, NAME)
        self.quiet(self.new, "check", dump, "--mail", mail)
        self.quiet(self.new, "plan", dump, "--mail", mail)
        self.quiet(self.new, "plan", dump, "--mail", mail, "--detailed-exitcode", code=2)
        self.quiet(self.new, "plan", warned, other)
        self.quiet(self.new, "verify", dump, "--mail", mail, code=2)
        self.quiet(self.new, "apply", dump, "--mail", mail)
        self.quiet(self.new, "verify", dump, "--mail", mail)
        self.quiet(self.new, "pull", self.old.root, NAME)
        self.quiet(self.new, "history")
        self.quiet(self.new, "route", "alice@" + NAME)
        self.quiet(self.new, "apply", warned, other)
        for form in ("dovecot", "postfix", "ldif", "csv"):
            self.quiet(self.new, "export", "--to", form, "-o", os.path.join(self.directory, form),
                       other)

    def test_data_is_given(self):
        self.assertIn("[mailbox.alice]", self.check_exit(self.old.vstate("-q", "dump", NAME)).out)
        csv = self.check_exit(self.old.vstate("-q", "export", "--to", "csv",
                                              self.file("a.toml", support.domain_text())))
        self.assertIn("alice", csv.out)
        plan = self.check_exit(self.new.vstate("-q", "plan", "--json",
                                               self.file("a.toml", support.domain_text())))
        self.assertEqual(json.loads(plan.out)["domain"], NAME)
        self.assertEqual(json.loads(self.check_exit(self.old.vstate("-q", "history",
                                                                    "--json")).out)[0]["domain"],
                         NAME)

    def test_errors_are_told(self):
        broken = self.file("broken.toml", "vstate = 1\n")
        for command in ("check", "plan", "apply", "verify"):
            screen = at_terminal([support.VSTATE, *self.new.options, "-q", command, broken])
            self.assertEqual(screen.code, 1)
            self.assertRegex(screen.text, r"vstate: .*broken\.toml")
        self.quiet(self.new, "dump", "no.example", code=1,
                   out="vstate: no.example: there is no such domain on this server\n")


class PlanTest(support.SandboxCase):
    def setUp(self):
        self.target = self.server()
        boxes = "".join(support.mailbox_text(f"user{i:03}") for i in range(300))
        self.toml = self.file("large.toml", support.domain_text(NAME, ["postmaster"], more=boxes + (
            f'[alias.kanji]\ndeliver = ["# {WIDE}"]\n' +
            "".join(f"[alias.a{i:02}]\ndeliver = []\n" for i in range(90)))
            + '[alias.robot]\ndeliver = '
              '["|/usr/local/bin/a-program-that-is-not-on-this-server-at-all"]\n'))

    def plan_at(self, width, *options, **environment):
        screen = at_terminal([support.VSTATE, *self.target.options, *options, "plan", self.toml],
                             width=width, environment=support.environment(**environment))
        self.assertEqual(screen.code, 0, screen.text)
        return screen.lines()

    def test_fits_the_terminal(self):
        for width in (40, 80, 200):
            lines = self.plan_at(width)
            self.assertLessEqual(max(map(columns, lines)), width)
            self.assertTrue(any(line.endswith("…") for line in lines) or width == 200)
            self.assertIn("Plan: 396 to add, 0 to change, 0 to delete.",
                          " ".join(line.strip() for line in lines))
            # A warning is there to its end.
            self.assertIn("not on this server", " ".join(line.strip() for line in lines))
        self.assertLessEqual(max(map(columns, self.plan_at(200, COLUMNS="50"))), 50)
        self.assertGreater(max(map(columns, self.plan_at(40, "--verbose"))), 40)
        self.assertTrue(any("漢" in line and line.endswith("...")
                            for line in self.plan_at(40, LC_ALL="C")))

    def test_nothing_is_cut_elsewhere(self):
        plan = self.check_exit(self.target.vstate("plan", self.toml,
                                                  env=support.environment(COLUMNS="40")))
        self.assertIn(WIDE, plan.out)

    def test_many_alike_are_grouped(self):
        plan = self.check_exit(self.target.vstate("plan", self.toml)).out
        self.assertEqual(plan.count("+ mailbox "), 20)
        self.assertIn("\n  + … and 281 more mailboxes (--verbose shows all)\n", plan)
        self.assertIn("\nAdds 1 domain, 301 mailboxes, 92 aliases, 1 catch-all, 1 published "
                      "name.\nPlan: ", plan)
        verbose = self.check_exit(self.target.vstate("-v", "plan", self.toml)).out
        self.assertEqual(verbose.count("+ mailbox "), 301)

    def test_apply_does_not_repeat_it(self):
        applied = self.check_exit(self.target.vstate("apply", self.toml)).out
        self.assertLess(applied.count("\n"), 12, applied)
        self.assertNotIn("mailbox user", applied)
        self.assertRegex(applied, r"  ! alias robot  runs /usr/local/bin/a-program")
        self.assertIn("\nPlan: 396 to add, 0 to change", applied)
        self.assertIn("\nApplied: 396 added, 0 changed, 0 deleted.\n", applied)
        boxes = ["postmaster", *(f"user{i:03}" for i in range(299))]
        one = self.file("one.toml", support.domain_text(NAME, boxes))
        asked = self.target.vstate("apply", "--prune", one)
        self.check_exit(asked, 1)
        self.assertIn("  - mailbox user299", asked.out)
        self.assertNotIn("… and", asked.out)

    def test_apply_tells_all_of_it_with_verbose(self):
        self.assertEqual(self.check_exit(self.target.vstate("-v", "apply",
                                                            self.toml)).out.count("+ mailbox "),
                         301)

    def test_json_is_as_its_schema_says(self):
        plan = json.loads(self.check_exit(self.target.vstate("plan", "--json", self.toml)).out)
        sums = plan["summary"]["by_kind"]
        self.assertEqual(sums["add"],
                         {"domain": 1, "mailbox": 301, "alias": 92, "default": 1, "publish": 1})
        for name in ("add", "change", "delete"):
            self.assertEqual(sum(sums[name].values()), plan["summary"][name])
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        with open(os.path.join(support.TREE, "schemas/plan.schema.json")) as file:
            jsonschema.validate(plan, json.load(file))


if __name__ == "__main__":
    support.main()
