"""Archives and streams that are more than they look: a few kilobytes that stand for a terabyte, in
their bytes, their headers, their maps of holes, or behind their end; entries by the million; cut
off anywhere, one byte of them changed. Each ends by itself, soon, in bounded memory and disk.

VSTATE_DEEP=1  twenty times as many entries; cut off and changed at every byte instead of some
VSTATE_SEED    chooses which
"""

import hashlib
import itertools
import os
import random
import subprocess
import sys
import unittest

import support
from support import domain_text, measured, streams
from support.raw_tar import END, content_digest, entry, header, long_name, pax

NAME = "example.com"
BODY = b"Subject: hello\n\nhi\n"
MESSAGE = b"Maildir/cur/1700000000.1.a:2,S"
DOCUMENT = domain_text(NAME, ("postmaster", "alice")).encode()
MIB, TIB = 1 << 20, 1 << 40
MOST_MEMORY, MOST_SECONDS = 200 * MIB, 30
MANY = 1_000_000 if support.DEEP else 50_000
SEED = os.environ.get("VSTATE_SEED") or str(random.randrange(10**9))

ZSTD = b"\x28\xb5\x2f\xfd\x00\x38"  # a frame of unknown size, with a window of 128 KiB
RUN = 1 << 17


def frame(data):
    """Bytes as they are, in a frame of zstd."""
    blocks = [data[at:at + RUN] for at in range(0, len(data), RUN)] or [b""]
    return ZSTD + b"".join(
        (len(block) << 3 | (number == len(blocks) - 1)).to_bytes(3, "little") + block
        for number, block in enumerate(blocks))


def runs(count, byte=b"\0"):
    """So many bytes of one kind, four for each 128 KiB of them."""
    block = (RUN << 3 | 1 << 1).to_bytes(3, "little") + byte
    yield ZSTD
    left = count // RUN - 1
    while left > 0:
        part = min(left, 1 << 16)
        yield block * part
        left -= part
    yield (RUN << 3 | 1 << 1 | 1).to_bytes(3, "little") + byte


def bomb(front, count=TIB, byte=b"\0"):
    """What stands in front, and a terabyte."""
    return itertools.chain([frame(front)], runs(count, byte))


def sparse_map(entries):
    """A file of holes whose map has so many entries."""
    data = b"%d\n" % entries
    size = len(data) + 4 * entries
    front = pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.realsize", b"19")) + header(MESSAGE, size=size + -size % 512) + data
    part = b"0\n0\n" * 250_000
    return measured.packed(itertools.chain([front], itertools.repeat(part, entries // 250_000)))


def nested(data, *packers):
    for packer in packers:
        data = subprocess.run([packer, "-c"], input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True).stdout
    return [data]


ZEROS = entry(MESSAGE, bytes(8 * MIB))
#: What each archive is, and what is said of it; "" stands for any words.
ARCHIVES = {
    "a message": (lambda: bomb(header(MESSAGE, size=TIB)), "bytes in all"),
    "a directory": (lambda: bomb(header(b"Maildir/.x", kind=b"5", size=TIB)), ""),
    "a link": (lambda: bomb(header(b"x", kind=b"2", link=b"y", size=TIB)), ""),
    "a hard link": (lambda: bomb(entry(MESSAGE, BODY)
                                 + header(b"x", kind=b"1", link=MESSAGE, size=TIB)), ""),
    "a fifo": (lambda: bomb(header(b"x", kind=b"6", size=TIB)), "a fifo"),
    "a kind that nobody knows": (lambda: bomb(header(b"x", kind=b"Z", size=TIB)), ""),
    "a pax header": (lambda: bomb(header(b"x", kind=b"x", size=TIB), byte=b"1"), ""),
    "a pax header for all": (lambda: bomb(header(b"x", kind=b"g", size=TIB), byte=b"1"), ""),
    "a long name": (lambda: bomb(header(b"x", kind=b"L", size=TIB), byte=b"n"), ""),
    "a long link": (lambda: bomb(header(b"x", kind=b"K", size=TIB), byte=b"n"), ""),
    "access lists of Solaris": (lambda: bomb(header(b"x", kind=b"A", size=TIB), byte=b"n"), ""),
    "extended headers of Solaris": (lambda: bomb(header(b"x", kind=b"X", size=TIB), byte=b"n"), ""),
    "a volume's label": (lambda: bomb(header(b"x", kind=b"V", size=TIB)), ""),
    "a map of holes": (lambda: sparse_map(100_000_000), ""),
    "a map of one number": (lambda: bomb(
        pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
            (b"GNU.sparse.realsize", b"19")) + header(MESSAGE, size=TIB), byte=b"9"), ""),
    "headers of headers": (lambda: measured.packed(itertools.repeat(
        pax((b"comment", b"x")) * 1000, 1000)), ""),
    "names of names": (lambda: measured.packed(itertools.repeat(
        long_name(b"x" * 9000 + b"\0") * 100, 1000)), ""),
    "zstd in gzip in zstd": (lambda: nested(ZEROS * 8, "zstd", "gzip", "zstd"), ""),
    "thirty times gzip": (lambda: nested(ZEROS, *["gzip"] * 30), ""),
    "bzip2 in xz": (lambda: nested(ZEROS * 8, "bzip2", "xz"), ""),
}
#: The same of streams, behind a domain's file.
STREAMS = {
    "a message": lambda: bomb(stream_front() + header(b"mailbox/alice/" + MESSAGE, size=16 * TIB)),
    "a directory": lambda: bomb(stream_front()
                                + header(b"mailbox/alice/Maildir/.x", kind=b"5", size=TIB)),
    "a link": lambda: bomb(stream_front()
                           + header(b"mailbox/alice/x", kind=b"2", link=b"y", size=TIB)),
    "changes": lambda: bomb(stream_front() + header(b"changes/mailbox/alice", size=TIB)),
    "an end": lambda: bomb(stream_front() + header(b"end", size=TIB)),
    "a pax header": lambda: bomb(stream_front() + header(b"x", kind=b"x", size=TIB), byte=b"1"),
    "a map of holes": lambda: itertools.chain([frame(stream_front())], sparse_map(100_000_000)),
    "a document": lambda: bomb(header(b"domain.toml", size=TIB)),
    "half a gigabyte of changes": lambda: measured.packed(itertools.chain(
        [stream_front() + header(b"changes/mailbox/alice", size=16_000_000 * 33 + 64)],
        itertools.repeat((b"0123456789abcdef" * 2 + b"\n") * 100_000, 160))),
}


def stream_front():
    return b"".join(streams.parts_of([(b"domain.toml", DOCUMENT)]))


@unittest.skipUnless(support.IS_ROOT, "only root has rights to lose")
class BombsCase(support.SandboxCase):
    def check_small(self, done, server, archive=None):
        self.assertLess(done.peak, MOST_MEMORY, str(done)[:300])
        self.assertLess(done.seconds, MOST_SECONDS)
        self.assertLess(len(done.out) + len(done.err), 20_000)
        self.assertNotIn("internal error", done.err)
        size = sum(os.lstat(os.path.join(place, name)).st_blocks * 512
                   for place, _, names in os.walk(server.root) for name in names)
        self.assertLess(size, 40 * MIB)
        return done

    def print_most(self, title, outcomes):
        most, slowest = (max(outcomes, key=key) for key in (lambda one: one[1].peak,
                                                            lambda one: one[1].seconds))
        print(f"{len(outcomes)} {title}: at most {most[1].peak / MIB:.0f} MiB ({most[0]}), "
              f"{slowest[1].seconds:.1f} s ({slowest[0]})", file=sys.stderr)

    def write(self, parts):
        path = os.path.join(self.directory, "a.tar")
        with open(path, "wb") as file:
            for part in parts:
                file.write(part)
        return path

    def file_for(self, sha256="0" * 64, more="", key="archive", value='"a.tar"'):
        return self.file("domain.toml", domain_text(NAME, ("postmaster",)) + (
            f'[mailbox.alice]\npassword = ""\n'
            f'mail = {{ {key} = {value}, sha256 = "{sha256}"{more} }}\n'))


class PackedTest(BombsCase):
    def test_archives(self):
        server, seen = self.server("new"), []
        for title, (make, said) in ARCHIVES.items():
            for more in ("", f", messages = 1, bytes = {4 * TIB}"):
                with self.subTest(title, more=more):
                    self.write(make())
                    done = measured.run(*server.options, "apply", self.file_for(more=more))
                    seen.append((title, self.check_small(done, server)))
                    self.assertEqual(done.code, 1, done)
                    self.assertIn(said, done.err)
                    self.assertFalse(os.path.exists(server.users("assign")))
        self.print_most("archives", seen)

    def test_streams(self):
        seen = []
        for title, make in STREAMS.items():
            with self.subTest(title):
                server = self.server("new-" + title.replace(" ", "-"))
                done = measured.run(*server.options, "apply", "--yes", "-", parts=make())
                seen.append((title, self.check_small(done, server)))
                self.assertIn(done.code, (1, 3), done)
                self.assertFalse(os.path.exists(server.users("assign")))
        self.print_most("streams", seen)


def boxed(count):
    for place in (b"", b"/cur", b"/new", b"/tmp"):
        yield (b"mailbox/alice/Maildir" + place,)
    for number in range(count):
        yield b"mailbox/alice/Maildir/cur/%d.%d.a:2,S" % (1_700_000_000 + number, number), b""


class ManyTest(BombsCase):
    """What a run remembers of a message is some bytes, whatever sends them."""

    def test_entries_of_an_archive(self):
        peaks = []
        for count in (MANY // 10, MANY):
            digest = hashlib.sha256()

            def parts():
                for path, *data in boxed(count):
                    path = path[len(b"mailbox/alice/"):]
                    content_digest(digest.update, path, kind=2 if data else 1)
                    yield header(path, kind=b"0" if data else b"5")
            self.write(measured.packed(parts()))
            server = self.server(f"new{count}")
            done = measured.run(*server.options, "plan", self.file_for(digest.hexdigest()))
            self.check_exit(done)
            self.assertIn(f"{count:,} messages", done.out)
            peaks.append(done.peak)
        self.check_growth(peaks, "archive")

    def check_growth(self, peaks, kind):
        print(f"{MANY:,} entries of a {kind}: {peaks[1] / MIB:.0f} MiB, a tenth of them: "
              f"{peaks[0] / MIB:.0f} MiB", file=sys.stderr)
        self.assertLess(peaks[1] - peaks[0], 200 * MANY)

    def test_directories_of_an_archive(self):
        """The same one again and again, which costs a file no bytes."""
        count = 51_000_000 if support.DEEP else 1_000_000
        part = header(b"Maildir", kind=b"5") * 10_000
        self.write(measured.packed(itertools.repeat(part, count // 10_000)))
        server = self.server("new")
        done = measured.run(*server.options, "plan", self.file_for())
        self.check_exit(done, 1)
        self.assertLess(done.peak, MOST_MEMORY)
        self.assertIn("more than 50000000 entries" if support.DEEP else "has the digest", done.err)

    def test_entries_of_a_stream(self):
        """That nobody wants: those of a message that is there already."""
        peaks = []
        for count in (MANY // 10, MANY):
            server = self.server(f"new{count}")
            message = (b"mailbox/alice/" + MESSAGE, BODY)
            entries = itertools.chain(
                [(b"domain.toml", DOCUMENT)], itertools.islice(boxed(0), 4),
                itertools.repeat(message, count),
                [(b"changes/mailbox/alice", b""), (b"end", b"changed 0\n")])
            done = measured.run(*server.options, "apply", "--yes", "-",
                                parts=measured.packed(streams.parts_of(entries)))
            self.assertIn(done.code, (0, 3), done)
            self.assertLess(len(done.out) + len(done.err), 20_000)
            peaks.append(done.peak)
        self.check_growth(peaks, "stream")


class DamagedTest(BombsCase):
    def test_archive(self):
        """Cut off and changed anywhere: refused, or, where the change is in what no digest is
        about, the same mail."""
        digest = hashlib.sha256()
        entries = [(b"Maildir/cur/1700000000.1.a:2,S", BODY), (b"note", b"x" * 700)]
        data = b"".join(entry(*item) for item in entries) + END
        for item in entries:
            content_digest(digest.update, *item)
        whole, tried, taken = data, 0, 0
        packs = {"plain": whole, "zstd": nested(whole, "zstd")[0], "gzip": nested(whole, "gzip")[0]}
        chance = random.Random(SEED)
        server = self.server("new")
        file = self.file_for(digest.hexdigest())
        for kind, data in packs.items():
            spots = range(len(data)) if support.DEEP else chance.sample(range(len(data)), 25)
            for at, what in itertools.product(spots, ("cut", "changed")):
                with self.subTest(kind=kind, at=at, what=what, seed=SEED):
                    bad = data[:at] if what == "cut" else \
                        data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
                    self.write([bad])
                    done = server.vstate("plan", file)
                    tried += 1
                    self.assertIn(done.code, (0, 1), done)
                    self.assertNotIn("internal error", done.err)
                    if done.code == 0:
                        taken += 1
                        self.assertIn("1 message", done.out)
                    else:
                        self.assertRegex(done.err, r"^vstate: \S+: mailbox\.alice\.mail: ")
        print(f"{tried} damaged archives, {taken} of them as good as before", file=sys.stderr)

    def test_stream(self):
        """What came is right, or did not come; what is not whole is not live."""
        entries = [(b"domain.toml", DOCUMENT), *boxed(0), (b"mailbox/alice/" + MESSAGE, BODY),
                   (b"changes/mailbox/alice", b""), (b"end", b"changed 0\n")]
        plain = b"".join(streams.parts_of(entries)) + END
        chance, tried = random.Random(SEED), 0
        data = nested(plain, "zstd")[0]
        for at, what in itertools.product(
                range(len(data)) if support.DEEP else chance.sample(range(len(data)), 25),
                ("cut", "changed", "changed within")):
            with self.subTest(at=at, what=what, seed=SEED):
                bad = data[:at]
                if what == "changed":
                    bad += bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
                elif what == "changed within":
                    spot = chance.randrange(len(plain))
                    bad = nested(plain[:spot] + bytes([plain[spot] ^ 1 << chance.randrange(8)])
                                 + plain[spot + 1:], "zstd")[0]
                server = self.server(f"new-{tried}")
                done = server.vstate("apply", "--yes", "-", stdin=bad)
                tried += 1
                self.assertIn(done.code, (0, 1, 3), done)
                self.assertNotIn("internal error", done.err)
                self.check_result(server, done)
        print(f"{tried} damaged streams", file=sys.stderr)

    def check_result(self, server, done):
        is_live = os.path.exists(server.users("assign"))
        self.assertEqual(is_live, done.code == 0, done)
        for place, _, names in os.walk(server.at(server.home + "/domains")):
            if os.path.basename(place) in ("cur", "new"):
                for name in names:
                    self.assertEqual(name, MESSAGE.decode().rsplit("/", 1)[1])
                    self.assertEqual(server.read(os.path.join(place, name)), BODY)


if __name__ == "__main__":
    support.main()
