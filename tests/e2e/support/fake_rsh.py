"""Stands in for ssh: runs the command, and forgets the host. VSTATE_CUT cuts what comes back off
after so many bytes, as a broken connection does."""

import os
import subprocess
import sys

command = sys.argv[-1]
cut = os.environ.get("VSTATE_CUT")
if cut is None:
    sys.exit(subprocess.run(command, shell=True).returncode)
with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE) as other:
    left = int(cut)
    while left > 0:
        part = os.read(other.stdout.fileno(), min(left, 65536))
        if not part:
            break
        os.write(sys.stdout.fileno(), part)
        left -= len(part)
    other.kill()
sys.exit(255)
