"""Cuts the power in the middle of a scenario: what was written and not synced may be gone.

A run is written down call by call (tests/harness/write_log). From that, what a disk may hold at any
moment is put together: each change that a sync reached, and of the others any that do not need one
that is missing. The bytes of a file, its attributes, and names in a directory are changes of their
own; a rename is one change. That is what POSIX leaves open, not what one file system does.
"""

import copy
import os
import random
import shutil
import stat
import subprocess

from . import disturb, program

PAGE = 4096
WRITE_LOG = os.path.join(os.path.dirname(disturb.KILL_POINTS), "write_log")
#: The fields of each operation.
FIELDS = {"make": 8, "link": 3, "unlink": 2, "rename": 4, "write": 4, "truncate": 2,
          "attributes": 5, "sync": 1, "syncfs": 1, "said": 2}


def read_log(path):
    """The operations in their order: (name, *fields), with bytes in place of where they are."""
    with open(path, "rb") as file:
        fields = file.read().split(b"\0")[:-1]
    with open(path + ".data", "rb") as file:
        data = file.read()
    found, at = [], 0
    while at < len(fields):
        name = fields[at].decode()
        values = fields[at + 1:at + 1 + FIELDS[name]]
        at += 1 + FIELDS[name]
        if name in ("write", "said"):
            start, size = map(int, values[-2:])
            values = [*values[:-2], data[start:start + size]]
        found.append((name, *values))
    return found


class File:
    """A file, directory, or link, as a disk holds it."""

    def __init__(self, mode, owner, modified, data=b"", target=b""):
        self.mode, self.owner, self.modified = mode, owner, modified
        self.data, self.target, self.names = data, target, {}

    @classmethod
    def at(cls, path):
        info = os.lstat(path)
        data = target = b""
        if stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:
                data = file.read()
        elif stat.S_ISLNK(info.st_mode):
            target = os.fsencode(os.readlink(path))
        return cls(info.st_mode, (info.st_uid, info.st_gid), info.st_mtime_ns, data, target)

    def write(self, offset, data):
        self.data = self.data[:offset].ljust(offset, b"\0") + data + self.data[offset + len(data):]

    def truncate(self, size):
        self.data = self.data[:size].ljust(size, b"\0")

    def put(self, path):
        if stat.S_ISDIR(self.mode):
            os.mkdir(path)
        elif stat.S_ISLNK(self.mode):
            os.symlink(self.target, path)
        elif stat.S_ISFIFO(self.mode):
            os.mkfifo(path)
        else:
            with open(path, "wb") as file:
                file.write(self.data)

    def finish(self, path):
        os.chown(path, *self.owner, follow_symlinks=False)
        if not stat.S_ISLNK(self.mode):
            os.chmod(path, stat.S_IMODE(self.mode))
        os.utime(path, ns=(self.modified, self.modified), follow_symlinks=False)


class Disk:
    """Files by their identity, and names in directories."""

    def __init__(self, root):
        self.files = {}
        self.root = self.scan(os.fsencode(root))

    def scan(self, path):
        info = os.lstat(path)
        identity = b"%d:%d" % (info.st_dev, info.st_ino)
        if identity not in self.files:
            self.files[identity] = file = File.at(path)
            if stat.S_ISDIR(info.st_mode):
                file.names = {name: self.scan(os.path.join(path, name))
                              for name in os.listdir(path)}
        return identity

    def lay_out(self, path):
        self.lay_out_file(self.root, os.fsencode(path), {})

    def lay_out_file(self, identity, path, made):
        file = self.files[identity]
        if identity in made:
            os.link(made[identity], path, follow_symlinks=False)
            return
        made[identity] = path
        file.put(path)
        for name, child in file.names.items():
            self.lay_out_file(child, os.path.join(path, name), made)
        file.finish(path)


class Change:
    """One thing that reaches the disk as a whole or not at all. `keys` are the names, or the file,
    that it works on: of two with a key in common the later one needs the earlier."""

    def __init__(self, keys, directories, file, do):
        self.keys, self.directories, self.file, self.do = keys, directories, file, do
        self.needs = ()

    @property
    def is_name(self):
        return bool(self.directories)


class Recording:
    """What a run did, and what a disk may hold at any moment of it."""

    def __init__(self, disk, operations):
        self.disk, self.operations = disk, operations
        self.names = {(identity, name): child for identity, file in disk.files.items()
                      for name, child in file.names.items()}
        self.pending = []
        #: Moments: what is durable, what is pending.
        self.moments = []
        self.play()

    def play(self):
        for number, (name, *fields) in enumerate(self.operations):
            if name in ("sync", "syncfs"):
                # Just before a sync most is open.
                self.moments.append((number, copy.deepcopy(self.disk), list(self.pending)))
                self.sync(fields[0] if name == "sync" else None)
            elif name != "said":
                self.pending += [self.with_needs(change) for change in
                                 getattr(self, f"on_{name}")(*fields)]
        self.moments.append((len(self.operations), self.disk, list(self.pending)))

    def sync(self, identity):
        wanted = {change for change in self.pending
                  if identity is None or identity in change.directories or change.file == identity}
        self.settle(self.disk, closed(wanted))
        done = closed(wanted)
        self.pending = [change for change in self.pending if change not in done]

    def settle(self, disk, changes):
        for change in self.pending:
            if change in changes:
                change.do(disk)

    def with_needs(self, change):
        change.needs = [other for other in self.pending if change.keys & other.keys]
        return change

    # Each gives the changes that an operation makes.

    def on_make(self, directory, name, identity, mode, uid, gid, modified, target):
        file = File(int(mode), (int(uid), int(gid)), int(modified), target=target)
        self.disk.files[identity] = file
        return self.on_link(identity, directory, name) if directory else []

    def on_link(self, identity, directory, name):
        self.names[directory, name] = identity

        def do(disk):
            disk.files[directory].names[name] = identity
        return [Change({(directory, name)}, {directory}, None, do)]

    def on_unlink(self, directory, name):
        gone = self.names.pop((directory, name))

        def do(disk):
            disk.files[directory].names.pop(name, None)
        # A directory goes once it is empty.
        emptied = {key for other in self.pending if gone in other.directories
                   for key in other.keys}
        return [Change({(directory, name), *emptied}, {directory}, None, do)]

    def on_rename(self, directory, name, to_directory, to_name):
        identity = self.names.pop((directory, name))
        self.names[to_directory, to_name] = identity

        def do(disk):
            disk.files[directory].names.pop(name, None)
            disk.files[to_directory].names[to_name] = identity
        return [Change({(directory, name), (to_directory, to_name)}, {directory, to_directory},
                       None, do)]

    def on_write(self, identity, offset, data):
        # A long write is cut at any page.
        first = int(offset)
        ends = [*range(first // PAGE * PAGE + PAGE, first + len(data), PAGE), first + len(data)]
        changes = []
        for start, end in zip([first, *ends], ends):
            part = data[start - first:end - first]
            changes.append(self.of_file(identity, lambda file, at=start, part=part:
                                        file.write(at, part)))
        return changes

    def on_truncate(self, identity, size):
        return [self.of_file(identity, lambda file: file.truncate(int(size)))]

    def on_attributes(self, identity, mode, uid, gid, modified):
        def change(file):
            file.mode, file.owner = int(mode), (int(uid), int(gid))
            file.modified = int(modified)
        return [self.of_file(identity, change)]

    def of_file(self, identity, change):
        return Change({(identity,)}, frozenset(), identity,
                      lambda disk: change(disk.files[identity]))

    # What a power cut leaves of a moment.

    def cut(self, moment, choose):
        _, disk, pending = moment
        disk = copy.deepcopy(disk)
        kept = closed(set(choose(pending)))
        for change in pending:
            if change in kept:
                change.do(disk)
        return disk


def closed(changes):
    """With all that they need."""
    left, found = list(changes), set(changes)
    while left:
        for other in left.pop().needs:
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def nothing(_):
    return ()


def names_only(pending):
    """Files are there, and empty."""
    return (change for change in pending if change.is_name)


def bytes_only(pending):
    return (change for change in pending if not change.is_name)


def some(chance):
    """Each in any state that the order of its own changes allows."""
    def choose(pending):
        share = chance.random()
        return (change for change in pending if chance.random() < share)
    return choose


class PowerCut:
    """Mixed into a scenario."""

    #: How often it is disturbed without VSTATE_DEEP.
    tries = 1

    def converge(self):
        jobs = self.jobs_to_try()[0]
        work = self.work_on("recorded")
        recording = self.record(work, jobs)
        self.check_end(work)
        wanted = self.picture(work)
        self.check_done(recording, wanted)
        shutil.rmtree(work)
        cuts = list(self.cuts(recording))
        failures = disturb.at_once(lambda cut: self.one(recording, *cut, wanted), cuts)
        syncs = len(recording.moments) - 1
        self.tell(f"{len(cuts)} states of a disk at {syncs} syncs of "
                  f"{len(recording.operations)} operations", len(cuts),
                  [failure for failure in failures if failure])

    def record(self, work, jobs):
        log = os.path.join(self.directory, "log")
        disk = Disk(work)
        command = self.with_jobs(jobs)
        words = ["sh", "-c", command] if isinstance(command, str) else command
        # The other server is another machine.
        below = os.path.join(work, self.below[0])
        done = subprocess.run([WRITE_LOG, "--below", below, "--log", log, "--", *words],
                              cwd=work, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, env=program.environment(),
                              timeout=180)
        self.assertEqual(done.returncode, 0, done.stderr)
        operations = read_log(log)
        self.assertGreater(len(operations), 5)
        return Recording(disk, operations)

    def check_done(self, recording, wanted):
        """What was reported as done is there, though the power goes at once. The other server is
        not known to have heard of it."""
        work = os.path.join(self.directory, "done")
        recording.cut(recording.moments[-1], nothing).lay_out(work)
        words = disturb.differences(self.picture(work), wanted)
        self.assertEqual([word for word in words if word.startswith(self.below[0])], [])
        if self.by_inodes:
            self.check_killed(work)
        else:
            self.check_end(work)
        shutil.rmtree(work)

    def cuts(self, recording):
        """Moments with ways to choose what of the open changes is there."""
        numbers = disturb.spread(len(recording.moments), self.tries)
        for number in numbers:
            chance = random.Random(f"{disturb.SEED} {number}")
            ways = [("nothing", nothing), ("names only", names_only), ("bytes only", bytes_only),
                    *((f"some, {part}", some(chance)) for part in range(3))]
            for name, choose in ways if program.DEEP else [ways[number % len(ways)]]:
                yield number - 1, name, choose

    def one(self, recording, number, name, choose, wanted):
        moment = recording.moments[number]
        work = os.path.join(self.directory, f"cut-{number}-{name.replace(' ', '-')}")
        recording.cut(moment, choose).lay_out(work)
        words = self.after_cut(work, wanted)
        if words:
            at = moment[0]
            calls = [fields[0] for fields in recording.operations[max(0, at - 3):at + 1]]
            return f"{name} of what is open before operation {at} ({calls}): {words[:5]}"
        shutil.rmtree(work)
        return None

    def after_cut(self, work, wanted):
        if not self.by_inodes:
            return self.after(work, wanted, check=lambda: self.between(work))
        try:
            self.between(work)
            self.run_in(work, self.command)
            self.check_killed(work)
            return []
        except AssertionError as failure:
            return [str(failure)]


def can_record():
    if not os.access(WRITE_LOG, os.X_OK):
        return f"{WRITE_LOG} is not built"
    return disturb.can_trace()
