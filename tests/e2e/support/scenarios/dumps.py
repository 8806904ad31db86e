"""What a dump writes lies in `out`; its server is not changed."""

import os

from .. import disturb
from ..scenario import NAME, Scenario, vstate
from ..shell import shell


class Dump(Scenario):
    by_inodes = True
    below = ("out", "old")
    # An index holds what tells a file of this server from another: numbers of inodes.
    without = (r"\.index$",)

    def setUp(self):
        super().setUp()
        self.old = disturb.Example(os.path.join(self.base, "old"))
        disturb.make_example("old-server", self.old.root)
        os.mkdir(os.path.join(self.base, "out"))
        self.command = vstate("--root", "old", "dump", "--freeze", NAME, "-o", "out/file.toml",
                              "--mail", "out/mail")

    def check_killed(self, work):
        path = os.path.join(work, "out/file.toml")
        if os.path.exists(path):
            self.run_in(work, vstate("check", "out/file.toml", "--mail", "out/mail"))

    def check_end(self, work):
        """The index is as good as one that nobody disturbed: the next dump writes nothing."""
        if os.path.exists(os.path.join(work, "out/mail")):
            before = disturb.picture(os.path.join(work, "out"))
            self.run_in(work, self.command)
            self.assertEqual(
                disturb.differences(disturb.picture(os.path.join(work, "out")), before), [])

    def test_dump(self):
        self.converge()

    def test_dump_of_what_is_new(self):
        self.in_base(*self.command[2:])
        self.old.live_on()
        self.converge()


class DumpAsStream(Scenario):
    """The stamps and the order of a stream are not always the same: what comes of it is."""

    below = ("out", "old")
    without = (r"out/stream$",)

    def setUp(self):
        super().setUp()
        disturb.make_example("old-server", os.path.join(self.base, "old"))
        disturb.make_example("empty-server", os.path.join(self.base, "new"))
        os.mkdir(os.path.join(self.base, "out"))
        self.in_base("--root", "old", "dump", NAME, "-o", "file.toml", "--mail", "mail")
        self.command = shell(*vstate("--root", "old", "dump", "--freeze", "--mail", "-", NAME)
                             ) + " > out/stream"
        self.take = shell(*vstate("--root", "new", "apply", "-")) + " < out/stream"

    def check_end(self, work):
        self.run_in(work, self.take)

    def check_killed(self, work):
        """Either all of it is there, or its reader says that it is not."""
        if not os.path.exists(os.path.join(work, "out/stream")):
            return
        done = self.done_in(work, self.take)
        if done.returncode == 0:
            self.run_in(work, vstate("--root", "new", "verify", "file.toml", "--mail", "mail",
                                     "--deep"))
        else:
            self.assertIn(done.returncode, (1, 3, 4), done.stderr)

    def test_dump(self):
        self.converge()


class DumpOfAll(Scenario):
    """A whole server: a file a domain, and the server's own."""

    names = ("one.example", "two.example", "three.example")
    by_inodes = True
    below = ("out",)
    without = (r"\.index$",)
    command = vstate("--root", "old", "dump", "--all", "-o", "out/all/", "--mail", "out/mail")

    def setUp(self):
        super().setUp()
        self.server("base/old")
        self.in_base("--root", "old", "apply", *disturb.make_domain_files(self.base, self.names))
        os.mkdir(os.path.join(self.base, "out"))

    def check_killed(self, work):
        """What is there is whole."""
        place = os.path.join(work, "out/all")
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if name.endswith(".toml") and not name.startswith("."):
                self.run_in(work, vstate("check", os.path.join(place, name), "--mail", "out/mail"))

    def test_dump(self):
        self.converge()


ALL = (Dump, DumpAsStream, DumpOfAll)
