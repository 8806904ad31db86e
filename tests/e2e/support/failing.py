"""Lets each call of a scenario fail once, or move fewer bytes than it was asked to."""

import errno
import re

from . import disturb, program

OF_ALL = (errno.EIO, errno.EACCES, errno.ENOMEM, errno.ESTALE, errno.ENOENT)
OF_CHANGES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: Only what makes a descriptor can run out of them.
OF_OPENS = (errno.EMFILE, errno.ENFILE)
OF_LOCKS = (errno.ENOLCK, errno.EINTR, errno.EIO, errno.EAGAIN)
SOURCE_CHANGED = 4
#: What a run that failed may end with: an error, something left undone, a changed source, busy.
FAILED = (1, 2, 3, SOURCE_CHANGED, 75)
CRASHED = (128 + 6, 128 + 11, disturb.CANNOT, 124)
MOVES_BYTES = re.compile(r"^at \d+ (p?read|p?write|sendto|copy_file_range|sendfile) ")
SHORT = 0


class Failing:
    """Mixed into a scenario. Right is the end of a run that nothing disturbed; or an error that
    names the place, after which nothing is lost, and the next run ends as if nothing had been."""

    #: How often it is disturbed without VSTATE_DEEP.
    tries = 1
    #: What a call that failed may change for good: a home that could not be made, and was made
    #: later, has moved the counter of directories.
    but = (r"\.dir-control$",)
    #: What a server that seems to have taken a file away has for its own from then on.
    of_servers = r"Maildir/(dovecot-|courierimap|subscriptions)"
    #: A database that goes away is tried with a real one: a library waits for the end of a
    #: connection whose calls fail and that does not end.
    sockets = False

    def converge(self):
        jobs = self.jobs[0]
        whole = self.work_on("whole")
        run = self.disturbed(whole, "--list", jobs=jobs)
        self.assertEqual(run.code, 0, run.err)
        self.check_end(whole)
        wanted = self.picture(whole, self.but)
        self.forget(whole)
        faults = list(self.faults(run.calls))
        self.assertGreater(len(faults), 0)
        failures = disturb.at_once(lambda fault: self.one(*fault, wanted, jobs), faults)
        self.tell(f"{len(faults)} faults at {run.points} calls", len(faults),
                  [failure for failure in failures if failure])

    def disturbed(self, work, *more, jobs):
        return self.harness(work, "--reads", "--locks", *more, jobs=jobs, reads=self.reads)

    def faults(self, calls):
        """Number and errno, SHORT for fewer bytes. Each call has one, each of its own in turn."""
        turn = disturb.SEED
        for number in disturb.spread(len(calls), self.tries):
            call = calls[number - 1]
            turn += 1
            codes = self.codes(call.split()[2])
            yield number, codes[turn % len(codes)]
            if MOVES_BYTES.search(call) and (program.DEEP or turn % 3 == 0):
                yield number, SHORT

    @staticmethod
    def codes(call):
        if call == "lock":
            return OF_LOCKS
        if "open" in call:
            return (*OF_ALL, errno.EINTR, *OF_OPENS, *OF_CHANGES)
        waits = ("read", "pread", "write", "pwrite", "sendto", "fsync", "copy_file_range")
        reads = ("read", "pread", "getdents", "fstat", "fstatat", "statx", "readlinkat", "stat",
                 "lstat", "statfs", "fstatfs", "access", "faccessat", "faccessat2")
        return (*OF_ALL, *(() if call in reads else OF_CHANGES),
                *((errno.EINTR,) if call in waits else ()))

    def one(self, number, code, wanted, jobs):
        """Nothing, or what is wrong with a run that this disturbs, or with the next one."""
        work = self.work_on(f"fault-{number}-{code}")
        disturbance = ("--short", number) if code == SHORT else ("--fail", number, code)
        run = self.disturbed(work, *disturbance, jobs=jobs)
        words = self.judge(work, run, code, wanted) if run.hit else ""
        if not words:
            self.forget(work)
            return None
        name = "short" if code == SHORT else errno.errorcode[code]
        return f"{name} {run.hit}: exit {run.code}: {words}"

    def judge(self, work, run, code, wanted):
        if run.code in CRASHED:
            return f"crashed: {run.err[-500:]}"
        if run.code == 0 and code != errno.ENOENT:
            return self.in_words(self.at_end(work, wanted, self.but))
        if code == SHORT:
            return f"what moves fewer bytes is no error: {run.err[:500]}"
        if run.code != 0:
            if run.code not in FAILED:
                return "is no status of an error"
            if run.code != SOURCE_CHANGED and not self.names_place(run):
                return f"the place is not told: {run.err[:500]}"
        if self.by_inodes and run.code == SOURCE_CHANGED:
            # What was dumped stays, and the next dump adds to it.
            return self.in_words(self.again(work))
        words = self.after(work, wanted, self.but, lambda: self.between(work))
        if code == errno.ENOENT:
            words = [word for word in words if not re.search(self.of_servers, word)]
        return self.in_words(words)

    def again(self, work):
        """What is wrong with the next run, whatever is there then."""
        try:
            self.check_killed(work)
            self.run_in(work, self.command)
            self.check_end(work)
        except AssertionError as failure:
            return [str(failure)]
        return []

    @staticmethod
    def in_words(differences):
        """But for a table with the counter of directories."""
        return "; ".join([word for word in differences if "table dir_control " not in word][:5])

    @staticmethod
    def names_place(run):
        """A temporary file's name is nobody's business; that of what it becomes, or of where it
        is, is. Of a connection it is whose it is."""
        if "socket:" in run.hit or "pipe:" in run.hit:
            return "database" in run.err or "connection" in run.err or "stream" in run.err
        parts = [part for part in run.hit.split(" ", 3)[-1].split("/") if part]
        # What stands above all of a server is told by what could not be reached.
        return any(part in run.err for part in parts[-4:]) or (
            parts[-1] in ("old", "new") and re.search(r"(^|\s)/", run.err) is not None)


class FailingWhere(Failing):
    """Only calls that match `where`, with one of `errnos` in turn."""

    where, errnos = None, ()

    def faults(self, calls):
        found = [number for number, call in enumerate(calls, 1) if re.search(self.where, call)]
        self.assertGreater(len(found), 5, calls)
        for turn, part in enumerate(disturb.spread(len(found), self.tries), disturb.SEED):
            yield found[part - 1], self.errnos[turn % len(self.errnos)]
