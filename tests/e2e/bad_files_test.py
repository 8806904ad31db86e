"""Wrong files, part one: TOML, keys, types, what is missing, the head, names, archives, order. The
exact messages, exit 1, and nothing changed."""

import support
from support.domains import WrongCase

SYNTAX = [
    ('this is not TOML', "4:6: Error while parsing key-value pair: expected '=', saw 'i'"),
    ('[mailbox.alice', "4:15: Error while parsing table header: expected ']', saw '\\n'"),
    ('[mailbox.alice]\ngecos = "open',
     '5:14: Error while parsing string: unescaped control characters other than TAB (U+0009) are '
     'explicitly prohibited'),
    ('[mailbox.alice]\ngecos = "a"\ngecos = "b"',
     "6:9: Error while parsing key-value pair: cannot redefine existing string 'gecos'"),
    ('[mailbox.alice]\n[mailbox.alice]',
     "5:1: Error while parsing table header: cannot redefine existing table 'mailbox.alice'"),
    ('[mailbox.alice]\ngecos = "\\q"',
     "5:11: Error while parsing string: unknown escape sequence '\\q'"),
    ('[mailbox.alice]\ngecos =',
     "5:8: Error while parsing key-value pair: expected value, saw '\\n'"),
]

KEYS = [
    ('[mailboxes.alice]\npassword = ""', '4:2: unknown key "mailboxes"; did you mean "mailbox"?'),
    ('[mailbox.alice]\npasword = ""',
     '5:1: unknown key "pasword" in [mailbox.alice]; did you mean "password"?'),
    ('[mailbox.alice]\nquota = { byte = 1 }',
     '5:9: mailbox.alice.quota: names neither bytes nor messages; leave quota out for no quota',
     '5:11: unknown key "byte" in [mailbox.alice.quota]; did you mean "bytes"?'),
    ('[mailbox.alice]\nlast_login = { at = 2026-01-31T08:00:00Z, form = "x" }',
     '5:43: unknown key "form" in [mailbox.alice.last_login]; did you mean "from"?'),
    ('[mailbox.alice]\nmail = { archiv = "a", archive = "alice.tar", sha256 = "<0*64>" }',
     '5:10: unknown key "archiv" in [mailbox.alice.mail]; did you mean "archive"?'),
    ('[domain.limits]\nmax_mailbox = 5',
     '5:1: unknown key "max_mailbox" in [domain.limits]; did you mean "max_mailboxes"?'),
    ('[alias.a]\ndelivr = ["&b@c.org"]\ndeliver = []',
     '5:1: unknown key "delivr" in [alias.a]; did you mean "deliver"?'),
    ('[autoresponder.a]\nmesage = "x"\nmessage = "x"\nlimit = { replies = 1, seconds = 1 }',
     '5:1: unknown key "mesage" in [autoresponder.a]; did you mean "message"?'),
    ('[autoresponder.a]\nmessage = "x"\nlimit = { replies = 1, second = 1, seconds = 1 }',
     '6:24: unknown key "second" in [autoresponder.a.limit]; did you mean "seconds"?'),
    ('[list.l]\nsubscriber = []',
     '5:1: unknown key "subscriber" in [list.l]; did you mean "subscribers"?'),
    ('[[file]]\npath = "a"\ntext = ""\nmod = "0600"',
     '7:1: unknown key "mod" in [file]; did you mean "mode"?'),
    ('[mailbox.alice]\nzzzzzzzzzz = 1', '5:1: unknown key "zzzzzzzzzz" in [mailbox.alice]'),
]

TYPES = [
    ('[mailbox.alice]\npassword = 5',
     '5:12: mailbox.alice.password: is a whole number, a string is wanted'),
    ('[mailbox.alice]\napop = "yes"',
     '5:8: mailbox.alice.apop: is a string, true or false is wanted'),
    ('[mailbox.alice]\ngecos = 1.5', '5:9: mailbox.alice.gecos: is a fraction, a string is wanted'),
    ('[mailbox.alice]\nquota = "10M"', '5:9: mailbox.alice.quota: is a string, a table is wanted'),
    ('[mailbox.alice]\nquota = { bytes = "10M" }',
     '5:19: mailbox.alice.quota.bytes: is a string, a whole number is wanted'),
    ('[mailbox.alice]\nquota = { bytes = 1.5 }',
     '5:19: mailbox.alice.quota.bytes: is a fraction, a whole number is wanted'),
    ('[mailbox.alice]\ndisable = "pop3"',
     '5:11: mailbox.alice.disable: is a string, an array of strings is wanted'),
    ('[mailbox.alice]\ndisable = [1]',
     '5:12: mailbox.alice.disable: is a whole number, a string is wanted'),
    ('[mailbox.alice]\ndeliver = "./Maildir/"',
     '5:11: mailbox.alice.deliver: is a string, an array of strings is wanted'),
    ('[mailbox.alice]\ncreated = 2026-01-31',
     '5:11: mailbox.alice.created: is a date without a time, a date and time with its offset, such '
     'as 2026-01-31T08:00:00Z is wanted'),
    ('[mailbox.alice]\ncreated = 2026-01-31T08:00:00',
     '5:11: mailbox.alice.created: is a date and time, a date and time with its offset, such as '
     '2026-01-31T08:00:00Z is wanted'),
    ('[mailbox.alice]\nvacation = []',
     '5:12: mailbox.alice.vacation: is an array, a string is wanted'),
    ('[mailbox]\nalice = 1', '5:1: mailbox.alice: is not a table'),
    ('mailbox = 3', '4:1: unknown key "mailbox" in [domain]'),
    ('[alias.a]\ndeliver = [["x"]]', '5:12: alias.a.deliver: is an array, a string is wanted'),
    ('[file]\npath = "a"', '4:1: file: is not an array of tables; write [[file]]'),
    ('[[mailbox]]\nname = "alice"', '4:1: mailbox: is an array, a table is wanted'),
    ('[[alias.a]]\ndeliver = []', '4:9: alias.a: is not a table'),
    ('[list.l]\nfiles = { a = 1 }', '5:15: list.l.files.a: is not a string'),
    ('[domain.limits]\nmax_mailboxes = true',
     '5:17: domain.limits.max_mailboxes: is a boolean, a whole number is wanted'),
    ('[[file]]\npath = "a"\ndirectory = "yes"',
     '6:13: file.directory: is a string, true or false is wanted'),
    ('[[file]]\npath = "a"\ntext = ""\nmode = 384',
     '7:8: file.mode: is a whole number, a string is wanted'),
]

MISSING = [
    ('[alias.a]', '4:1: alias.a: "deliver" is missing'),
    ('[autoresponder.a]\nlimit = { replies = 1, seconds = 1 }',
     '4:1: autoresponder.a: "message" is missing'),
    ('[autoresponder.a]\nmessage = "x"', '4:1: autoresponder.a: "limit" is missing'),
    ('[autoresponder.a]\nmessage = "x"\nlimit = {}',
     '6:9: autoresponder.a.limit: "replies" is missing',
     '6:9: autoresponder.a.limit: "seconds" is missing'),
    ('[mailbox.alice]\nmail = { sha256 = "<0*64>" }',
     '5:8: mailbox.alice.mail: "archive" is missing'),
    ('[mailbox.alice]\nmail = { archive = "a.tar" }',
     '5:8: mailbox.alice.mail: "sha256" is missing'),
    ('[mailbox.alice]\nlast_login = { from = "192.0.2.1" }',
     '5:14: mailbox.alice.last_login: "at" is missing'),
    ('[[file]]\ntext = "x"', '4:1: file: "path" is missing'),
    ('[mailbox.alice]\nquota = {}',
     '5:9: mailbox.alice.quota: names neither bytes nor messages; leave quota out for no quota'),
]

TOP = [
    ('', '1:1: the file: "vstate" is missing', '1:1: the file: "domain" is missing'),
    ('[domain]\nname = "example.com"', '1:1: the file: "vstate" is missing'),
    ('vstate = 1', '1:1: the file: "domain" is missing'),
    ('vstate = 2\n[domain]\nname = "example.com"',
     '1:10: vstate: format version 2 is not known to this program; use a newer vstate'),
    ('vstate = "1"\n[domain]\nname = "example.com"',
     '1:10: vstate: is a string, a whole number is wanted'),
    ('vstate = 1\n[domain]', '2:1: domain: "name" is missing'),
    ('vstate = 1\ndomain = "example.com"', '2:10: domain: is a string, a table is wanted'),
    ('vstate = 1\n[domain]\nname = "exa mple.com"',
     '3:8: domain.name: domain name "exa mple.com" contains a blank'),
    ('vstate = 1\n[domain]\nname = "../etc"',
     '3:8: domain.name: domain name "../etc" contains \'/\''),
    ('vstate = 1\n[domain]\nname = "a"',
     '3:8: domain.name: domain name "a" has 1 characters, 3 to 96 are allowed'),
    ('vstate = 1\n[domain]\nname = ".com"',
     '3:8: domain.name: domain name ".com" has an empty label'),
    ('vstate = 1\n[domain]\nname = "example.com"\naliases = [".com"]',
     '4:12: domain name ".com" has an empty label'),
    ('vstate = 1\n[domain]\nname = "example.com"\naliases = ["a..b", "example."]',
     '4:12: domain name "a..b" has an empty label',
     '4:20: domain name "example." has an empty label'),
    ('vstate = 1\n[domain]\nname = "-a.example"',
     '3:8: domain.name: domain name "-a.example" begins or ends with a dash'),
    ('vstate = 1\n[domain]\nname = "<x*90>.example"',
     '3:8: domain.name: domain name "<x*90>.example" has 98 characters, 3 to 96 are allowed'),
    ('vstate = 1\n[domain]\nname = "example.com"\naliases = ["example.net", "EXAMPLE.net"]',
     '4:27: domain.aliases: "EXAMPLE.net" is named twice'),
    ('vstate = 1\n[domain]\nname = "example.com"\naliases = ["Example.com"]',
     '4:12: domain.aliases: "Example.com" is the domain itself'),
    ('vstate = 1\n[domain]\nname = "example.com"\naliases = ["b_d.example"]',
     '4:12: domain name "b_d.example" contains \'_\''),
    ('vstate = 1\n[domain]\nname = "example.com"\ndefalt = []',
     '4:1: unknown key "defalt" in [domain]; did you mean "default"?'),
    ('vstate = 1\n[domain]\nname = "example.com"\ndefault = ["{mailbox:nobody}/Maildir/"]',
     '4:11: domain.default: there is no mailbox "nobody" in this file'),
    ('vstate = 1\n[domain]\nname = "example.com"\narchive = { archive = "/etc/passwd", sha256 = '
     '"<0*64>" }',
     "4:23: domain.archive.archive: must be a path below the archives' directory"),
]

WRONG_VERSION = [
    ('vstate = 0\n[domain]\nname = "example.com"',
     '1:10: vstate: there is no format version 0; write 1'),
]

NAMES = [
    ('[mailbox."a b"]', '4:10: mailbox name "a b" contains a blank, which vpopmail refuses'),
    ('[mailbox."a/b"]', '4:10: mailbox name "a/b" contains \'/\', which vpopmail refuses'),
    ('[mailbox."a:b"]', '4:10: mailbox name "a:b" contains \':\', which vpopmail refuses'),
    ('[mailbox.".."]', '4:10: mailbox name ".." cannot be a directory'),
    ('[mailbox."."]', '4:10: mailbox name "." cannot be a directory'),
    ('[mailbox.".qmail-default"]',
     '4:10: mailbox name ".qmail-default" is a file of the mail server\'s own'),
    ('[mailbox."VPASSWD.CDB"]',
     '4:10: mailbox name "VPASSWD.CDB" is a file of the mail server\'s own'),
    ('[mailbox.".vpasswd.lock"]',
     '4:10: mailbox name ".vpasswd.lock" is a file of the mail server\'s own'),
    ('[mailbox.".dir-control"]',
     '4:10: mailbox name ".dir-control" is a file of the mail server\'s own'),
    ('[mailbox.".qmailadmin-limits"]',
     '4:10: mailbox name ".qmailadmin-limits" is a file of the mail server\'s own'),
    ('[mailbox.".vstate-dir-control"]',
     '4:10: mailbox name ".vstate-dir-control" is a file of the mail server\'s own'),
    ('[list.".."]', '4:7: list name ".." cannot be a directory of the domain\'s'),
    ('[list."."]', '4:7: list name "." cannot be a directory of the domain\'s'),
    ('[list.vpasswd]', '4:7: list name "vpasswd" cannot be a directory of the domain\'s'),
    ('[autoresponder.".."]\nmessage = "x"\nlimit = { replies = 1, seconds = 1 }',
     '4:16: autoresponder name ".." cannot be a directory of the domain\'s'),
    ('[list.l]\nothers = { "../x" = [] }',
     '5:21: list.l.others.../x: is not a path in the list\'s directory'),
    ('[list.l]\nothers = { "/etc" = [] }',
     '5:21: list.l.others./etc: is not a path in the list\'s directory'),
    ('[list.l]\nfiles = { "a/../../b" = "" }',
     '5:25: list.l.files.a/../../b: is not a path in the list\'s directory'),
    ('[list.l]\nlinks = { "" = "../vpasswd" }',
     '5:16: list.l.links.: "../vpasswd" is not a path in the list\'s directory'),
    ('[list.l]\nlinks = { "" = "/etc/passwd" }',
     '5:16: list.l.links.: "/etc/passwd" is not a path in the list\'s directory'),
    ('[[file]]\npath = "x"\nlink = "/etc"\n[[file]]\npath = "x/y"\ntext = ""',
     '8:8: file.path: "x/y" goes through "x", which is no directory in this file'),
    ('[[file]]\npath = "vpasswd/x"\ntext = ""',
     '5:8: file.path: "vpasswd/x" is vpopmail\'s own; the keys of the domain and of its mailboxes '
     'describe it'),
    ('[[file]]\npath = ".vstate-dir-control/x"\ntext = ""',
     '5:8: file.path: ".vstate-dir-control/x" is a name that vstate uses itself'),
    ('[alias.a]\ndeliver = ["&b@c.org{byte:0a}|id"]',
     '5:12: alias.a.deliver: a delivery line cannot hold a newline or NUL; write one line an array '
     'element'),
    ('[autoresponder.a]\nprogram = "x{byte:0a}|id"\nmessage = "x"\nlimit = { replies = 1, seconds '
     '= 1 }',
     '5:11: autoresponder.a.program: is more than one line'),
    ('[mailbox.alice]\nmail = { archive = "a\\u0000b", sha256 = "<0*64>" }',
     '5:20: mailbox.alice.mail.archive: holds a NUL'),
    ('[mailbox.alice]\n"$6$salt$hash" = 1',
     '5:1: unknown key of 12 characters (not shown: it may be a password) in [mailbox.alice]'),
    ('a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 1', '4:34: a key has more than 16 parts'),
    ('[mailbox.alice]\nname = 1 # é\n"é" = "é"; é = 1',
     '6:12: "é" stands in no string; put it in quotes'),
    ('[mailbox.alice]\ngecos = "\\é"', '5:11: "é" stands behind a backslash'),
    ('[mailbox.""]', '4:10: mailbox name "" has 0 characters, 1 to 64 are allowed'),
    ('[mailbox."<x*65>"]', '4:10: mailbox name "<x*65>" has 65 characters, 1 to 64 are allowed'),
    ('[mailbox."ä"]', '4:10: mailbox name "ä" contains byte 0xc3, which vpopmail refuses'),
    ('[alias.Sales]\ndeliver = []',
     '4:8: alias name "Sales" has upper-case letters, which mail never selects'),
    ('[alias."a/b"]\ndeliver = []', '4:8: alias name "a/b" contains \'/\''),
    ('[alias."a@b"]\ndeliver = []', '4:8: alias name "a@b" contains \'@\''),
    ('[alias.""]\ndeliver = []', '4:8: alias name "" has 0 characters, 1 to 200 are allowed'),
    ('[alias."<x*201>"]\ndeliver = []',
     '4:8: alias name "<x*201>" has 201 characters, 1 to 200 are allowed'),
    ('[alias.default]\ndeliver = []',
     '5:11: alias.default.deliver: the catch-all is domain.default'),
    ('[alias.info]\ndeliver = []\n[autoresponder.info]\nmessage = "x"\nlimit = { replies = 1, '
     'seconds = 1 }',
     '6:16: "info" is an alias as well; both would be the file .qmail-info'),
    ('[alias.news-owner]\ndeliver = []\n[list.news]\n[list.news.links]\n"-owner" = "owner"',
     '6:7: the list\'s link "news-owner" and another entry would be the same file'),
]

SHOWN_NAMES = [
    ('[mailbox.alice]\n[mailbox.Alice]',
     '5:10: mailbox "alice" and "Alice" are the same name for vpopmail; keep one of them'),
    ('[alias."a\\u0000b"]\ndeliver = []', '4:8: alias name "a\\x00b" contains byte 0x00'),
    ('[list."../x"]', '4:7: list name "../x" contains \'/\''),
    ('[autoresponder."a b"]\nmessage = ""\nlimit = { replies = 1, seconds = 1 }',
     '4:16: autoresponder name "a b" contains a blank'),
]

REFERENCES = [
    ('[mailbox.alice]\nmail = { archive = "../a.tar", messages = 1, bytes = 1, sha256 = "<0*64>" }',
     "5:20: mailbox.alice.mail.archive: must be a path below the archives' directory"),
    ('[mailbox.alice]\nmail = { archive = "/etc/passwd", messages = 1, bytes = 1, sha256 = '
     '"<0*64>" }',
     "5:20: mailbox.alice.mail.archive: must be a path below the archives' directory"),
    ('[mailbox.alice]\nmail = { archive = "", messages = 1, bytes = 1, sha256 = "<0*64>" }',
     "5:20: mailbox.alice.mail.archive: must be a path below the archives' directory"),
    ('[mailbox.alice]\nmail = { archive = "a.tar", sha256 = "abc" }',
     '5:38: mailbox.alice.mail.sha256: is not a digest of 64 lower-case hexadecimal digits'),
    ('[mailbox.alice]\nmail = { archive = "a.tar", messages = -1, sha256 = "<0*64>" }',
     '5:40: mailbox.alice.mail.messages: is -1, at least 0 is wanted'),
    ('[mailbox.alice]\nmail = { archive = "gone.tar", messages = 1, bytes = 1, sha256 = "<0*64>" }',
     '5:20: mailbox.alice.mail: there is no archive DIRECTORY/gone.tar; name its directory with '
     '--mail, or take the key out'),
    ('[list.l]\narchive = { archive = "gone.tar", sha256 = "<0*64>" }',
     '5:23: list.l.archive: there is no archive DIRECTORY/gone.tar; name its directory with '
     '--mail, or take the key out'),
]

ORDER = [
    ('[list.l]\nsubscribers = [""]\n[mailbox."a b"]\npasword = ""\n[mailbox.alice]\nquota = { '
     'bytes = 0 }\ngecos = "{x} {"\n[alias.Sales]\ndelivr = []\n[[file]]\npath = "/x"',
     '5:16: list.l.subscribers: "" cannot be a subscriber (1 to 400 bytes, no NUL)',
     '6:10: mailbox name "a b" contains a blank, which vpopmail refuses',
     '7:1: unknown key "pasword" in [mailbox.a b]; did you mean "password"?',
     '9:19: mailbox.alice.quota.bytes: is 0, at least 1 is wanted',
     '10:9: mailbox.alice.gecos: unknown placeholder {x}',
     '10:9: mailbox.alice.gecos: a lone "{" (a literal brace is doubled)',
     '11:8: alias name "Sales" has upper-case letters, which mail never selects',
     '12:1: unknown key "delivr" in [alias.Sales]; did you mean "deliver"?',
     '14:8: file.path: "/x" is not a path below the domain\'s directory'),
    ('[alias.z]\ndeliver = ["{mailbox:no}/"]\n[mailbox.b]\nflags = ["x", "y"]\napop = 1\n[alias.a]',
     '4:8: alias.z: there is no mailbox "no" in this file',
     '7:10: mailbox.b.flags: there is no flag "x"',
     '7:15: mailbox.b.flags: there is no flag "y"',
     '8:8: mailbox.b.apop: is a whole number, true or false is wanted',
     '9:1: alias.a: "deliver" is missing'),
]


class WrongFileTest(WrongCase):
    def test_syntax(self):
        """TOML that is none is refused at the place where it breaks."""
        self.check_rows(SYNTAX)

    def test_keys(self):
        """An unknown key is refused at every level; a near one is offered."""
        self.check_rows(KEYS)

    def test_types(self):
        """A value of the wrong type says what it is and what is wanted."""
        self.check_rows(TYPES)

    def test_missing(self):
        """What a part cannot be without is asked for."""
        self.check_rows(MISSING)

    def test_top(self):
        """The head of a file: its format version, and its domain."""
        self.check_rows(TOP, head="")

    def test_version(self):
        """A format version that there never was."""
        self.check_rows(WRONG_VERSION, head="")

    def test_names(self):
        """Illegal and double names of mailboxes, aliases, lists, and robots."""
        self.check_rows(NAMES)

    def test_names_in_messages(self):
        """Names are called what they are, and shown without control characters."""
        self.check_rows(SHOWN_NAMES)

    def test_references(self):
        """Archives: a path below their directory, a digest, and there."""
        self.check_rows(REFERENCES)

    def test_order(self):
        """All errors of a file are reported at once, in order of place."""
        self.check_rows(ORDER)


if __name__ == "__main__":
    support.main()
