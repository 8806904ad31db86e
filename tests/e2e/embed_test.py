"""Programs of somebody else's: built against what is installed, they read files, make plans, and
carry them out."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import support
from support import domain_text
from support.example_server import make_server

BUILD = os.path.dirname(os.path.abspath(support.VSTATE))
EXAMPLES = os.path.join(support.TREE, "examples")
EXAMPLE = os.path.join(EXAMPLES, "embed")


def cached(name):
    """A setting of the build that is installed."""
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        found = re.search(rf"^{name}:\w+=(.*)$", file.read(), re.M)
    return found[1] if found else ""


class EmbedTest(support.SandboxCase):
    def ended(self, code, *command):
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        self.assertEqual(done.returncode, code, f"{command}: {done.stdout}{done.stderr}")
        return done

    def done(self, *command):
        return self.ended(0, *command).stdout

    def build(self):
        if not os.path.exists(os.path.join(BUILD, "CMakeCache.txt")):
            self.skipTest(f"{support.VSTATE} does not stand in the directory it was built in")
        if not shutil.which("cmake"):
            self.skipTest("cmake is not installed")
        self.done("cmake", "--install", BUILD, "--prefix", "installed")
        headers = [os.path.join(place, name)
                   for place, _, names in os.walk(os.path.join(self.directory, "installed/include"))
                   for name in names]
        self.assertGreater(len(headers), 10)
        for header in headers:
            with open(header, encoding="utf-8") as file:
                for included in re.findall(r'#include "([^"]+)"', file.read()):
                    self.assertTrue(os.path.exists(
                        os.path.join(self.directory, "installed/include", included)), included)
        self.done("cmake", "-S", EXAMPLE, "-B", "build", "-DCMAKE_BUILD_TYPE=Debug",
                  f"-DCMAKE_PREFIX_PATH={self.directory}/installed",
                  f"-DCMAKE_CXX_COMPILER={cached('CMAKE_CXX_COMPILER')}",
                  f"-DCMAKE_CXX_FLAGS={cached('CMAKE_CXX_FLAGS')}")
        self.done("cmake", "--build", "build")
        return os.path.join(self.directory, "build")

    def test_examples(self):
        build = self.build()
        with self.subTest("domain_diff"):
            self.check_diff(os.path.join(build, "domain_diff"))
        with self.subTest("domain_apply"):
            self.check_apply(os.path.join(build, "domain_apply"))

    def check_diff(self, program):
        head = 'default = ["| {vpopmail}/bin/vdelivermail \'\' bounce-no-mailbox"]\n'
        old = self.file("old.toml", domain_text(mailboxes=("postmaster", "alice"), head=head))
        new = self.file("new.toml", domain_text(mailboxes=("postmaster", "bob"), head=head))
        lines = sorted(self.done(program, old, new).splitlines())
        self.assertEqual(lines, ["add mailbox.bob", "delete mailbox.alice"])
        self.assertEqual(self.done(program, old, old), "")
        wrong = self.ended(1, program, old, self.file("wrong.toml", "vstate = 1\nnaem = 1\n"))
        self.assertIn("naem", wrong.stderr)

    def check_apply(self, program):
        """The example domain, from one example server to the other."""
        for tree in ("old-server", "empty-server"):
            make_server.Server(Path(EXAMPLES, tree), Path(self.directory, tree)).make()
        new = os.path.join(self.directory, "empty-server")
        file, mail = (os.path.join(self.directory, name) for name in ("example.com.toml", "mail"))
        self.done(support.VSTATE, "--root", "old-server", "dump", "example.com", "-o", file,
                  "--mail", mail)
        # A program that an alias of the domain runs.
        shutil.copytree(os.path.join(self.directory, "old-server/usr"), os.path.join(new, "usr"),
                        dirs_exist_ok=True)
        lines = self.done(program, new, file, mail).splitlines()
        self.assertEqual(lines[0], "example.com has 0 mailboxes in /srv/vpopmail")
        planned = int(lines[1].removesuffix(" actions are planned"))
        begun = [line for line in lines if line.startswith("begin ")]
        self.assertEqual(len(begun), planned)
        self.assertEqual(sorted(line.replace("begin", "done") for line in begun),
                         sorted(line for line in lines if line.startswith("done ")))
        self.assertIn("done mail.alice", lines)
        self.assertRegex(lines[-2], r"^Applied: \d+ added, .* 13 messages")
        self.assertRegex(lines[-1], r"^\d+ addresses, \d+ archives: whole$")
        self.assertIn(support.NOTHING, self.done(support.VSTATE, "--root", new, "plan", file,
                                                 "--mail", mail))
        again = self.done(program, new, file, mail).splitlines()
        self.assertEqual(again[:2], ["example.com has 10 mailboxes in /srv/vpopmail",
                                     "0 actions are planned"])
        self.assertEqual(again[2:], lines[-1:])
        nothing = self.ended(1, program, self.directory, file, mail)
        self.assertIn("there is no", nothing.stderr)
        missing = self.ended(1, program, new, file, self.directory)
        self.assertIn("archives is below", missing.stderr)


if __name__ == "__main__":
    support.main()
