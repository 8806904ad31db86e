"""An SFTP server of version 3 that reads, behind standard input and output: what an honest one
does, for those that are not."""

import itertools
import os
import struct
import sys

VERSION, STATUS, HANDLE, DATA, NAME, ATTRIBUTES = 2, 101, 102, 103, 104, 105
OK, END, NO_SUCH_FILE, DENIED, FAILURE = range(5)


def number(value):
    return struct.pack(">I", value)


def text(value):
    return number(len(value)) + value


def attributes(info, **other):
    said = {"size": info.st_size, "uid": info.st_uid, "gid": info.st_gid, "mode": info.st_mode,
            "mtime": int(info.st_mtime), **other}
    return (number(15) + struct.pack(">Q", said["size"] & (1 << 64) - 1) + number(said["uid"])
            + number(said["gid"]) + number(said["mode"]) + number(said["mtime"] & 0xFFFFFFFF) * 2)


def entry(name, info, line=b"", **other):
    return text(name) + text(line) + attributes(info, **other)


class Truth:
    """What an honest server does."""

    def __init__(self):
        self.handles, self.next = {}, 0
        self.out = sys.stdout.buffer

    def send(self, kind, payload):
        self.out.write(number(len(payload) + 1) + bytes([kind]) + payload)

    def reply(self, kind, payload):
        self.send(kind, number(self.id) + payload)

    def status(self, code, message=b""):
        self.reply(STATUS, number(code) + text(message) + text(b""))

    def run(self):
        waiting = b""
        while part := os.read(sys.stdin.fileno(), 1 << 16):
            waiting += part
            while len(waiting) >= 4 and len(waiting) - 4 >= (
                    length := struct.unpack(">I", waiting[:4])[0]):
                self.kind, self.rest = waiting[4], waiting[5:4 + length]
                waiting = waiting[4 + length:]
                self.answer_packet()
            self.out.flush()

    def answer_packet(self):
        if self.kind == 1:
            self.send(VERSION, number(3))
            return
        self.id = self.number()
        names = {3: "open", 4: "close", 5: "read", 7: "lstat", 8: "fstat", 11: "opendir",
                 12: "readdir", 16: "realpath", 19: "readlink"}
        name = names.get(self.kind)
        self.subject = self.text() if name else b""
        handle = self.handles.get(self.subject)
        self.path = handle[0] if handle else self.subject
        if self.lies(name):
            return
        try:
            getattr(self, name)() if name else self.status(8, b"unsupported")
        except FileNotFoundError:
            self.status(NO_SUCH_FILE)
        except OSError as error:
            self.status(FAILURE, str(error).encode())

    def lies(self, name):
        return False

    def number(self):
        value, self.rest = struct.unpack(">I", self.rest[:4])[0], self.rest[4:]
        return value

    def text(self):
        length = self.number()
        value, self.rest = self.rest[:length], self.rest[length:]
        return value

    def hold(self, *what):
        self.next += 1
        name = b"h%d" % self.next
        self.handles[name] = what
        self.reply(HANDLE, text(name))

    def open(self):
        self.hold(self.path, os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))

    def opendir(self):
        self.hold(self.path, iter(sorted(os.scandir(self.path), key=lambda item: item.name)))

    def close(self):
        handle = self.handles.pop(self.subject, None)
        if handle and isinstance(handle[1], int):
            os.close(handle[1])
        self.status(OK)

    def read(self):
        offset, length = struct.unpack(">QI", self.rest)
        data = os.pread(self.handles[self.subject][1], length, offset)
        self.reply(DATA, text(data)) if data else self.status(END)

    def lstat(self):
        self.reply(ATTRIBUTES, attributes(os.lstat(self.path)))

    def fstat(self):
        self.reply(ATTRIBUTES, attributes(os.fstat(self.handles[self.subject][1])))

    def readdir(self):
        listed = list(itertools.islice(self.handles[self.subject][1], 100))
        if not listed:
            return self.status(END)
        self.names(*(entry(item.name, item.stat(follow_symlinks=False), b"-rw------- 1 x")
                     for item in listed))

    def names(self, *entries, count=None):
        self.reply(NAME, number(len(entries) if count is None else count) + b"".join(entries))

    def realpath(self):
        self.names(text(os.path.realpath(self.path)) + text(b"") + number(0))

    def readlink(self):
        self.names(text(os.readlink(self.path)) + text(b"") + number(0))
