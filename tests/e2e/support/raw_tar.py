"""Tars written header by header, so that each field can say anything."""

import struct

BLOCK = 512


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def number(value, width):
    """Octal digits, or the binary form that GNU gave to what is too large or negative."""
    if isinstance(value, bytes):
        return value.ljust(width, b"\0")
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return (value & ((1 << (8 * width)) - 1) | 1 << (8 * width - 1)).to_bytes(width, "big")


def header(name=b"x", kind=b"0", size=0, link=b"", mode=0o600, mtime=0, magic=b"ustar\00000",
           prefix=b"", tail=None, checksum=None):
    """One header. `tail` replaces all behind the magic."""
    block = (name.ljust(100, b"\0")[:100] + number(mode, 8) + number(0, 8) + number(0, 8)
             + number(size, 12) + number(mtime, 12) + b" " * 8 + kind + link.ljust(100, b"\0")[:100]
             + magic)
    block += (bytes(64) + number(0, 8) + number(0, 8) + prefix.ljust(155, b"\0")
              if tail is None else tail)
    block = block.ljust(BLOCK, b"\0")
    value = sum(block) if checksum is None else checksum
    return block[:148] + b"%06o\0 " % value + block[156:]


def entry(name=b"x", data=b"", **fields):
    """A header and its bytes; `size` in `fields` may lie about them."""
    return header(name, **{"size": len(data), **fields}) + padded(data)


def record(key, value):
    """A record of a pax header, whose length counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def pax(*records, kind=b"x", body=None, **fields):
    """A pax header of (key, value), or of any bytes."""
    data = b"".join(record(*item) for item in records) if body is None else body
    return entry(b"PaxHeaders/x", data, kind=kind, **fields)


def long_name(name, kind=b"L"):
    """As GNU says what has no room in a header."""
    return entry(b"././@LongLink", name, kind=kind, magic=b"ustar  \0")


def old_sparse(name, pieces, real_size, data=b"", more=False, **fields):
    """GNU's sparse file of kind S: four pieces in the header, more in blocks behind it."""
    block = b"".join(number(offset, 12) + number(length, 12) for offset, length in pieces[:4])
    tail = bytes(386 - 265) + block.ljust(96, b"\0") + bytes([more]) + number(real_size, 12)
    return header(name, kind=b"S", size=fields.pop("size", len(data)), magic=b"ustar  \0",
                  tail=tail, **fields)


END = bytes(2 * BLOCK)


def content_digest(update, name, data=b"", kind=2, mode=0, mtime=0, target=b"", size=None):
    """What an entry adds to the digest of its archive (docs/formats/archive.md). With a `size`,
    the data is the caller's to add."""
    if size is None:
        size = {1: 0, 2: len(data), 3: len(target)}[kind]
    is_file = kind == 2
    update(struct.pack("<Q", len(name)) + name
           + struct.pack("<QQqQ", kind, mode & 0o100 if is_file else 0, mtime if is_file else 0,
                         size) + target + data)
