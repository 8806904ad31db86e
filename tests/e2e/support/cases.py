"""A test with a directory of its own, and the conditions under which a test can run at all."""

import os
import shutil
import sys
import tempfile
import unittest

from . import program, servers, trees

needs_root = unittest.skipUnless(program.IS_ROOT, "needs root: owners of files are part of it")
needs_strace = unittest.skipUnless(program.STRACE, "strace is not installed")


class SandboxCase(unittest.TestCase):
    """Gives each test `self.directory`; a failed test leaves it and names it."""

    maxDiff = 4000

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        self.directory = tempfile.mkdtemp(prefix="vstate-e2e-")
        os.chmod(self.directory, 0o755)
        before = len(result.failures) + len(result.errors)
        try:
            return super().run(result)
        finally:
            if len(result.failures) + len(result.errors) > before:
                print(f"\n{self.id()} left {self.directory}", file=sys.stderr)
            else:
                shutil.rmtree(self.directory, ignore_errors=True)

    def server(self, name="target", **options):
        return servers.make_server(os.path.join(self.directory, name), **options)

    def file(self, name, text):
        """A file of the operator's, outside of any server."""
        path = os.path.join(self.directory, name)
        servers.make_directories(os.path.dirname(path))
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return path

    def check_exit(self, outcome, code=0):
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome

    def apply(self, server, *arguments, code=0):
        return self.check_exit(server.vstate("-q", "apply", *arguments), code)

    def check_nothing_to_do(self, server, *arguments):
        outcome = self.check_exit(server.vstate("plan", *arguments))
        self.assertIn(program.NOTHING, outcome.out)

    def check_same(self, before, after):
        differing = trees.changed_paths(before, after)
        self.assertEqual(differing[:20], [], f"{len(differing)} paths changed")
