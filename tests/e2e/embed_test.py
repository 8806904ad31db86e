"""A program of somebody else's: built against what is installed, it reads files and makes plans."""

import os
import re
import shutil
import subprocess

import support
from support import domain_text

BUILD = os.path.dirname(os.path.abspath(support.VSTATE))
EXAMPLE = os.path.join(support.TREE, "examples", "embed")


def cached(name):
    """A setting of the build that is installed."""
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        found = re.search(rf"^{name}:\w+=(.*)$", file.read(), re.M)
    return found[1] if found else ""


class EmbedTest(support.SandboxCase):
    def done(self, *command):
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_example(self):
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
        head = 'default = ["| {vpopmail}/bin/vdelivermail \'\' bounce-no-mailbox"]\n'
        old = self.file("old.toml", domain_text(mailboxes=("postmaster", "alice"), head=head))
        new = self.file("new.toml", domain_text(mailboxes=("postmaster", "bob"), head=head))
        program = os.path.join(self.directory, "build", "domain_diff")
        lines = sorted(self.done(program, old, new).splitlines())
        self.assertEqual(lines, ["add mailbox.bob", "delete mailbox.alice"])
        self.assertEqual(self.done(program, old, old), "")
        wrong = subprocess.run([program, old, self.file("wrong.toml", "vstate = 1\nnaem = 1\n")],
                               capture_output=True, text=True, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("naem", wrong.stderr)


if __name__ == "__main__":
    support.main()
