"""A vstate on the other side that is none: it answers a pull with lists and streams that never end,
lie, stop in the middle, or go on behind their end."""

import itertools
import os
import sys
import unittest

import support
from support import measured
from support.domains import domain_text
from support.raw_tar import END, header
from support.streams import parts_of

NAME = "example.com"
MIB = 1 << 20
MOST_MEMORY, MOST_SECONDS = 200 * MIB, 20
DOCUMENT = domain_text(NAME, ("postmaster", "alice")).encode()
BODY = b"Subject: hello\n\nhi\n"
MESSAGE = b"mailbox/alice/Maildir/cur/1700000000.1.a:2,S"
MAILDIR = [(b"mailbox/alice/Maildir" + place,) for place in (b"", b"/cur", b"/new", b"/tmp")]
WHOLE = [(b"domain.toml", DOCUMENT), *MAILDIR, (MESSAGE, BODY), (b"changes/mailbox/alice", b""),
         (b"end", b"changed 0\n")]


def stream(*entries, behind=b""):
    return b"".join(measured.packed([*parts_of(entries), behind]))


#: What the other side does when it is asked for the domains, and what is said of it. PATH is a file
#: with the bytes of the middle column.
LISTS = {
    "without an end": ("yes example.com", b"", "longer than 16 MiB"),
    "one name without an end": ("yes | tr -d '\\n'", b"", "longer than 16 MiB"),
    "no names": ("true", b"", "sent no stream"),
    "names that are none": ("cat PATH", b"../../etc\n", "the remote shell printed"),
    "a name with a slash": ("cat PATH", b"a/b.example\n", "the remote shell printed"),
    "a name that steers": ("cat PATH", b"\x1b[2J.example\n", "the remote shell printed"),
    "a stream": ("cat PATH", stream(*WHOLE), "the remote shell printed"),
    "silence": ("sleep 60", b"", "nothing was changed"),
    "names, and an error": ("cat PATH; exit 1", b"example.com\n", "ended with 1"),
}
#: The same when it is asked for the domain; "" stands for a run that brings it all.
STREAMS = {
    "the truth": ("cat PATH", stream(*WHOLE), ""),
    "bytes behind its end": ("cat PATH; yes", stream(*WHOLE), "broken"),
    "a second stream behind its end": ("cat PATH PATH", stream(*WHOLE), ""),
    "silence behind its end": ("cat PATH; sleep 60", stream(*WHOLE), "nothing came for"),
    "an error behind its end": ("cat PATH; exit 1", stream(*WHOLE), ""),
    "another domain": ("cat PATH", stream((b"domain.toml", DOCUMENT.replace(
        b"example.com", b"other.example")), *WHOLE[1:]), "other.example"),
    "half of it": ("head -c 150 PATH", stream(*WHOLE), "broken or cut off"),
    "half of it, and silence": ("head -c 150 PATH; sleep 60", stream(*WHOLE), "nothing came for"),
    "zeros behind half of it": ("head -c 150 PATH; cat /dev/zero", stream(*WHOLE), "broken"),
    "no end": ("cat PATH", stream(*WHOLE[:-1]), "cut off"),
    "no end, and zeros": ("cat PATH", stream(*WHOLE[:-1], behind=END), "cut off"),
    "messages without an end": ("cat PATH; while :; do cat PATH; done", b"".join(measured.packed(
        itertools.chain(parts_of(WHOLE[:5]), [header(b"x/y", size=1 << 40)]))), "x/y"),
    "a mailbox that nobody has": ("cat PATH", stream(
        *WHOLE[:5], (b"mailbox/mallory/Maildir/cur/1.1.a:2,S", BODY), *WHOLE[5:]), "mallory"),
    "paths that lead up": ("cat PATH", stream(
        *WHOLE[:5], (b"mailbox/alice/../../../etc/x", BODY), *WHOLE[5:]), "leads up"),
}


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class PullTest(support.SandboxCase):
    def pull(self, title, rows, *words):
        script, data, said = rows[title]
        server = self.server("new-" + title.replace(" ", "-"), big_dir=False)
        server.write("/etc/cron.d/own", b"own")
        path = os.path.join(self.directory, "bytes")
        with open(path, "wb") as file:
            file.write(data)
        rsh = self.file("rsh", "#!/bin/sh\ncat >/dev/null\n" + script.replace("PATH", path) + "\n")
        os.chmod(rsh, 0o755)
        before = {name: state for name, state in server.snapshot().items()
                  if name.startswith("etc")}
        done = measured.run(*server.options, "--timeout", "2", "pull", "--rsh", rsh, "--via",
                            "vstate", *words)
        self.assertEqual(before, {name: state for name, state in server.snapshot().items()
                                  if name.startswith("etc")})
        self.assertLess(done.peak, MOST_MEMORY)
        self.assertLess(done.seconds, MOST_SECONDS)
        self.assertLess(len(done.out) + len(done.err), 20_000)
        self.assertNotIn("internal error", done.err)
        self.assertNotRegex(done.out + done.err, "[\x00-\x08\x0b-\x1f\x7f]")
        if said:
            self.assertIn(done.code, (1, 3), done)
            self.assertIn(said, done.err)
            self.assertFalse(os.path.exists(server.users("assign")))
        else:
            self.check_exit(done)
            name = MESSAGE.decode().removeprefix("mailbox/")
            self.assertEqual(server.read(f"{server.directory_of(NAME)}/{name}"), BODY)
        return done

    def check_rows(self, rows, *words):
        most = 0
        for title in rows:
            with self.subTest(title):
                most = max(most, self.pull(title, rows, *words).peak)
        print(f"{len(rows)} answers, at most {most // MIB} MiB", file=sys.stderr)

    def test_lists(self):
        self.check_rows(LISTS, "--all", "h")

    def test_streams(self):
        self.check_rows(STREAMS, "h", NAME)


if __name__ == "__main__":
    support.main()
