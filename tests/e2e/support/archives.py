"""Mail archives made without the program: plain tars, right and wrong, and their digest."""

import hashlib
import io
import tarfile


def tar_with(name="new/1.host", kind=tarfile.REGTYPE, link="", data=b"Subject: x\n\nx\n"):
    """The bytes of a tar with one entry, of whatever kind."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        entry.size = len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(entry, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


def write_archive(path, members):
    """A plain tar of regular files, (name, content) each; returns the digest of its content, as
    docs/formats/archive.md defines it."""
    digest = hashlib.sha256()
    with tarfile.open(path, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o600
            tar.addfile(info, io.BytesIO(body))
            for part in (len(name), name, 2, 0, 0, len(body), body):
                digest.update(part.to_bytes(8, "little") if isinstance(part, int) else
                              part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()
