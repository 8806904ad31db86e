"""The real qmail and vpopmail deliver as `vstate route` says: to every address of the servers of
support/route_server.py of the end-to-end tests a message is sent through a whole qmail, and where
it went is compared.

VSTATE_TEST_VPOPMAIL  vpopmail's home with bin/ and include/: a cdb build without qmail-ext for most
                      servers; a SQLite build with qmail-ext and defaultdelivery for its own
VSTATE_TEST_QMAIL     the qmail directory with bin/ that it was compiled for
"""

import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import mail_system  # noqa: E402
import support  # noqa: E402
from support import route_server as servers  # noqa: E402

VPOPMAIL = os.environ.get("VSTATE_TEST_VPOPMAIL", "").rstrip("/")
QMAIL = os.environ.get("VSTATE_TEST_QMAIL", "").rstrip("/")
COMPARED = []


def has_option(name):
    path = VPOPMAIL + "/include/vpopmail_config.h"
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        return any(line.startswith(f"#define {name} ") for line in file)


def missing():
    """Why nothing can run here, or None."""
    for name, path in (("VSTATE_TEST_VPOPMAIL", VPOPMAIL), ("VSTATE_TEST_QMAIL", QMAIL)):
        if not path or not os.path.isdir(path + "/bin"):
            return f"{name} does not name an installation with bin/"
    return mail_system.why_not(QMAIL, servers.QMAIL_USERS)


REASON = missing()
USES_SQLITE, HAS_EXTENSIONS = has_option("USE_SQLITE"), has_option("QMAIL_EXT")


def setUpModule():
    if REASON:
        raise unittest.SkipTest(REASON)


def tearDownModule():
    print(f"interop: {len(COMPARED)} addresses were compared with real programs", file=sys.stderr)


class RouteInteropTest(support.SandboxCase):
    def check_server(self, make, name):
        root = os.path.join(self.directory, name)
        for path in (VPOPMAIL, QMAIL):
            support.make_directories(os.path.dirname(root + path))
            subprocess.run(["cp", "-a", path, root + path], check=True)
        server = make(root)
        done = support.run("--root", root, "--vpopmail-dir", VPOPMAIL, "--qmail-dir", QMAIL,
                           "route", "--", *server.addresses)
        said = servers.parse_routes(done.out)
        accepted, log = mail_system.follow(root, QMAIL, servers.QMAIL_USERS["qmaild"],
                                           server.addresses)
        real = mail_system.outcomes(root, server.addresses, accepted, log)
        for address in dict.fromkeys(server.addresses):
            with self.subTest(server=name, address=address):
                self.assertEqual(mail_system.told(said[address]), real[address], said[address])
                COMPARED.append(address)
        shutil.rmtree(root)

    @unittest.skipIf(USES_SQLITE or HAS_EXTENSIONS,
                     "the vpopmail at hand is no cdb build without qmail-ext")
    def test_whole_server(self):
        self.check_server(lambda root: servers.whole_server(root, home=VPOPMAIL, qmail=QMAIL),
                          "whole")

    @unittest.skipIf(USES_SQLITE or HAS_EXTENSIONS,
                     "the vpopmail at hand is no cdb build without qmail-ext")
    def test_faults(self):
        for number, (fault, plant) in enumerate(servers.FAULTS.items()):
            def make(root, plant=plant):
                server = servers.small_server(root, home=VPOPMAIL, qmail=QMAIL)
                plant(server)
                return server
            with self.subTest(fault=fault):
                self.check_server(make, f"fault{number}")

    @unittest.skipUnless(USES_SQLITE and HAS_EXTENSIONS and has_option("DEFAULT_DELIVERY"),
                         "the vpopmail at hand is no SQLite build with qmail-ext and "
                         "defaultdelivery")
    def test_extensions(self):
        for name, text in servers.DELIVERIES.items():
            with self.subTest(defaultdelivery=name):
                self.check_server(lambda root, text=text: servers.extension_server(
                    root, text, home=VPOPMAIL, qmail=QMAIL), "ext-" + name)


if __name__ == "__main__":
    support.main()
