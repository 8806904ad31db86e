"""The order in which apply writes, and that a second one writes nothing, as the kernel sees it."""

import os
import re

import support
from support import needs_strace

WRITING = ("rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,link,linkat,symlink,symlinkat,"
           "open,openat,creat,fchmod,fchmodat,chmod,fchown,fchownat,chown,lchown,write,pwrite64,writev,"
           "truncate,ftruncate,utimensat,mknod,mknodat")


@needs_strace
class OrderTest(support.SandboxCase):
    def setUp(self):
        self.target = self.server()
        self.toml = self.file("a.toml", support.domain_text(
            mailboxes=["postmaster", "alice", "bob"], head='aliases = ["example.net"]',
            more='[alias.sales]\ndeliver = ["&alice@example.com"]\n'
                 '[list.news]\nsubscribers = ["a@example.org"]\n'))

    def traced(self, path):
        """The calls of an apply, in order, descriptors shown with their paths."""
        log = os.path.join(self.directory, "trace")
        prefix = [support.STRACE, "-f", "-y", "-s", "4096", "-e", "trace=" + WRITING, "-o", log]
        env = support.environment(ASAN_OPTIONS="detect_leaks=0")
        self.check_exit(self.target.vstate("-q", "apply", path, prefix=prefix, env=env))
        with open(log, encoding="utf-8", errors="replace") as file:
            return [line for line in file if not re.search(r"= -1 |\+\+\+|---", line)]

    def renamed_to(self, calls, name):
        found = [number for number, line in enumerate(calls) if re.match(r"\d+ +rename", line)
                 and re.search(rf'[/"]{re.escape(name)}"', line)]
        self.assertTrue(found, name)
        return found

    def test_order_of_publication(self):
        """Law 5: accounts, mail and lists; then users/assign and its cdb; then virtualdomains; and
        rcpthosts last."""
        calls = self.traced(self.toml)
        below = [number for number, line in enumerate(calls) if "/domains/" in line
                 and not re.search(r"O_RDONLY|O_PATH|write\(", line)]
        assign = self.renamed_to(calls, "assign")
        cdb = [number for number in self.renamed_to(calls, "cdb") if number > assign[0]]
        virtual = self.renamed_to(calls, "virtualdomains")
        hosts = self.renamed_to(calls, "rcpthosts")
        self.assertLess(below[-1], assign[0], calls[below[-1]])
        self.assertLess(assign[-1], cdb[0])
        self.assertLess(cdb[-1], virtual[0])
        self.assertLess(virtual[-1], hosts[0])
        last = [number for number, line in enumerate(calls) if re.match(r"\d+ +(rename|mkdir)", line)]
        self.assertEqual(hosts[-1], last[-1], calls[last[-1]])

    def test_second_apply_writes_nothing(self):
        """Law 2: a second apply makes no writing call below the root; the run's own lock is opened."""
        self.apply(self.target, self.toml)
        before = self.target.snapshot()
        calls = [line for line in self.traced(self.toml) if self.target.root in line
                 and not re.search(r"O_RDONLY|O_PATH", line)]
        lock = os.path.join(self.target.root, "var/lib/vstate")
        self.assertEqual([line for line in calls if lock not in line], [])
        for line in calls:
            self.assertRegex(line, r"openat\(.*lock")
        self.check_same(before, self.target.snapshot())


if __name__ == "__main__":
    support.main()
