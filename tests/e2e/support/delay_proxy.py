"""ProxyCommand of an ssh over a link with a long way: delay_proxy.py HOST PORT MILLISECONDS

The milliseconds are there and back, half of them each way. As much as comes is under way.
"""

import os
import queue
import socket
import sys
import threading
import time

half = int(sys.argv[3]) / 2000
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def carry(receive, send, end):
    """Each part arrives half the way later than it was sent, in its order."""
    under_way = queue.Queue()

    def deliver():
        while True:
            arrives, part = under_way.get()
            time.sleep(max(0, arrives - time.monotonic()))
            if not part:
                end()
                return
            send(part)

    thread = threading.Thread(target=deliver)
    thread.start()
    while True:
        part = receive()
        under_way.put((time.monotonic() + half, part))
        if not part:
            return thread


def write_out(part):
    view = memoryview(part)
    while view:
        view = view[os.write(1, view):]


threading.Thread(target=carry, daemon=True, args=(
    lambda: os.read(0, 1 << 16), server.sendall, lambda: server.shutdown(socket.SHUT_WR))).start()
carry(lambda: server.recv(1 << 16), write_out, lambda: os._exit(0)).join()
