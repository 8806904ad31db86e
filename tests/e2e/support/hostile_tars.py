"""Tars that somebody made to do harm, entry by entry: those that are refused, and those of which
something can be taken."""

from .raw_tar import END, entry, header, long_name, old_sparse, pax

BODY = b"Subject: hello\n\nhi\n"
MESSAGE = b"Maildir/cur/1700000000.1.a:2,S"
GOOD = entry(MESSAGE, BODY)
MIB = 1 << 20
HOLES = b"Maildir/cur/1700000000.5.s:2,S"


def sparse(*records, data=b""):
    """A file of the kind that GNU tar describes in a pax header."""
    return pax(*records) + entry(HOLES, data)


#: Archives that are refused, and what is said; "" stands for any words.
REFUSED = {
    "an empty name": (entry(b"", BODY), "an empty name"),
    "a file called .": (entry(b".", BODY), 'entry ".": not a directory'),
    "a file called ..": (entry(b"..", BODY), 'leads up'),
    "up": (entry(b"Maildir/../../x", BODY), 'leads up'),
    "up by a prefix": (entry(b"x", BODY, prefix=b".."), 'leads up'),
    "absolute by a prefix": (entry(b"passwd", BODY, prefix=b"/etc"), "an absolute name"),
    "up in a pax header": (pax((b"path", b"../x")) + GOOD, "leads up"),
    "absolute in a pax header": (pax((b"path", b"/etc/cron.d/x")) + GOOD, "an absolute name"),
    "up in a binary pax header": (pax((b"hdrcharset", b"BINARY"), (b"path", b"\xff/../../x"))
                                  + GOOD, "leads up"),
    "up as GNU says it": (long_name(b"../../x\0") + GOOD, "leads up"),
    "up in the second of two names": (pax((b"path", b"a"), (b"path", b"../x")) + GOOD, "leads up"),
    "a part of 4 KiB": (pax((b"path", b"n" * 4096)) + GOOD, "too long"),
    "a part of 64 KiB": (pax((b"path", b"n" * 65536)) + GOOD, "too long"),
    "a part of 4 KiB as GNU says it": (long_name(b"n" * 4096 + b"\0") + GOOD, "too long"),
    "a name of 2 MiB": (pax((b"path", b"n/" * MIB)) + GOOD, ""),
    "a name of 2 MiB as GNU says it": (long_name(b"n" * 2 * MIB + b"\0") + GOOD, ""),
    "a comment of 64 MiB": (pax((b"comment", b"n" * 64 * MIB)) + GOOD, ""),
    "headers without an end": (pax((b"comment", b"x")) * 5000 + GOOD, ""),
    "long names without an end": (long_name(b"x\0") * 5000 + GOOD, ""),
    "a long name of nothing": (long_name(b"x\0"), ""),
    "a name that grows": (b"".join(long_name(b"x" * n + b"\0") for n in range(99)) + GOOD, ""),
    "a size above the bytes": (pax((b"size", b"300000")) + GOOD, ""),
    "a size of 2^63": (pax((b"size", b"9223372036854775808")) + GOOD, ""),
    "a size of 2^64 - 1": (pax((b"size", b"18446744073709551615")) + GOOD, ""),
    "a negative size": (entry(MESSAGE, BODY, size=-1), ""),
    "a negative size in a pax header": (pax((b"size", b"-20")) + GOOD, ""),
    "a size of 2^62": (header(MESSAGE, size=1 << 62), ""),
    "a size of 8 TiB": (header(MESSAGE, size=8 << 40) + bytes(4096), ""),
    "a size of letters": (entry(MESSAGE, BODY, size=b"zzzzzzzzzzz"), ""),
    "a sum that is wrong": (entry(MESSAGE, BODY, checksum=1), ""),
    "a hard link elsewhere": (header(b"x", kind=b"1", link=b"/etc/shadow"), "a hard link"),
    "a hard link up": (header(b"x", kind=b"1", link=b"../../../etc/shadow"), "a hard link"),
    "a hard link elsewhere in a pax header":
        (pax((b"linkpath", b"/etc/shadow")) + header(b"x", kind=b"1", link=MESSAGE), "a hard link"),
    "a hard link to itself": (header(b"x", kind=b"1", link=b"x"), "no file before it"),
    "a hard link to what comes later": (header(b"x", kind=b"1", link=MESSAGE) + GOOD,
                                        "no file before it"),
    "a hard link to a directory": (entry(b"Maildir/cur", kind=b"5")
                                   + header(b"x", kind=b"1", link=b"Maildir/cur"),
                                   "no file before it"),
    "a hard link to a link": (entry(b"s", kind=b"2", link=b"/etc/shadow")
                              + header(b"x", kind=b"1", link=b"s"), "no file before it"),
    "a hard link to nothing": (header(b"x", kind=b"1"), ""),
    "a link to nothing": (header(b"x", kind=b"2"), "a link without a target"),
    "a fifo": (entry(b"Maildir/fifo", kind=b"6"), "a fifo is not accepted"),
    "a character device": (entry(b"Maildir/null", kind=b"3"), "a device"),
    "a block device": (entry(b"Maildir/sda", kind=b"4"), "a device"),
    "a socket of no tar": (entry(b"Maildir/s", kind=b"6", mode=0o140755), "not accepted"),
    "a file twice": (entry(b"note", BODY) * 2, "twice"),
    "a file a thousand times": (entry(b"note", BODY) * 1000, "twice"),
    "a hole of a terabyte": (sparse((b"GNU.sparse.size", b"1099511627776"),
                                    (b"GNU.sparse.numblocks", b"0")), ""),
    "a piece behind the end": (sparse((b"GNU.sparse.size", b"10"), (b"GNU.sparse.numblocks", b"1"),
                                      (b"GNU.sparse.offset", b"4096"),
                                      (b"GNU.sparse.numbytes", b"19"), data=BODY), ""),
    "pieces on one another": (sparse((b"GNU.sparse.size", b"100"),
                                     (b"GNU.sparse.map", b"50,9,0,10"), data=BODY), ""),
    "a sparse name that leads up": (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                                        (b"GNU.sparse.name", b"../../x"),
                                        (b"GNU.sparse.realsize", b"19"))
                                    + entry(MESSAGE, b"0\n".ljust(512, b"\0") + BODY), "leads up"),
    "a map without an end": (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                                 (b"GNU.sparse.realsize", b"19"))
                             + entry(MESSAGE, b"99999999999\n" + b"0\n0\n" * 4000), ""),
    "an old hole of a terabyte": (old_sparse(MESSAGE, [(0, 19)], 1 << 40, size=19)
                                  + BODY.ljust(512, b"\0"), ""),
    "an old map without an end": (old_sparse(MESSAGE, [(0, 19)], 19, more=True, size=19)
                                  + (bytes(504) + b"\1" + bytes(7)) * 1000, ""),
    "a part of several volumes": (entry(MESSAGE, BODY, kind=b"M", magic=b"ustar  \0"), ""),
    "a number of entries that lies":
        (b"".join(entry(b"d%d" % i, kind=b"5") for i in range(10)) + b"x" * 700, ""),
    "a header and no more": (header(MESSAGE, size=19), ""),
}
M = (MESSAGE, BODY)


def link(name, target):
    return name, b"", 3, 0, 0, target


def directory(name):
    return name, b"", 1


#: What an archive may hold, and what its digest is over: the message arrives, and what else there
#: is stays in the mailbox.
TAKEN = {
    "a directory called .": (entry(b"./", kind=b"5") + GOOD, M),
    "doubled slashes": (entry(b".//Maildir///cur/1700000000.1.a:2,S", BODY), M),
    "a name with a newline": (GOOD + entry(b"Maildir/cur/17\nvstate: forged.1.b:2,S", BODY),
                              M, (b"Maildir/cur/17\nvstate: forged.1.b:2,S", BODY)),
    "a name that rings": (GOOD + entry(b"Maildir/cur/\x1b]0;x\x07.1.b:2,S", BODY),
                          M, (b"Maildir/cur/\x1b]0;x\x07.1.b:2,S", BODY)),
    "a NUL in a pax header": (pax((b"path", MESSAGE + b"\0/../../x")) + entry(b"y", BODY), M),
    "a path for all": (pax((b"path", b"/etc/passwd"), kind=b"g") + GOOD, M),
    "a link to the root": (GOOD + entry(b"x", kind=b"2", link=b"/etc"), M, link(b"x", b"/etc")),
    "a link to the root, a file through it":
        (GOOD + entry(b"x", kind=b"2", link=b"/etc") + entry(b"x/cron.d/own", BODY),
         M, link(b"x", b"/etc"), (b"x/cron.d/own", BODY)),
    "a link up, a file through it":
        (GOOD + entry(b"x", kind=b"2", link=b"../../../../etc") + entry(b"x/shadow", BODY),
         M, link(b"x", b"../../../../etc"), (b"x/shadow", BODY)),
    "a link up in a pax header":
        (GOOD + pax((b"linkpath", b"/etc")) + entry(b"x", kind=b"2", link=b"y"),
         M, link(b"x", b"/etc")),
    "a file, then a link in the place of its folder":
        (GOOD + entry(b"Maildir/.x/cur/1.2.c:2,", BODY)
         + entry(b"Maildir/.x/cur", kind=b"2", link=b"/etc"),
         M, (b"Maildir/.x/cur/1.2.c:2,", BODY), link(b"Maildir/.x/cur", b"/etc")),
    "a link in the place of cur":
        (entry(b"Maildir/cur", kind=b"2", link=b"/etc") + GOOD, link(b"Maildir/cur", b"/etc"), M),
    "a link in the place of the Maildir":
        (entry(b"Maildir", kind=b"2", link=b"/etc") + GOOD, link(b"Maildir", b"/etc"), M),
    "links in a circle":
        (GOOD + entry(b"a", kind=b"2", link=b"b") + entry(b"b", kind=b"2", link=b"a"),
         M, link(b"a", b"b"), link(b"b", b"a")),
    "a link of 4 KiB":
        (GOOD + pax((b"linkpath", b"n/" * 2047)) + entry(b"x", kind=b"2", link=b"y"),
         M, link(b"x", b"n/" * 2047)),
    "a file below a message": (GOOD + entry(MESSAGE + b"/x", BODY), M, (MESSAGE + b"/x", BODY)),
    "a directory in the place of a message": (GOOD + entry(MESSAGE, kind=b"5"),
                                              M, directory(MESSAGE)),
    "a time behind all":
        (GOOD + pax((b"mtime", b"9223372036854775807.9")) + entry(b"Maildir/cur/1.2.c:2,", BODY),
         M, (b"Maildir/cur/1.2.c:2,", BODY, 2, 0, 9223372036854775807)),
    "a time before all":
        (GOOD + pax((b"mtime", b"-9223372036854775807")) + entry(b"Maildir/cur/1.2.c:2,", BODY),
         M, (b"Maildir/cur/1.2.c:2,", BODY, 2, 0, -9223372036854775807)),
    "a time that is none": (pax((b"mtime", b"x.y.z")) + GOOD, M),
    "owners and modes":
        (pax((b"uid", b"0"), (b"uname", b"root")) + entry(MESSAGE, BODY, mode=0o6777)
         + entry(b"run", b"x", mode=0o6755) + entry(b"open", kind=b"5", mode=0o1777),
         M, (b"run", b"x", 2, 0o100), directory(b"open")),
    "access lists and labels":
        (pax((b"SCHILY.acl.access", b"user:1000:rwx"),
             (b"SCHILY.xattr.security.capability", b"x" * 20),
             (b"LIBARCHIVE.xattr.user.vstate.stamp", b"MQ==")) + GOOD, M),
    "a long label": (pax((b"SCHILY.xattr.user.vstate.stamp", b"9" * 500000)) + GOOD, M),
    "a delivery line": (GOOD + entry(b".qmail", b"|touch /tmp/never\n"),
                        M, (b".qmail", b"|touch /tmp/never\n")),
    "vstate's own temporary": (GOOD + entry(b"Maildir/cur/.vstate-x.vstate-tmp", BODY),
                               M, (b"Maildir/cur/.vstate-x.vstate-tmp", BODY)),
    "two hundred levels": (GOOD + pax((b"path", b"d/" * 190 + b"x")) + entry(b"y", BODY),
                           M, (b"d/" * 190 + b"x", BODY)),
    "bytes behind the end": (GOOD + END + b"x" * 70000, M),
    "an archive behind the end": (GOOD + END + entry(b"../x", BODY) + END, M),
    "a record of no length": (pax(body=b"x path=y\n") + GOOD, M),
    "a record of length 0": (pax(body=b"0 path=y\n") + GOOD, M),
    "a record that is too long": (pax(body=b"99 path=y\n") + GOOD, M),
    "a record of 2^64": (pax(body=b"18446744073709551616 path=y\n") + GOOD, M),
    "a record without =": (pax(body=b"9 pathyy\n") + GOOD, M),
    "a size below the bytes": (GOOD + pax((b"size", b"3")) + entry(b"y", BODY),
                               M, (b"y", BODY[:3])),
    "a piece that begins below 0":
        (GOOD + sparse((b"GNU.sparse.size", b"100"), (b"GNU.sparse.map", b"-9,19"), data=BODY),
         M, (HOLES, BODY.ljust(100, b"\0"))),
    "a map that is none":
        (GOOD + sparse((b"GNU.sparse.map", b"x,y,z"), data=BODY), M, (HOLES, BODY)),
    "a directory of a terabyte": (header(b"Maildir/.x", kind=b"5", size=1 << 40) + GOOD,
                                  directory(b"Maildir/.x"), M),
    "a hard link of a terabyte":
        (GOOD + header(b"x", kind=b"1", link=MESSAGE, size=1 << 40), M, (b"x", BODY)),
    "a link of a terabyte": (header(b"x", kind=b"2", link=b"y", size=1 << 40) + GOOD,
                             link(b"x", b"y"), M),
    "a kind that nobody knows": (GOOD + entry(b"y", BODY, kind=b"Z"), M, (b"y", BODY)),
}
