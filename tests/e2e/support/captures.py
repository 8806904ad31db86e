"""Captures of real servers: their trees, and their dumps.

VSTATE_CAPTURES  directory where cmake/captures.sh unpacked them; without it their tests are skipped
"""

import os
import unittest

from . import cases, program, servers
from .domains import domain_text

CAPTURES = os.environ.get("VSTATE_CAPTURES", "")


def has_captures(*names):
    return bool(CAPTURES) and all(os.path.isdir(os.path.join(CAPTURES, name)) for name in names)


needs_captures = unittest.skipUnless(
    has_captures("vp54-cdb", "vp56-cdb"),
    "VSTATE_CAPTURES names no directory where cmake/captures.sh unpacked the captures")
needs_sql_captures = unittest.skipUnless(
    has_captures("vp56-mysql", "vp56-pgsql"),
    "the captures of servers with MySQL and PostgreSQL are not here")


def captured_server(name):
    """The server of a capture: "vp54-cdb" or "vp56-cdb"."""
    digits = name[2:4]
    return servers.Server(os.path.join(CAPTURES, name), f"/opt/real/vp{digits}",
                          f"/opt/real/q{digits}", named=True)


def captured_text(name):
    """What the real tools printed for a capture."""
    with open(os.path.join(CAPTURES, name + ".txt"), encoding="utf-8") as file:
        return file.read()


class Dumped:
    """All domains of a server as files, and their archives; its settings are left out."""

    def __init__(self, server, directory):
        self.server, self.mail = server, os.path.join(directory, "mail")
        self.texts = os.path.join(directory, "toml")
        self.outcome = server.vstate("-q", "dump", "--all", "--mail", self.mail,
                                     "--clear-passwords", "--exclude", "server.*",
                                     "-o", self.texts + "/")

    def names(self):
        return sorted(name[:-len(".toml")] for name in os.listdir(self.texts)
                      if name != "server.toml")

    def path(self, domain):
        return os.path.join(self.texts, domain + ".toml")

    def text(self, domain):
        with open(self.path(domain), encoding="utf-8") as file:
            return file.read()

    def arguments(self, *domains):
        return ["--mail", self.mail, *(self.path(name) for name in domains or self.names())]


class CaptureCase(cases.SandboxCase):
    def dump_all(self, server, name):
        dumped = Dumped(server, os.path.join(self.directory, name))
        self.check_exit(dumped.outcome)
        return dumped

    def check_equal_dumps(self, first, second, domains):
        for domain in domains:
            with self.subTest(domain=domain):
                self.assertMultiLineEqual(first.text(domain), second.text(domain))

    def fill_with_dummies(self, server, domains, accounts=()):
        """Domains and accounts of others, so that directories hash differently here."""
        for number in range(domains):
            name = f"aa{number:03}.dummy.example"
            path = self.file(f"dummy/{name}.toml", domain_text(name, ["postmaster"]))
        if domains:
            directory = os.path.dirname(path)
            self.apply(server, *(os.path.join(directory, name) for name in os.listdir(directory)))
        for domain, count in accounts:
            boxes = [f"aaa-{number:03}" for number in range(count)]
            self.apply(server, self.file(f"dummies-{domain}.toml",
                                         domain_text(domain, boxes)))

    def check_settled(self, server, dumped, *domains):
        """Fixed point and whole: nothing to do, every address routed, every message there."""
        servers.provide_programs(server)
        plan = self.check_exit(server.vstate("plan", *dumped.arguments(*domains)))
        expected = len(domains) or len(dumped.names())
        self.assertEqual(plan.out.count(program.NOTHING), expected, str(plan))
        verify = self.check_exit(server.vstate("verify", "--deep", *dumped.arguments(*domains)))
        self.assertEqual(verify.out.count(" is whole"), expected, str(verify))
