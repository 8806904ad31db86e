#!/usr/bin/env python3
"""check_schema.py VSTATE  holds schemas/domain.schema.json against the program.

all_keys.toml must be valid for both and have every key; each spoilt copy of it must be refused by
both. So neither takes what the other does not, key by key and type by type. Ends with 125, which
means skipped, where python3-jsonschema or tomllib is missing.
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
SCHEMA = json.loads((ROOT / "schemas/domain.schema.json").read_text())
GOOD = (Path(__file__).parent / "all_keys.toml").read_text()

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


def as_json(value):
    """TOML's values as the schema describes them: a date-time with its offset is a string."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def resolve(schema):
    return SCHEMA["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema


def keys_of(schema, prefix=""):
    """The keys that a schema names, as document::known_keys() spells them."""
    schema = resolve(schema)
    for key, value in schema.get("properties", {}).items():
        yield prefix + key
        yield from keys_of(value, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], f"{prefix}*.")
    if "items" in schema:
        yield from keys_of(schema["items"], f"{prefix.removesuffix('.')}[].")


def keys_in(value, schema, prefix=""):
    """The keys that a document has, spelt alike."""
    schema = resolve(schema)
    if isinstance(value, dict):
        named = schema.get("properties", {})
        for key, item in value.items():
            if key in named:
                yield prefix + key
                yield from keys_in(item, named[key], f"{prefix}{key}.")
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from keys_in(item, schema["additionalProperties"], f"{prefix}*.")
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from keys_in(item, schema["items"], f"{prefix.removesuffix('.')}[].")


def without_description(schema, path=""):
    """The properties that say nothing about themselves."""
    for key, value in resolve(schema).get("properties", {}).items():
        if "description" not in value and "description" not in resolve(value) and \
                resolve(value) is not SCHEMA["$defs"]["domainName"]:
            yield f"{path}{key}"
        yield from without_description(value, f"{path}{key}.")


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

    def schema(self):
        return json.loads(subprocess.run([self.path, "schema"], capture_output=True, check=True,
                                         text=True).stdout)


def main():
    program = Program(sys.argv[1]) if len(sys.argv) > 1 else None
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    passed, failures = 0, []

    def expect(is_so, what):
        nonlocal passed
        if is_so:
            passed += 1
        else:
            failures.append(what)

    good = as_json(tomllib.loads(GOOD))
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(good)]
    expect(not errors, "all_keys.toml is refused by the schema: " + "; ".join(errors))
    missing = set(keys_of(SCHEMA)) - set(keys_in(good, SCHEMA))
    expect(not missing, f"all_keys.toml lacks {sorted(missing)}")
    silent = list(without_description(SCHEMA))
    expect(not silent, f"without a description: {silent}")
    if program:
        said = program.errors_in(GOOD)
        expect(not said, f"all_keys.toml is refused by the program: {said}")
        expect(program.schema() == SCHEMA, "vstate schema prints another schema")

    for old, new in SPOILT:
        spoilt = GOOD.replace(old, new, 1)
        shown = re.sub(r"\s+", " ", f"{old} -> {new}")
        expect(spoilt != GOOD, f"all_keys.toml has no {old!r}")
        expect(not validator.is_valid(as_json(tomllib.loads(spoilt))), f"the schema takes {shown}")
        if program:
            expect(program.errors_in(spoilt), f"the program takes {shown}")

    print("\n".join(failures))
    print(f"{passed} passed, {len(failures)} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
