"""Wrong files, part two: values, placeholders, [[file]], lists. The exact messages, exit 1, and
nothing changed."""


import support
from support.domains import HEAD, WrongCase

NO_HASH = ("is no hash of crypt(3), or one that was cut off; nobody could log in with it; make one "
           "with openssl passwd -6, or name it unusable_password")

VALUES = [
    ('[mailbox.alice]\nquota = { bytes = 0 }',
     '5:19: mailbox.alice.quota.bytes: is 0, at least 1 is wanted'),
    ('[mailbox.alice]\nquota = { bytes = -1 }',
     '5:19: mailbox.alice.quota.bytes: is -1, at least 1 is wanted'),
    ('[mailbox.alice]\nquota = { messages = 0 }',
     '5:22: mailbox.alice.quota.messages: is 0, at least 1 is wanted'),
    ('[mailbox.alice]\nquota = { bytes = 99999999999, messages = 99999999 }',
     '5:9: mailbox.alice.quota: "99999999999S,99999999C" is longer than the 20 characters that '
     'vpopmail keeps'),
    ('[mailbox.alice]\nquota = { bytes = 9223372036854775808 }',
     "5:38: Error while parsing decimal integer: '9223372036854775808' is not representable in 64 "
     "bits"),
    ('[mailbox.alice]\ndisable = ["pop4"]',
     '5:12: mailbox.alice.disable: there is no service "pop4"'),
    ('[mailbox.alice]\nflags = ["user9"]', '5:10: mailbox.alice.flags: there is no flag "user9"'),
    ('[mailbox.alice]\nflags = ["bit:99"]', '5:10: mailbox.alice.flags: there is no flag "bit:99"'),
    ('[domain.limits]\ndisable = ["pop4"]',
     '5:12: domain.limits.disable: there is no service "pop4"'),
    ('[domain.limits]\nmax_lists = -2',
     '5:13: domain.limits.max_lists: is -2, at least -1 is wanted'),
    ('[domain.limits]\ndeny_quota = 8',
     '5:14: domain.limits.deny_quota: is 8, at most 7 has a meaning'),
    ('[domain.limits]\nquota_megabytes = -1',
     '5:19: domain.limits.quota_megabytes: is -1, at least 0 is wanted'),
    ('[mailbox.alice]\ngecos = "a{byte:00}b"',
     '5:9: mailbox.alice.gecos: holds a NUL, which no server can hold'),
    ('[mailbox.alice]\npassword = "canary:hash"',
     '5:12: mailbox.alice.password: ' + NO_HASH),
    ('[mailbox.alice]\npassword = "canary\\nhash"',
     '5:12: mailbox.alice.password: ' + NO_HASH),
    ('[mailbox.alice]\npassword = "canary\\u0000"',
     '5:12: mailbox.alice.password: holds a NUL, which no server can hold'),
    ('[mailbox.alice]\nclear_password = "canary\\u0000"',
     '5:18: mailbox.alice.clear_password: holds a NUL, which no server can hold'),
    ('[mailbox.alice]\npassword = "<c*132>"',
     '5:12: mailbox.alice.password: ' + NO_HASH),
    ('[mailbox.alice]\ncreated = 2026-01-31T08:00:00Z\nlast_login = { at = 2026-01-31T08:00:00Z }',
     '5:11: mailbox.alice.created: stands beside last_login; keep one of them'),
    ('[mailbox.alice]\ndeliver = ["&a@b.org\\n|evil"]',
     '5:12: mailbox.alice.deliver: a delivery line cannot hold a newline or NUL; write one line an '
     'array element'),
    ('[mailbox.alice]\ndeliver = ["a\\u0000"]',
     '5:12: mailbox.alice.deliver: a delivery line cannot hold a newline or NUL; write one line an '
     'array element'),
    ('[alias.a]\ndeliver = ["&a@b.org", "|x\\ny"]',
     '5:24: alias.a.deliver: a delivery line cannot hold a newline or NUL; write one line an array '
     'element'),
    ('[autoresponder.a]\nmessage = "x"\ncopy_to = ["|prog"]\nlimit = { replies = 1, seconds = 1 }',
     '6:11: autoresponder.a.copy_to: "|prog" is not a forward'),
    ('[autoresponder.a]\nmessage = "x"\nlimit = { replies = -1, seconds = 1 }',
     '6:21: autoresponder.a.limit.replies: is -1, at least 0 is wanted'),
]

PLACEHOLDERS = [
    ('[mailbox.alice]\ngecos = "{vpopmial}"',
     '5:9: mailbox.alice.gecos: unknown placeholder {vpopmial}'),
    ('[mailbox.alice]\ngecos = "a { b"',
     '5:9: mailbox.alice.gecos: a lone "{" (a literal brace is doubled)'),
    ('[mailbox.alice]\ngecos = "a } b"',
     '5:9: mailbox.alice.gecos: a lone "}" (a literal brace is doubled)'),
    ('[mailbox.alice]\ndeliver = ["{domian}/x/"]',
     '5:12: mailbox.alice.deliver: unknown placeholder {domian}'),
    ('[mailbox.alice]\ndeliver = ["{mailbox:}/"]',
     '4:10: mailbox.alice: there is no mailbox "" in this file',
     '5:12: mailbox.alice.deliver: unknown placeholder {mailbox:}'),
    ('[mailbox.alice]\ngecos = "{byte:zz}"',
     '5:9: mailbox.alice.gecos: unknown placeholder {byte:zz}'),
    ('[alias.a]\ndeliver = ["{mailbox:bob}/Maildir/"]',
     '4:8: alias.a: there is no mailbox "bob" in this file'),
    ('[[file]]\npath = "{mailbox:bob}/x"\ntext = ""',
     '5:8: file: there is no mailbox "bob" in this file'),
    ('[[file]]\npath = "a"\ntext = "{x} {y}"',
     '6:8: file.text: unknown placeholder {x}',
     '6:8: file.text: unknown placeholder {y}'),
    ('[mailbox.alice]\nvacation = "Hi {"',
     '5:12: mailbox.alice.vacation: a lone "{" (a literal brace is doubled)'),
    ('[autoresponder.a]\nmessage = "{mailbox:bob}"\nlimit = { replies = 1, seconds = 1 }',
     '4:16: autoresponder.a: there is no mailbox "bob" in this file'),
    ('[list.l.files]\nowner = "{x}"', '5:9: list.l.files.owner: unknown placeholder {x}'),
]

FILES = [
    ('[[file]]\npath = "notes/y.lock"\ntext = "mine"',
     '5:8: file.path: "notes/y.lock" is never carried: lock file'),
    ('[[file]]\npath = "{mailbox:alice}/vacation/message"\ntext = "away"\n[mailbox.alice]',
     '5:8: file.path: "{mailbox:alice}/vacation/message" is described by the key vacation of its '
     'mailbox'),
    ('[mailbox.alice]\nvacation = "a\\u0000b"',
     '5:12: mailbox.alice.vacation: is no text: a message holds no NUL, and few bytes that are not '
     'UTF-8'),
    ('[autoresponder.a]\nmessage = "{byte:00}"\nlimit = { replies = 1, seconds = 1 }',
     '5:11: autoresponder.a.message: is no text: a message holds no NUL, and few bytes that are '
     'not UTF-8'),
    ('[list.l]\n[list.l.files]\neditor = "{byte:fe}{byte:ff}"',
     '6:10: list.l.files.editor: is no text'),
    ('[[file]]\npath = "../x"\ntext = ""',
     '5:8: file.path: "../x" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "/etc/passwd"\ntext = ""',
     '5:8: file.path: "/etc/passwd" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "a/../../x"\ntext = ""',
     '5:8: file.path: "a/../../x" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "{mailbox:alice}/../../x"\ntext = ""\n[mailbox.alice]',
     '5:8: file.path: "{mailbox:alice}/../../x" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "."\ntext = ""',
     '5:8: file.path: "." is not a path below the domain\'s directory'),
    ('[[file]]\npath = ""\ntext = ""',
     '5:8: file.path: "" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "a//b"\ntext = ""',
     '5:8: file.path: "a//b" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "a"\ntext = ""\n[[file]]\npath = "a"\ntext = "b"',
     '8:8: file.path: "a" is described twice'),
    ('[[file]]\npath = "a"',
     '4:1: file "a": exactly one of text, base64, link, and directory is wanted'),
    ('[[file]]\npath = "a"\ntext = ""\nbase64 = ""',
     '4:1: file "a": exactly one of text, base64, link, and directory is wanted'),
    ('[[file]]\npath = "a"\nbase64 = "????"', '6:10: file.base64: is not base64'),
    ('[[file]]\npath = "a"\ntext = ""\nmode = "600"',
     '7:8: file.mode: "600" is not four octal digits that begin with 0'),
    ('[[file]]\npath = "a"\ntext = ""\nmode = "7777"',
     '7:8: file.mode: "7777" is not four octal digits that begin with 0'),
    ('[[file]]\npath = "a"\ndirectory = false', '6:13: file.directory: can only be true'),
    ('[[file]]\npath = "{domain}/../x"\ntext = ""',
     '5:8: file.path: "{domain}/../x" is not a path below the domain\'s directory'),
    ('[list.l.files]\n"../x" = ""',
     "5:10: list.l.files.../x: is not a path in the list's directory"),
    ('[list.l.files]\n"/x" = ""', "5:8: list.l.files./x: is not a path in the list's directory"),
]

FILES_OF_OTHERS = [
    ('[[file]]\npath = ".qmail-alice"\ntext = "x"',
     '5:8: file.path: ".qmail-alice" answers to an address; describe it as [alias.NAME]'),
    ('[list.news]\n[[file]]\npath = "news/x"\ntext = "x"',
     '6:8: file.path: "news/x" is in the directory of list.news'),
    ('[[file]]\npath = "{vpopmail}/etc/x"\ntext = ""',
     '5:8: file.path: "{vpopmail}/etc/x" is not a path below the domain\'s directory'),
    ('[[file]]\npath = "vpasswd"\ntext = "x"',
     '5:8: file.path: "vpasswd" is vpopmail\'s own; the keys of the domain and of its mailboxes '
     'describe it'),
    ('[[file]]\npath = ".qmail-bob"\ntext = "x"\n[alias.bob]\ndeliver = []',
     '5:8: file.path: ".qmail-bob" is the file of alias.bob as well; keep one of them'),
    ('[[file]]\npath = "a\\u0000b"\ntext = ""',
     '5:8: file.path: "a\\x00b" holds a NUL, which no path can hold'),
    ('[[file]]\npath = "a{byte:2f}..{byte:2f}b"\ntext = ""',
     '5:8: file.path: "a{byte:2f}..{byte:2f}b" is not a path below the domain\'s directory'),
]

LISTS = [
    ('[list.l]\nsubscribers = ["bob@x.org", "bob@x.org"]',
     '5:29: list.l.subscribers: "bob@x.org" is named twice'),
    ('[list.l]\nsubscribers = ["<y*400>@x.org"]',
     '5:16: list.l.subscribers: "<y*400>@x.org" cannot be a subscriber (1 to 400 bytes, no NUL)'),
    ('[list.l]\nkey = "???"', '5:7: list.l.key: is not base64'),
    ('[list.l]\noptions = ["a/b"]', '5:12: list.l.options: "a/b" is not the name of a file'),
    ('[list.l]\noptions = [".."]', '5:12: list.l.options: ".." is not the name of a file'),
]

#: What a list of a real server may hold, and what is said of it.
ODD_ADDRESSES = [
    ('[list.l]\nsubscribers = ["bob"]',
     '5:16: warning: list.l.subscribers: "bob" is not an address'),
    ('[list.l]\nallow = ["x"]', '5:10: warning: list.l.allow: "x" is not an address'),
    ('[list.l]\nothers = { extra = ["x"] }',
     '5:21: warning: list.l.others.extra: "x" is not an address'),
    ('[list.l]\nmoderators = ["carl@example.com"]',
     '5:14: warning: list.l.moderators: there is no mailbox or alias "carl@example.com" in this '
     'file'),
    ('[list.l]\nsubscribers = ["a@x.org\\n"]',),
]


class WrongValueTest(WrongCase):
    def test_values(self):
        """Values that vpopmail cannot hold, or that mean nothing."""
        self.check_rows(VALUES)

    def test_placeholders(self):
        """Placeholders are known, closed, and name a mailbox of the file."""
        self.check_rows(PLACEHOLDERS)

    def test_files(self):
        """[[file]]: below the domain's directory, once, of one kind."""
        self.check_rows(FILES)

    def test_files_of_others(self):
        """[[file]]: never out of the domain, never what another key describes."""
        self.check_rows(FILES_OF_OTHERS)

    def test_lists(self):
        """Subscribers are addresses, moderators exist, keys are base64."""
        self.check_rows(LISTS)

    def test_addresses(self):
        """What ezmlm holds without a look at it is taken, and named."""
        for number, (text, *warnings) in enumerate(ODD_ADDRESSES):
            with self.subTest(text):
                path = self.file("domain.toml", HEAD + text + "\n")
                target = self.server(f"s{number}")
                outcome = self.check_exit(target.vstate("plan", path))
                self.assertEqual(outcome.err,
                                 "".join(f"vstate: {path}:{line}\n" for line in warnings))
                self.apply(target, path)
                again = self.check_exit(target.vstate("plan", path))
                self.assertIn("Nothing to do", again.out)


if __name__ == "__main__":
    support.main()
