"""Streams of a domain with its mail, made without the program, of whatever they shall hold."""

import hashlib
import io
import os
import subprocess
import tarfile

from . import raw_tar

KINDS = {tarfile.DIRTYPE: 1, tarfile.REGTYPE: 2, tarfile.SYMTYPE: 3}


class Stream:
    """A stream as vstate writes it (docs/formats/stream.md), of whatever it is told to hold."""

    def __init__(self):
        self.out, self.digest = io.BytesIO(), hashlib.sha256()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, data=b"", kind=tarfile.REGTYPE, target="", size=None, mode=0o600):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode, info.mtime = kind, target, mode, 0
        is_file = kind == tarfile.REGTYPE
        length = len(data) if is_file else len(target) if kind == tarfile.SYMTYPE else 0
        for number in (len(os.fsencode(name)), None, KINDS.get(kind, 2), mode & 0o100 if is_file
                       else 0, 0, length):
            self.digest.update(os.fsencode(name) if number is None
                               else number.to_bytes(8, "little"))
        self.digest.update(target.encode() + b"0")
        if not is_file:
            self.tar.addfile(info)
            return
        self.digest.update(data)
        # One digest goes on where the one before it ended.
        proof = self.digest.hexdigest().encode()
        self.digest = hashlib.sha256(proof)
        info.size = len(data) + len(proof) if size is None else size
        self.tar.addfile(info, io.BytesIO((data + proof).ljust(info.size, b"x")))

    def bytes(self):
        self.tar.close()
        return subprocess.run(["zstd", "-1cq"], input=self.out.getvalue(), stdout=subprocess.PIPE,
                              check=True).stdout


def made_of(*entries):
    stream = Stream()
    for entry in entries:
        stream.add(*entry[:2], **(entry[2] if len(entry) > 2 else {}))
    return stream.bytes()


def link(target):
    return {"kind": tarfile.SYMTYPE, "target": target}


def parts_of(entries):
    """The bytes of a stream that is not packed yet, entry by entry: (path, data), or a path alone
    for a directory. Names have to have room in a header."""
    digest = hashlib.sha256()
    for path, *data in entries:
        if not data:
            raw_tar.content_digest(digest.update, path, kind=1)
            digest.update(b"0")
            yield raw_tar.header(path, kind=b"5")
            continue
        # The stamp stands between what is said of a file and its bytes.
        raw_tar.content_digest(digest.update, path, size=len(data[0]))
        digest.update(b"0" + data[0])
        proof = digest.hexdigest().encode()
        digest = hashlib.sha256(proof)
        yield raw_tar.entry(path, data[0] + proof)
