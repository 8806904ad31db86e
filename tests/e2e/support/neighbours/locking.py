"""The locks of vpopmail (fcntl) and of ezmlm (flock), which do not see each other."""

import contextlib
import errno
import fcntl
import os
import time

#: vpopmail tries ten times with two seconds between them (file_lock.c). The stand-ins give up after
#: as long, but try more often, so that more of their changes meet.
PATIENCE, PAUSE = 18, 0.02
BUSY = (errno.EAGAIN, errno.EACCES, errno.ENOLCK)


class GaveUp(Exception):
    """The lock was held for as long as vpopmail's programs wait; they change nothing then."""


@contextlib.contextmanager
def fcntl_lock(path):
    """A write lock on the whole of `path`, which is made where it is not there, and stays."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in BUSY:
                    raise
                if time.monotonic() > end:
                    raise GaveUp(path) from None
                time.sleep(PAUSE)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def flock_lock(path):
    """Waits as long as it takes, as ezmlm's programs do."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def dot_lock(path):
    """NAME.lock beside it, which is there for as long as the lock is held (Dovecot's
    file-dotlock.c, Courier's liblock). The lock's own path is given; whoever renames it into place
    has given the lock up."""
    lock, end = path + ".lock", time.monotonic() + 30
    while True:
        try:
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise GaveUp(lock) from None
            time.sleep(0.005)
    held = os.stat(lock).st_ino
    try:
        yield lock
    finally:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(lock).st_ino == held:
                os.unlink(lock)
