#!/usr/bin/env python3
"""check_schema.py VSTATE  holds schemas/domain.schema.json and server.schema.json against the
program.

all_keys.toml, and all_server_keys.toml, must be valid for both and have every key; each spoilt copy
of it must be refused by both. So neither takes what the other does not, key by key and type by
type. Ends with 125, which means skipped, where python3-jsonschema or tomllib is missing.
"""
import datetime
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import tomllib

    import jsonschema
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

ROOT = Path(__file__).resolve().parents[2]

# What is replaced in all_keys.toml, and by what; each makes it wrong.
SPOILT = [
    ("vstate = 1\n", ""),
    ("vstate = 1\n", "vstate = 2\n"),
    ('name = "example.com"\n', ""),
    ('name = "example.com"', 'name = "example_com"'),
    ('"example.net"', '"-example.net"'),
    ("max_aliases = -1", "max_aliases = -2"),
    ("quota_messages = 100000", "quota_messages = -1"),
    ("quota_messages = 100000", "quota_messages = 1.5"),
    ("deny_quota = 3", "deny_quota = 8"),
    ("deny_lists = 511", "deny_lists = 512"),
    ("max_lists = 2", "max_list = 2"),
    ('"tagged_spam", "maildrop"', '"delivery"'),
    ("[mailbox.alice]", '[mailbox."a b"]'),
    ("[mailbox.alice]", '[mailbox.".."]'),
    ('password = "$1$', 'password = "x:$1$'),
    ('password = "$1$', 'passwort = "$1$'),
    ("apop = true", 'apop = "yes"'),
    ("Alice Müller", "Alice {Müller}"),
    ("quota = { bytes = 104857600, messages = 1000 }", "quota = {}"),
    ("bytes = 104857600", "bytes = 0"),
    ('disable = ["password_change"', 'disable = ["tagged_spam"'),
    ('"bit:63"', '"bit:64"'),
    ('"bit:19"', '"bit:18"'),
    ('"user0"', '"imap"'),
    ("| {autorespond} 86400", "| {autoresponder} 86400"),
    ("| {autorespond} 86400", "| {autorespond}\\n86400"),
    ("last_login = {", "created = 2026-01-01T00:00:00Z\nlast_login = {"),
    ("{ at = 2026-01-31T08:00:00Z, from", "{ from"),
    ("at = 2026-01-31T08:00:00Z", "at = 1769846400"),
    ('"example.com/alice.tar.zst"', '"/example.com/alice.tar.zst"'),
    ('"example.com/alice.tar.zst"', '"example.com/../alice.tar.zst"'),
    ("ccddeeff00112233", "CCDDEEFF00112233"),
    ('[alias."dev.team"]', '[alias."Dev.team"]'),
    ('[alias."dev.team"]', "[alias.default]"),
    ('deliver = ["&alice@example.com", "bob@example.org", "# gone@example.com"]\n', ""),
    ('copy_to = ["&alice', 'copy_to = ["|alice'),
    (", seconds = 10000", ""),
    ("replies = 5", "replies = -5"),
    ('message = "From: info', 'massage = "From: info'),
    ('["archived", "public"]', '["archived", ".public"]'),
    ('"a@example.org", "b@example.org"', '"a@example.org", "a@example.org"'),
    ('["c@example.org"]', '[""]'),
    ('"AAECAwQFBgc="', '"AAECAwQFBgc"'),
    ('"digest/bouncer"', '"../bouncer"'),
    ('path = ".quotawarn.msg"', 'path = "/.quotawarn.msg"'),
    ('path = ".quotawarn.msg"', 'path = "a/./b"'),
    ('path = ".quotawarn.msg"\n', ""),
    ('mode = "0644"', 'mode = "644"'),
    ("directory = true", "directory = false"),
    ("directory = true", 'directory = true\nlink = "x"'),
    ("directory = true\n", ""),
    ('unusable_password = "', 'unusable_password = "\\u0000'),
    ('why = "the name', 'reason = "the name'),
    ("messages = 12\nbytes", "messages = -12\nbytes"),
]

SPOILT_SERVER = [
    ("vstate_server = 1\n", "vstate_server = 2\n"),
    ('databytes = "20971520"', "databytes = 20971520"),
    ('databytes = "20971520"', 'databites = "20971520"'),
    ('"@worse.example"', '"# comment"'),
    ('"@worse.example"', '""'),
    ('"@worse.example"', '"trailing "'),
    ('"@worse.example"', '"spammer@bad.example"'),
    ('locals = ["localhost"]', 'locals = "localhost"'),
    ('me = "mail.example.net"', 'me = "mail.example.net\\n"'),
    ('me = "mail.example.net"', 'me = "mail.example.net "'),
    ('".intern.example" = "relay.example:26"', '".intern.example" = 26'),
    ('".intern.example" = "relay.example:26"', '".intern.example:x" = "relay.example"'),
    ('"127.:allow"', '"127.allow"'),
    ('"192.0.2.1" = ', '"192.0.2.1 x" = '),
    ("max_mailboxes = 50", "max_mailboxes = -2"),
    ('disable = ["webmail"]', 'disable = ["fax"]'),
    ("[alias.root]", '[alias."a/b"]'),
    ('deliver = ["&admin@example.net"]\n', ""),
    ("forwards_only = true", 'forwards_only = "yes"'),
    ('why = "', 'because = "'),
    ("[control]\n", "[kontrol]\n"),
]


def as_json(value):
    """TOML's values as the schema describes them: a date-time with its offset is a string."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def resolve(schema, whole):
    return whole["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema


def keys_of(schema, whole, prefix=""):
    """The keys that a schema names, as document::known_keys() spells them."""
    schema = resolve(schema, whole)
    for key, value in schema.get("properties", {}).items():
        yield prefix + key
        yield from keys_of(value, whole, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], whole, f"{prefix}*.")
    if "items" in schema:
        yield from keys_of(schema["items"], whole, f"{prefix.removesuffix('.')}[].")


def keys_in(value, schema, whole, prefix=""):
    """The keys that a document has, spelt alike."""
    schema = resolve(schema, whole)
    if isinstance(value, dict):
        named = schema.get("properties", {})
        for key, item in value.items():
            if key in named:
                yield prefix + key
                yield from keys_in(item, named[key], whole, f"{prefix}{key}.")
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from keys_in(item, schema["additionalProperties"], whole, f"{prefix}*.")
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from keys_in(item, schema["items"], whole, f"{prefix.removesuffix('.')}[].")


def without_description(schema, whole, path=""):
    """The properties that say nothing about themselves."""
    for key, value in resolve(schema, whole).get("properties", {}).items():
        if "description" not in value and "description" not in resolve(value, whole) and \
                resolve(value, whole) is not whole["$defs"].get("domainName"):
            yield f"{path}{key}"
        yield from without_description(value, whole, f"{path}{key}.")


class Program:
    def __init__(self, path):
        self.path = path

    def errors_in(self, text):
        """What the program does not like, except that the archives are not here."""
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([self.path, "check", file.name], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"{self.path} check: exit status {done.returncode}\n{done.stderr}")
        about_archives = re.compile("there is no archive|none of its [0-9]+ archives")
        return [line for line in done.stderr.splitlines() if not about_archives.search(line)]

    def schema(self, *words):
        return json.loads(subprocess.run([self.path, "schema", *words], capture_output=True,
                                         check=True, text=True).stdout)


class Checks:
    """What is held against each other, and how often that was so."""

    def __init__(self, program):
        self.program, self.passed, self.failures = program, 0, []

    def expect(self, is_so, what):
        if is_so:
            self.passed += 1
        else:
            self.failures.append(what)

    def check(self, kind, good_name, spoilt_pairs, *words):
        schema = json.loads((ROOT / f"schemas/{kind}.schema.json").read_text())
        text = (Path(__file__).parent / good_name).read_text()
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        good = as_json(tomllib.loads(text))
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(good)]
        self.expect(not errors, f"{good_name} is refused by the schema: " + "; ".join(errors))
        missing = set(keys_of(schema, schema)) - set(keys_in(good, schema, schema))
        self.expect(not missing, f"{good_name} lacks {sorted(missing)}")
        silent = list(without_description(schema, schema))
        self.expect(not silent, f"without a description: {silent}")
        if self.program:
            said = self.program.errors_in(text)
            self.expect(not said, f"{good_name} is refused by the program: {said}")
            is_same = self.program.schema(*words) == schema
            self.expect(is_same, f"vstate schema prints another schema of a {kind}")
        for old, new in spoilt_pairs:
            spoilt = text.replace(old, new, 1)
            shown = re.sub(r"\s+", " ", f"{old} -> {new}")
            self.expect(spoilt != text, f"{good_name} has no {old!r}")
            self.expect(not validator.is_valid(as_json(tomllib.loads(spoilt))),
                        f"the schema takes {shown}")
            if self.program:
                self.expect(self.program.errors_in(spoilt), f"the program takes {shown}")


def main():
    checks = Checks(Program(sys.argv[1]) if len(sys.argv) > 1 else None)
    checks.check("domain", "all_keys.toml", SPOILT)
    checks.check("server", "all_server_keys.toml", SPOILT_SERVER, "--server")
    print("\n".join(checks.failures))
    print(f"{checks.passed} passed, {len(checks.failures)} failed, 0 skipped")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
