"""Stands in for an ssh to a machine whose SFTP server says what it likes: the truth but for the lie
that VSTATE_LIE names. Each lie is a method below, whose description begins with the request that it
answers. VSTATE_LIE_ABOUT is a part of the paths that it is about; without it, it is about all."""

import os
import stat
import struct
import sys
import time

from honest_sftp import (
    ATTRIBUTES, DATA, END, FAILURE, HANDLE, NAME, NO_SUCH_FILE, OK, STATUS, VERSION, Truth,
    attributes, entry, number, text,
)

LIE, ABOUT = os.environ.get("VSTATE_LIE", ""), os.environ.get("VSTATE_LIE_ABOUT", "").encode()
ESCAPES = b"\x1b]0;pwned\x07\x1b[2J\xc2\x9b31m\x9b31m\xe2\x80\xae\r\nvstate: forged"


class Liar(Truth):
    """Each lie begins its description with the request that it answers. A lie that returns False
    leaves the rest to the truth."""

    file = os.stat(__file__)

    def __init__(self):
        super().__init__()
        self.told, self.turn = set(), 0

    def lies(self, name):
        lie = getattr(self, "lie_" + LIE.replace(" ", "_"), None)
        if lie is None or ABOUT not in self.path:
            return False
        about = lie.__doc__.partition(":")[0]
        return about in (name, "anything") and lie() is not False

    def some(self, *names, **other):
        """Once for each listing: these names, as if they were there."""
        if self.subject in self.told:
            return False
        self.told.add(self.subject)
        self.names(*(entry(name, self.file, **{"mode": stat.S_IFREG | 0o600, **other})
                     for name in names))

    # Listings.
    def lie_slash(self):
        """readdir: a name that leads up."""
        return self.some(b"../../../../../../etc/cron.d/x")

    def lie_deep_name(self):
        """readdir: a name with a directory in it."""
        return self.some(b"cur/17.1.x:2,S")

    def lie_absolute_name(self):
        """readdir: a whole path."""
        return self.some(b"/etc/shadow")

    def lie_NUL(self):
        """readdir: a name with a NUL."""
        return self.some(b"17.1.x\0:2,S")

    def lie_empty_name(self):
        """readdir: no name."""
        return self.some(b"")

    def lie_dots(self):
        """readdir: both names that stand in each directory, as directories and as files."""
        return self.some(b".", b"..")

    def lie_long_name(self):
        """readdir: a name that no file system holds."""
        return self.some(b"n" * 300)

    def lie_huge_name(self):
        """readdir: a name of 64 KiB."""
        return self.some(b"n" * 65536)

    def lie_hostile_name(self):
        """readdir: a name that steers a terminal."""
        return self.some(ESCAPES.replace(b"/", b""))

    def lie_twice(self):
        """readdir: each name again and again, in one listing."""
        return self.some(*[item.name for item in os.scandir(self.path)] * 3)

    def lie_same_names_for_ever(self):
        """readdir: the same names, and never the end."""
        self.names(*(entry(b"17%d.1.x:2,S" % i, self.file, mode=stat.S_IFREG | 0o600)
                     for i in range(100)))

    def lie_new_names_for_ever(self):
        """readdir: new names, and never the end."""
        first = self.turn = self.turn + 100
        self.names(*(entry(b"17%d.1.x:2,S" % i, self.file, mode=stat.S_IFREG | 0o600, size=1)
                     for i in range(first, first + 100)))

    def lie_long_names_for_ever(self):
        """readdir: names of 250 bytes, and never the end."""
        first = self.turn = self.turn + 100
        self.names(*(entry(b"%0250d" % i, self.file, mode=stat.S_IFREG | 0o600, size=1)
                     for i in range(first, first + 100)))

    def lie_nothing_for_ever(self):
        """readdir: no names, and never the end."""
        self.names()

    def lie_dots_for_ever(self):
        """readdir: what is left out, and never the end."""
        self.names(*[entry(b".", self.file)] * 100)

    def lie_directories_for_ever(self):
        """readdir: a directory in each directory."""
        return self.some(b"d", mode=stat.S_IFDIR | 0o700)

    def lie_count_of_names(self):
        """readdir: more names than there are."""
        self.names(entry(b"x", self.file), count=0xFFFFFFFF)

    def lie_half_a_name(self):
        """readdir: a length that runs over the end."""
        self.names(number(1 << 31) + b"x")

    def lie_no_attributes(self):
        """readdir: names of which nothing is said."""
        if self.subject in self.told:
            return False
        self.told.add(self.subject)
        self.names(*(text(name) + text(b"") + number(0) for name in (b"17.1.x:2,S", b"y")))

    def lie_many_attributes(self):
        """readdir: attributes that only their maker knows, without end."""
        self.names(text(b"x") + text(b"") + number(0x80000000) + number(0xFFFFFFFF))

    def lie_all_are_directories(self):
        """readdir: a directory where a file is."""
        return self.some(*(item.name for item in os.scandir(self.path)), mode=stat.S_IFDIR | 0o700)

    def lie_all_are_files(self):
        """readdir: a file where a directory is."""
        return self.some(*(item.name for item in os.scandir(self.path)))

    def lie_all_are_links(self):
        """readdir: a link where a file is."""
        return self.some(*(item.name for item in os.scandir(self.path)), mode=stat.S_IFLNK | 0o777)

    def lie_all_are_devices(self):
        """readdir: a device where a file is."""
        return self.some(*(item.name for item in os.scandir(self.path)), mode=stat.S_IFBLK | 0o600)

    def lie_all_is_small(self):
        """readdir: sizes of nothing."""
        return self.some(*(item.name for item in os.scandir(self.path)), size=0)

    def lie_all_is_large(self):
        """readdir: sizes of an exabyte."""
        return self.some(*(item.name for item in os.scandir(self.path)), size=1 << 60)

    def lie_listing_is_fine(self):
        """readdir: that it went well, and nothing else."""
        self.status(OK)

    def lie_listing_is_data(self):
        """readdir: another kind of answer."""
        self.reply(DATA, text(b"x" * 100))

    # Looks.
    def lie_no_size(self):
        """lstat: nothing about it."""
        self.reply(ATTRIBUTES, number(0))

    def lie_half_of_it(self):
        """lstat: half of the attributes."""
        self.reply(ATTRIBUTES, number(15) + number(0))

    def lie_look_is_fine(self):
        """lstat: that it went well, and nothing else."""
        self.status(OK)

    def lie_look_is_a_name(self):
        """lstat: another kind of answer."""
        self.reply(NAME, number(15) + b"x" * 60)

    def lie_all_there(self):
        """lstat: that whatever is asked about is there."""
        self.reply(ATTRIBUTES, attributes(self.file, mode=stat.S_IFREG | 0o600))

    def lie_nothing_there(self):
        """lstat: that nothing is there."""
        self.status(NO_SUCH_FILE)

    def lie_mode_changes(self):
        """lstat: each time another kind."""
        self.turn += 1
        self.reply(ATTRIBUTES, attributes(os.lstat(self.path), mode=(
            0o600 | (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO)[self.turn % 4])))

    def lie_owner(self):
        """lstat: that it is root's."""
        self.reply(ATTRIBUTES, attributes(os.lstat(self.path), uid=0, gid=0))

    def lie_times(self):
        """lstat: a time that is to come."""
        self.reply(ATTRIBUTES, attributes(os.lstat(self.path), mtime=0xFFFFFFFF))

    def lie_hostile_failure(self):
        """lstat: a message that steers a terminal."""
        self.status(FAILURE, ESCAPES)

    def lie_megabyte_failure(self):
        """lstat: a message of a quarter of a megabyte."""
        self.status(FAILURE, b"n" * 250_000)

    def lie_unknown_status(self):
        """lstat: a status that nobody knows."""
        self.status(4_000_000_000)

    # Files.
    def lie_long_handle(self):
        """open: a handle of 200 KiB, which each request names."""
        name = b"h" * 200_000
        self.handles[name] = (self.path, os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))
        self.reply(HANDLE, text(name))

    def lie_half_a_handle(self):
        """open: a length that runs over the end."""
        self.reply(HANDLE, number(1 << 30) + b"h")

    def lie_open_is_fine(self):
        """open: that it went well, and nothing else."""
        self.status(OK)

    def lie_size_changes(self):
        """fstat: another size than the listing told."""
        info = os.fstat(self.handles[self.subject][1])
        self.reply(ATTRIBUTES, attributes(info, size=info.st_size + 1000))

    def lie_size_shrinks(self):
        """fstat: a smaller size than the listing told."""
        info = os.fstat(self.handles[self.subject][1])
        self.reply(ATTRIBUTES, attributes(info, size=info.st_size // 2))

    def lie_exabyte(self):
        """fstat: a size of an exabyte."""
        self.reply(ATTRIBUTES, attributes(self.file, size=1 << 60, mode=stat.S_IFREG | 0o600))

    def lie_opened_a_device(self):
        """fstat: that what was opened is a device."""
        self.reply(ATTRIBUTES, attributes(self.file, mode=stat.S_IFCHR | 0o600))

    def lie_fstat_is_data(self):
        """fstat: another kind of answer."""
        self.reply(DATA, text(b"x" * 100))

    def lie_more_than_asked(self):
        """read: more bytes than were asked for."""
        self.reply(DATA, text(b"x" * 100_000))

    def lie_nothing_read(self):
        """read: no bytes, and not the end."""
        self.reply(DATA, text(b""))

    def lie_byte_by_byte(self):
        """read: a byte at a time."""
        offset = struct.unpack(">Q", self.rest[:8])[0]
        data = os.pread(self.handles[self.subject][1], 1, offset)
        self.reply(DATA, text(data)) if data else self.status(END)

    def lie_behind_the_data(self):
        """read: something behind the bytes."""
        self.reply(DATA, text(b"x") + b"y" * 100_000)

    def lie_half_the_data(self):
        """read: a length that runs over the end."""
        self.reply(DATA, number(32768) + b"x")

    def lie_early_end(self):
        """read: the end, at once."""
        self.status(END)

    def lie_no_end(self):
        """read: bytes, as many as are asked for, for ever."""
        length = struct.unpack(">QI", self.rest)[1]
        self.reply(DATA, text(b"x" * length))

    def lie_read_fails(self):
        """read: a message that steers a terminal."""
        self.status(FAILURE, ESCAPES)

    def lie_read_is_gone(self):
        """read: that what is open is not there."""
        self.status(NO_SUCH_FILE)

    # Links, and where it is.
    def lie_to_itself(self):
        """readlink: to where it stands."""
        self.names(text(self.path) + text(b"") + number(0))

    def lie_chain(self):
        """readlink: to another link each time."""
        self.turn += 1
        self.names(text(self.path + b"%d" % self.turn) + text(b"") + number(0))

    def lie_long_target(self):
        """readlink: a path of 200 KiB."""
        self.names(text(b"x/" * 100_000) + text(b"") + number(0))

    def lie_NUL_in_target(self):
        """readlink: a path with a NUL."""
        self.names(text(b"x\0y") + text(b"") + number(0))

    def lie_hostile_target(self):
        """readlink: a path that steers a terminal."""
        self.names(text(ESCAPES) + text(b"") + number(0))

    def lie_no_target(self):
        """readlink: no names."""
        self.names()

    def lie_relative_root(self):
        """realpath: a path that is none."""
        self.names(text(b"x/y") + text(b"") + number(0))

    def lie_other_root(self):
        """realpath: another place."""
        self.names(text(b"/proc") + text(b"") + number(0))

    def lie_hostile_root(self):
        """realpath: a path that steers a terminal."""
        self.names(text(b"/" + ESCAPES) + text(b"") + number(0))

    def lie_no_root(self):
        """realpath: no names."""
        self.names()

    # Packets.
    def lie_no_length(self):
        """anything: a packet of no length."""
        self.out.write(number(0))

    def lie_all_lengths(self):
        """anything: a packet of 4 GiB."""
        self.out.write(number(0xFFFFFFFF) + b"x" * 100_000)

    def lie_cut(self):
        """anything: half a packet, and the end."""
        self.out.write(number(100) + bytes([ATTRIBUTES]) + b"x" * 10)
        self.out.flush()
        sys.exit()

    def lie_half_and_silence(self):
        """anything: half a packet, and nothing more."""
        self.out.write(number(100) + bytes([ATTRIBUTES]) + b"x" * 10)
        self.out.flush()
        time.sleep(60)

    def lie_silence(self):
        """anything: nothing."""
        time.sleep(60)

    def lie_wrong_number(self):
        """anything: an answer to what was not asked."""
        self.id += 1_000_000
        self.status(OK)

    def lie_wrong_numbers_for_ever(self):
        """anything: answers to what was not asked, without end."""
        self.id += 1_000_000
        while True:
            self.status(OK)

    def lie_answers_twice(self):
        """anything: the same answer twice."""
        self.status(NO_SUCH_FILE)
        self.status(OK)

    def lie_unknown_packet(self):
        """anything: a kind of packet that nobody knows."""
        self.reply(77, b"x" * 100)

    def lie_short_packet(self):
        """anything: a packet without a number."""
        self.send(STATUS, b"x")

    def lie_said_on_the_side(self):
        """anything: the truth, and on standard error what steers a terminal."""
        sys.stderr.buffer.write(ESCAPES + b"\n")
        sys.stderr.flush()
        return False


class Greeter(Liar):
    """Lies at the first packet."""

    def answer_packet(self):
        if self.kind != 1:
            return super().answer_packet()
        if LIE == "version 2":
            self.send(VERSION, number(2))
        elif LIE == "no version":
            self.send(STATUS, number(0) * 3)
        elif LIE == "many extensions":
            self.send(VERSION, number(3) + (text(b"n" * 50) + text(b"1")) * 3000)
        elif LIE == "half an extension":
            self.send(VERSION, number(3) + text(b"x") + number(1 << 31))
        elif LIE == "hostile greeting":
            self.out.write(ESCAPES)
        else:
            return super().answer_packet()


GREETINGS = ("version 2", "no version", "many extensions", "half an extension", "hostile greeting")
LIES = [name[len("lie_"):].replace("_", " ") for name in vars(Liar) if name.startswith("lie_")]

if __name__ == "__main__":
    if sys.argv[1:] == ["--lies"]:
        print(*LIES, *GREETINGS, sep="\n")
        sys.exit()
    try:
        Greeter().run()
    except BrokenPipeError:
        os._exit(0)
