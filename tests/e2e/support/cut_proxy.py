"""ProxyCommand of an ssh whose connection breaks, or stands still: cut_proxy.py HOST PORT

VSTATE_CUT   ends after so many bytes from the server
VSTATE_HOLD  a directory: after VSTATE_HOLD_AT bytes, makes the file `held` in it, and reads on once
             there is a file `go`
"""

import os
import select
import socket
import sys
import time

left = int(os.environ.get("VSTATE_CUT") or 1 << 62)
hold = os.environ.get("VSTATE_HOLD")
until_hold = int(os.environ.get("VSTATE_HOLD_AT") or 0)
server = socket.socket()
# What is under way while it stands still is little.
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
server.connect((sys.argv[1], int(sys.argv[2])))
sources = [server, sys.stdin]
while True:
    ready, _, _ = select.select(sources, [], [])
    if sys.stdin in ready:
        part = os.read(sys.stdin.fileno(), 1 << 16)
        if part:
            server.sendall(part)
        else:
            sources.remove(sys.stdin)
    if server in ready:
        part = server.recv(min(1 << 16, left))
        view = memoryview(part)
        while view:
            view = view[os.write(sys.stdout.fileno(), view):]
        left -= len(part)
        until_hold -= len(part)
        if not part or left == 0:
            os._exit(0)
        if hold and until_hold <= 0:
            open(os.path.join(hold, "held"), "w").close()
            while not os.path.exists(os.path.join(hold, "go")):
                time.sleep(0.01)
            hold = None
