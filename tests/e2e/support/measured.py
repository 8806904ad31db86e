"""The program with what it took: its largest memory and its time; and what feeds it with more than
would fit into any."""

import contextlib
import os
import signal
import subprocess
import threading

from . import program


class Measured(program.Outcome):
    """An outcome with `peak`, the most memory that it had in bytes, and `seconds` of processors,
    which do not depend on what else the machine does."""

    def __init__(self, done, peak, seconds):
        super().__init__(done)
        self.peak, self.seconds = peak, seconds


def peak_of(pid):
    """Of a running process, 0 for one that has ended. Unlike wait4(2) it knows nothing of what the
    process was before it became the program: that was this one."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def run(*arguments, parts=(), prefix=(), timeout=600, env=None):
    """Runs the program, which is killed if it does not end by itself. `parts` are bytes that it
    reads, made as it takes them."""
    child = subprocess.Popen([*prefix, program.VSTATE, *map(str, arguments)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=env or program.environment())
    peak, ended = [0], threading.Event()

    def watch():
        while not ended.wait(0.005):
            peak[0] = max(peak[0], peak_of(child.pid))

    def feed():
        with contextlib.suppress(BrokenPipeError), child.stdin:
            for part in parts:
                child.stdin.write(part)

    threads = [threading.Thread(target=work, daemon=True) for work in (watch, feed)]
    for thread in threads:
        thread.start()
    texts = {}

    def read(name):
        texts[name] = getattr(child, name).read()

    readers = [threading.Thread(target=read, args=(name,)) for name in ("stdout", "stderr")]
    for thread in readers:
        thread.start()
    killer = threading.Timer(timeout, os.kill, (child.pid, signal.SIGKILL))
    killer.start()
    for thread in readers:
        thread.join()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    killer.cancel()
    ended.set()
    for thread in threads:
        thread.join()
    for stream in (child.stdout, child.stderr):
        stream.close()
    done = subprocess.CompletedProcess((), child.returncode, texts["stdout"], texts["stderr"])
    return Measured(done, peak[0], used.ru_utime + used.ru_stime)


def packed(parts, *command):
    """The output of a packer that is fed with `parts`, part by part."""
    with subprocess.Popen(command or ("zstd", "-1cq"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as packer:
        def feed():
            with contextlib.suppress(BrokenPipeError), packer.stdin:
                for part in parts:
                    packer.stdin.write(part)
        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        try:
            while part := packer.stdout.read1(1 << 16):
                yield part
        finally:
            packer.kill()
            thread.join()
