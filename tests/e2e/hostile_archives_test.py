"""Archives that somebody made to do harm, named by a domain's file whose digests fit: each field of
a tar says what it likes. What is refused is refused with its name before anything is written; what
is taken stays in the mailbox; nothing else on the machine is another afterwards."""

import hashlib
import os
import unittest

import support
from support import domain_text, measured
from support.hostile_tars import BODY, MESSAGE, MIB, REFUSED, TAKEN
from support.raw_tar import content_digest

NAME = "example.com"
CANARY = b"canary-outside-of-the-mailbox"
#: What a run may take, whatever it reads: a mailbox of the same size takes less.
MOST_MEMORY = 160 * MIB


def digest_of(entries):
    digest = hashlib.sha256()
    for item in entries:
        content_digest(digest.update, *item)
    return digest.hexdigest()


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class ArchivesCase(support.SandboxCase):
    def setUp(self):
        self.archive = os.path.join(self.directory, "a.tar")

    def fresh(self, name):
        server = self.server(name.replace(" ", "-").replace("/", "-"))
        for path in ("/etc/shadow", "/etc/cron.d/own", "/tmp/own"):
            server.write(path, CANARY, 0o600)
        return server

    def file_of(self, data, sha256, more=""):
        """A domain's file that names an archive of these bytes."""
        with open(self.archive, "wb") as file:
            for part in [data] if isinstance(data, bytes) else data:
                file.write(part)
        return self.file("domain.toml", domain_text(NAME, ("postmaster",)) + (
            f'[mailbox.alice]\npassword = ""\n'
            f'mail = {{ archive = "a.tar", sha256 = "{sha256}"{more} }}\n'))

    def outside(self, server):
        """All but the domains, vstate's own directory, and what publishing changes."""
        own = ("srv/vpop/domains", "var/lib/vstate", "var/qmail/users", "var/qmail/control")
        above = {"srv/vpop", "var/qmail", "var", "var/lib"}
        return {path: state for path, state in server.snapshot().items() if path not in above
                and not any(path == place or path.startswith(place + "/") for place in own)}

    def take(self, server, file, *words):
        before, temporary = self.outside(server), set(os.listdir("/tmp"))
        done = measured.run(*server.options, *(words or ("apply", "--yes")), file)
        self.check_same(before, self.outside(server))
        self.assertNotIn("internal error", done.err)
        self.assertNotIn("never", set(os.listdir("/tmp")) - temporary)
        self.assertLess(done.peak, MOST_MEMORY, str(done)[:300])
        self.assertNotIn("\nvstate: forged", done.err)
        self.assertNotRegex(done.out + done.err, "[\x00-\x08\x0b-\x1f\x7f]")
        return done

    def check_not_live(self, server):
        self.assertFalse(os.path.exists(server.users("assign")))
        self.assertNotIn(NAME.encode(), server.read(server.control("rcpthosts")))


class FieldsTest(ArchivesCase):
    def test_refused(self):
        server = self.fresh("new")
        before = server.snapshot()
        for title, (data, said) in REFUSED.items():
            with self.subTest(title):
                # A digest that fits would be that of what a reader takes this for.
                done = self.take(server, self.file_of(data, "0" * 64))
                self.assertEqual(done.code, 1, done)
                self.assertRegex(done.err,
                                 r"^vstate: \S+domain\.toml:\d+:\d+: mailbox\.alice\.mail: ")
                self.assertNotIn("has the digest", done.err)
                self.assertIn(said, done.err)
                # Nothing else is said, and nothing that fills a screen.
                self.assertEqual(done.err.count("\n"), 1, done)
                self.check_not_live(server)
        for path in ("var", "var/lib", "var/lib/vstate", "var/lib/vstate/lock"):
            before.pop(path, None)
        self.check_same(before, {path: state for path, state in server.snapshot().items()
                                 if path in before or not path.startswith("var")})
        print(f"{len(REFUSED)} archives to refuse")

    def test_taken(self):
        for title, (data, *entries) in TAKEN.items():
            with self.subTest(title):
                server = self.fresh(title)
                done = self.take(server, self.file_of(data, digest_of(entries)))
                self.assertIn(done.code, (0, 3), done)
                if done.code == 3:
                    self.check_not_live(server)
                    continue
                home = server.at(f"{server.directory_of(NAME)}/alice")
                with open(os.path.join(home.encode(), MESSAGE), "rb") as file:
                    self.assertEqual(file.read(), BODY)
                self.assertFalse(os.path.exists(os.path.join(home, ".qmail")))
                for place, names, files in os.walk(home.encode()):
                    for name in names + files:
                        path = os.path.join(place, name)
                        info = os.lstat(path)
                        self.assertEqual((info.st_uid, info.st_gid), support.OWNER, path)
                        self.assertEqual(info.st_mode & 0o6000, 0, path)
                        self.assertTrue(os.path.realpath(path).startswith(
                            os.path.realpath(home).encode() + b"/"), path)
        print(f"{len(TAKEN)} archives to take")


if __name__ == "__main__":
    support.main()
