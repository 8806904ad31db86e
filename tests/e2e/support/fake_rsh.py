"""Stands in for ssh: runs the command, and forgets the host. VSTATE_CUT cuts what comes back off
after so many bytes, as a broken connection does; VSTATE_FLIP changes one byte of it. VSTATE_FILES
is how many files the command may have open."""

import os
import subprocess
import sys

command = sys.argv[-1]
if "VSTATE_FILES" in os.environ:
    command = f"ulimit -n {os.environ['VSTATE_FILES']}; {command}"
cut, flip = os.environ.get("VSTATE_CUT"), os.environ.get("VSTATE_FLIP")
if cut is None and flip is None:
    sys.exit(subprocess.run(command, shell=True).returncode)
with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE) as other:
    left = int(cut or 1 << 62)
    until_flip = int(flip or 1 << 62)
    while left > 0:
        part = os.read(other.stdout.fileno(), min(left, 65536))
        if not part:
            break
        if 0 <= until_flip < len(part):
            part = part[:until_flip] + bytes([part[until_flip] ^ 0x41]) + part[until_flip + 1:]
        until_flip -= len(part)
        os.write(sys.stdout.fileno(), part)
        left -= len(part)
    other.kill()
sys.exit(255)
