"""Mboxes that their owner wrote to do harm: lines and headers without an end, lengths, numbers and
dates that lie, messages by the hundred thousand, holes, bytes of any kind. Each is carried as
messages or named, in bounded memory, and what is carried is all there."""

import os
import random
import sys
import unittest

import support
from support import measured
from support.machine import Machine, crypt, from_line

DOMAIN = "example.com"
MIB = 1 << 20
MOST_MEMORY, MOST_SECONDS = 120 * MIB, 60
MANY = 300_000 if support.DEEP else 30_000
FROM = from_line(1000000000)
LAST = FROM + b"Subject: the last one\n\nlast\n"


def one(headers=b"Subject: x\n", body=b"text\n"):
    return FROM + headers + b"\n" + body + b"\n"


#: The bytes in front of a last message of no harm.
MBOXES = {
    "a line without an end": lambda: one(body=b"n" * 32 * MIB),
    "a header without an end": lambda: one(headers=b"Subject: " + b"n" * 32 * MIB + b"\n"),
    "headers without an end": lambda: one(headers=b"X: y\n" * 2_000_000),
    "folds without an end": lambda: one(headers=b"X: y\n" + b" z\n" * 5_000_000),
    "a From_ line of a megabyte": lambda: b"From " + b"n" * MIB + b" " + FROM[5:] + b"\nx\n\n",
    "a date of a megabyte": lambda: FROM[:-1] + b" " + b"n" * MIB + b"\nX: y\n\nx\n\n",
    "messages of nothing": lambda: (FROM + b"\n") * MANY,
    "From_ lines alone": lambda: FROM * MANY,
    "quotes without an end": lambda: one(body=b">" * 32 * MIB + b"From x\n"),
    "a length of 2^64": lambda: one(headers=b"Content-Length: 18446744073709551616\n"),
    "a length of 2^63": lambda: one(headers=b"Content-Length: 9223372036854775807\n"),
    "a length below 0": lambda: one(headers=b"Content-Length: -1\n"),
    "a length over all": lambda: one(headers=b"Content-Length: 100000\n"),
    "lengths that differ": lambda: one(headers=b"Content-Length: 3\nContent-Length: 7\n"),
    "a UID of 2^32": lambda: one(headers=b"X-UID: 4294967296\n"),
    "the highest UID": lambda: one(headers=b"X-IMAPbase: 1 1\nX-UID: 4294967295\n"),
    "the same UID": lambda: one(headers=b"X-UID: 7\n") * 3,
    "UIDs that fall": lambda: b"".join(one(headers=b"X-UID: %d\n" % (9 - n)) for n in range(9)),
    "keywords without an end": lambda: one(headers=b"X-IMAPbase: 1 2 " + b"k " * MIB + b"\n"),
    "a keyword of a megabyte": lambda: one(headers=b"X-Keywords: " + b"k" * MIB + b"\n"),
    "a keyword that steers": lambda: one(headers=b"X-Keywords: \x1b[2J \x9b \xe2\x80\xae\n"),
    "a status of all letters": lambda: one(headers=b"Status: " + bytes(range(33, 127)) + b"\n"),
    "a year that is none": lambda: b"From x Mon Jan 99 99:99:99 99999\n\nx\n\n",
    "NULs": lambda: one(body=bytes(4 * MIB)),
    "carriage returns alone": lambda: one().replace(b"\n", b"\r"),
    "any bytes": lambda: one(body=random.Random(1).randbytes(4 * MIB)),
    "a hole": lambda: one(body=b"x\n") + FROM + b"X: y\n\n" + bytes(64 * MIB) + b"\n\n",
}


@unittest.skipUnless(support.IS_ROOT, "only root has people's homes to read")
class MboxesTest(support.SandboxCase):
    def test_carried(self):
        most, slowest = (0, ""), (0.0, "")
        for title, make in MBOXES.items():
            with self.subTest(title):
                name = title.replace(" ", "-")
                machine, new = Machine(os.path.join(self.directory, name)), self.server(name + "-n")
                machine.add("alice", crypt("x"))
                machine.put("/home/alice/Mailbox", make() + LAST)
                before = machine.read("/home/alice/Mailbox")
                done = measured.run(*new.options, "pull", "--system", machine.root, DOMAIN)
                most, slowest = (max(most, (done.peak, title)),
                                 max(slowest, (done.seconds, title)))
                self.assertIn(done.code, (0, 2), str(done)[:1000])
                self.assertLess(done.peak, MOST_MEMORY)
                self.assertLess(done.seconds, MOST_SECONDS)
                self.assertNotIn("internal error", done.err)
                self.assertNotRegex(done.out + done.err, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
                self.assertLess(len(done.out) + len(done.err), 20_000)
                self.assertEqual(before, machine.read("/home/alice/Mailbox"))
                self.check_last(new, done, title)
        print(f"{len(MBOXES)} mboxes, at most {most[0] // MIB} MiB ({most[1]}), "
              f"{slowest[0]:.1f} s ({slowest[1]})", file=sys.stderr)

    def check_last(self, new, done, title):
        """The message behind it came, by itself or as a part of what came; or the box is named."""
        found = 0
        for place, _, names in os.walk(new.at(new.home + "/domains")):
            if os.path.basename(place) in ("cur", "new"):
                for name in names:
                    with open(os.path.join(place, name), "rb") as file:
                        found += file.read().count(b"Subject: the last one")
        if found != 1:
            self.assertIn("Mailbox", done.err, title)


if __name__ == "__main__":
    support.main()
