"""Wrong domain files, their values, references, archives, and lists: what check, plan, and apply say of each to the letter, with line and
column, and that nothing is changed. DESIGN 3, "strict on input"."""

import unittest

import support
from wrong_files import DOMAIN, MAILBOX, WrongFileCase

ROWS = (
    ("alias name with slash",
     DOMAIN + '[alias."a/b"]\n'
              'deliver = ["#"]\n',
     '4:8: alias name "a/b" contains \'/\''),
    ("alias is the catch-all",
     DOMAIN + '[alias.default]\n'
              'deliver = ["#"]\n',
     '5:11: alias.default.deliver: the catch-all is domain.default'),
    ("quota 0",
     MAILBOX + 'quota = { bytes = 0 }\n',
     '5:19: mailbox.alice.quota.bytes: is 0, at least 1 is wanted'),
    ("quota negative",
     MAILBOX + 'quota = { messages = -1 }\n',
     '5:22: mailbox.alice.quota.messages: is -1, at least 1 is wanted'),
    ("quota too long",
     MAILBOX + 'quota = { bytes = 1000000000000, messages = 1000000 }\n',
     '5:9: mailbox.alice.quota: "1000000000000S,1000000C" is longer than the 20 '
     'characters that vpopmail keeps'),
    ("quota empty",
     MAILBOX + 'quota = {}\n',
     '5:9: mailbox.alice.quota: names neither bytes nor messages; leave quota out for no quota'),
    ("limit below -1",
     DOMAIN + '[domain.limits]\n'
              'max_mailboxes = -2\n',
     '5:17: domain.limits.max_mailboxes: is -2, at least -1 is wanted'),
    ("permission too large",
     DOMAIN + '[domain.limits]\n'
              'deny_mailboxes = 8\n',
     '5:18: domain.limits.deny_mailboxes: is 8, at most 7 has a meaning'),
    ("unknown service",
     MAILBOX + 'disable = ["pop"]\n',
     '5:12: mailbox.alice.disable: there is no service "pop"'),
    ("unknown flag",
     MAILBOX + 'flags = ["admin"]\n',
     '5:10: mailbox.alice.flags: there is no flag "admin"'),
    ("flag with a name given as bit",
     MAILBOX + 'flags = ["bit:1"]\n',
     '5:10: mailbox.alice.flags: there is no flag "bit:1"'),
    ("unknown service in limits",
     DOMAIN + '[domain.limits]\n'
              'disable = ["pop"]\n',
     '5:12: domain.limits.disable: there is no service "pop"'),
    ("unknown placeholder",
     MAILBOX + 'deliver = ["{mailbox}/Maildir/"]\n',
     '5:12: mailbox.alice.deliver: unknown placeholder {mailbox}'),
    ("placeholder not closed",
     MAILBOX + 'deliver = ["{domain/x/"]\n',
     '5:12: mailbox.alice.deliver: a lone "{" (a literal brace is doubled)'),
    ("lone closing brace",
     MAILBOX + 'deliver = ["&a@example.org}"]\n',
     '5:12: mailbox.alice.deliver: a lone "}" (a literal brace is doubled)'),
    ("lone brace in gecos",
     MAILBOX + 'gecos = "a { b"\n',
     '5:9: mailbox.alice.gecos: a lone "{" (a literal brace is doubled)'),
    ("lone brace in the catch-all",
     DOMAIN + 'default = ["| {vpopmail}/bin/vdelivermail \'\' }"]\n',
     '4:12: domain.default: a lone "}" (a literal brace is doubled)'),
    ("mailbox placeholder of nobody",
     MAILBOX + 'deliver = ["{mailbox:bob}/Maildir/"]\n',
     '4:10: mailbox.alice: there is no mailbox "bob" in this file'),
    ("alias to the mailbox of nobody",
     DOMAIN + '[alias.store]\n'
              'deliver = ["{mailbox:bob}/Maildir/"]\n',
     '4:8: alias.store: there is no mailbox "bob" in this file'),
    ("newline in gecos",
     MAILBOX + 'gecos = "a\\nb"\n',
     '5:9: mailbox.alice.gecos: holds a colon, newline, or NUL, which vpasswd cannot hold'),
    ("colon in gecos",
     MAILBOX + 'gecos = "a:b"\n',
     '5:9: mailbox.alice.gecos: holds a colon, newline, or NUL, which vpasswd cannot hold'),
    ("NUL in gecos",
     MAILBOX + 'gecos = "a\\u0000b"\n',
     '5:9: mailbox.alice.gecos: holds a colon, newline, or NUL, which vpasswd cannot hold'),
    ("colon in password",
     MAILBOX + 'password = "a:b"\n',
     '5:12: mailbox.alice.password: holds a colon, newline, or NUL, which vpasswd cannot hold'),
    ("newline in password",
     MAILBOX + 'password = "a\\nb"\n',
     '5:12: mailbox.alice.password: holds a colon, newline, or NUL, which vpasswd cannot hold'),
    ("password too long",
     MAILBOX + 'password = '
               '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'
               'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"\n',
     '5:12: mailbox.alice.password: is longer than the 128 characters that vpopmail keeps '
     'of a hash'),
    ("newline in clear password",
     MAILBOX + 'clear_password = "a\\nb"\n',
     '5:18: mailbox.alice.clear_password: holds a newline or NUL, which vpasswd cannot hold'),
    ("newline in deliver",
     MAILBOX + 'deliver = ["&a@example.org\\n|rm"]\n',
     '5:12: mailbox.alice.deliver: a delivery line cannot hold a newline or NUL; write '
     'one line an array element'),
    ("NUL in alias",
     DOMAIN + '[alias.sales]\n'
              'deliver = ["&a\\u0000b@example.org"]\n',
     '5:12: alias.sales.deliver: a delivery line cannot hold a newline or NUL; write one '
     'line an array element'),
    ("newline in last_login",
     MAILBOX + 'last_login = { at = 2026-01-31T08:00:00Z, from = "a\\nb" }\n',
     '5:50: mailbox.alice.last_login.from: cannot hold a newline or NUL'),
    ("archive outside",
     MAILBOX + 'mail = { archive = "../a.tar.zst", messages = 1, bytes = 1, sha256 = '
               '"0000000000000000000000000000000000000000000000000000000000000000" }\n',
     "5:20: mailbox.alice.mail.archive: must be a path below the archives' directory"),
    ("archive absolute",
     MAILBOX + 'mail = { archive = "/etc/passwd", messages = 1, bytes = 1, sha256 = '
               '"0000000000000000000000000000000000000000000000000000000000000000" }\n',
     "5:20: mailbox.alice.mail.archive: must be a path below the archives' directory"),
    ("archive digest short",
     MAILBOX + 'mail = { archive = "a.tar.zst", messages = 1, bytes = 1, sha256 = "00" }\n',
     '5:67: mailbox.alice.mail.sha256: is not a digest of 64 lower-case hexadecimal digits'),
    ("archive not there",
     MAILBOX + 'mail = { archive = "a.tar.zst", messages = 1, bytes = 1, sha256 = '
               '"0000000000000000000000000000000000000000000000000000000000000000" }\n',
     '5:20: mailbox.alice.mail: there is no archive {directory}/a.tar.zst; name its '
     'directory with --mail, or take the key out'),
    ("archive count negative",
     MAILBOX + 'mail = { archive = "a.tar.zst", messages = -1, sha256 = '
               '"0000000000000000000000000000000000000000000000000000000000000000" }\n',
     '5:44: mailbox.alice.mail.messages: is -1, at least 0 is wanted'),
    ("file climbs out",
     DOMAIN + '[[file]]\n'
              'path = "a/../../b"\n'
              'text = "x"\n',
     '5:8: file.path: "a/../../b" is not a path below the domain\'s directory'),
    ("file absolute",
     DOMAIN + '[[file]]\n'
              'path = "/etc/passwd"\n'
              'text = "x"\n',
     '5:8: file.path: "/etc/passwd" is not a path below the domain\'s directory'),
    ("file twice",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'text = "x"\n'
              '[[file]]\n'
              'path = "a"\n'
              'text = "y"\n',
     '8:8: file.path: "a" is described twice'),
    ("file mode",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'text = "x"\n'
              'mode = "rw-"\n',
     '7:8: file.mode: "rw-" is not four octal digits that begin with 0'),
    ("file mode set-uid",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'text = "x"\n'
              'mode = "4755"\n',
     '7:8: file.mode: "4755" is not four octal digits that begin with 0'),
    ("file base64",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'base64 = "%%%"\n',
     '6:10: file.base64: is not base64'),
    ("file of a mailbox of nobody",
     DOMAIN + '[[file]]\n'
              'path = "{mailbox:bob}/x"\n'
              'text = "x"\n',
     '4:1: file: there is no mailbox "bob" in this file'),
    ("subscriber without @",
     DOMAIN + '[list.news]\n'
              'subscribers = ["nobody"]\n',
     '5:16: list.news.subscribers: "nobody" is not an address'),
    ("subscriber twice",
     DOMAIN + '[list.news]\n'
              'subscribers = ["a@example.org", "a@example.org"]\n',
     '5:33: list.news.subscribers: "a@example.org" is named twice'),
    ("moderator of nobody",
     DOMAIN + '[list.news]\n'
              'moderators = ["bob@example.com"]\n',
     '5:14: list.news.moderators: there is no mailbox or alias "bob@example.com" in this file'),
    ("list key",
     DOMAIN + '[list.news]\n'
              'key = "%"\n',
     '5:7: list.news.key: is not base64'),
    ("alias and autoresponder",
     DOMAIN + '[alias.info]\n'
              'deliver = ["#"]\n'
              '[autoresponder.info]\n'
              'message = "x"\n'
              'limit = { replies = 5, seconds = 1 }\n',
     '6:16: "info" is an alias as well; both would be the file .qmail-info'),
    ("robot copies to a program",
     DOMAIN + '[autoresponder.info]\n'
              'message = "x"\n'
              'copy_to = ["|rm"]\n'
              'limit = { replies = 5, seconds = 1 }\n',
     '6:11: autoresponder.info.copy_to: "|rm" is not a forward'),
    ("several at once",
     'vstate = 2\n'
     '[domain]\n'
     'name = "x"\n'
     'colour = "red"\n'
     '[mailbox.alice]\n'
     'quota = { bytes = 0 }\n'
     'gecos = "a:b"\n'
     '[alias.sales]\n',
     '1:10: vstate: format version 2 is not known to this program; use a newer vstate\n'
     '3:8: domain.name: domain name "x" has 1 characters, 3 to 96 are allowed\n'
     '4:1: unknown key "colour" in [domain]\n'
     '6:19: mailbox.alice.quota.bytes: is 0, at least 1 is wanted\n'
     '7:9: mailbox.alice.gecos: holds a colon, newline, or NUL, which vpasswd cannot hold\n'
     '8:1: alias.sales: "deliver" is missing'),
)


OPEN_ROWS = {
    "mailbox name with newline": (
     DOMAIN + '[mailbox."a\\nb"]\n',
     '4:10: mailbox name "a\\x0ab" contains byte 0x0a, which vpopmail refuses'),
    "file is the account store": (
     DOMAIN + '[[file]]\n'
              'path = "vpasswd"\n'
              'text = "x"\n',
     '5:8: file.path: "vpasswd" is kept by vpopmail'),
    "file is an alias": (
     DOMAIN + '[alias.sales]\n'
              'deliver = ["#"]\n'
              '[[file]]\n'
              'path = ".qmail-sales"\n'
              'text = "x"\n',
     '7:8: file.path: ".qmail-sales" is described by alias.sales as well'),
    "subscriber with newline": (
     DOMAIN + '[list.news]\n'
              'subscribers = ["a@example.org\\n"]\n',
     '5:16: list.news.subscribers: "a@example.org\\x0a" cannot be a subscriber (at most '
     '400 bytes, no newline)'),
    "list file climbs out": (
     DOMAIN + '[list.news]\n'
              '[list.news.files]\n'
              '"../x" = "y"\n',
     '6:10: list.news.files."../x": is not a path in the list\'s directory'),
}


class BadValuesTest(WrongFileCase):
    def test_each_row(self):
        """DESIGN 3: every wrong value is refused with its place, all at once, before anything is touched."""
        self.check_rows(ROWS)

    @unittest.expectedFailure
    def test_control_characters_of_a_name(self):
        """A control character of a name does not reach the terminal."""
        self.check_row(*OPEN_ROWS["mailbox name with newline"])

    @unittest.expectedFailure
    def test_file_is_the_account_store(self):
        """A [[file]] cannot replace vpasswd."""
        self.check_row(*OPEN_ROWS["file is the account store"])

    @unittest.expectedFailure
    def test_file_is_an_alias(self):
        """A [[file]] cannot be a second description of an alias."""
        self.check_row(*OPEN_ROWS["file is an alias"])

    @unittest.expectedFailure
    def test_control_characters_of_an_address(self):
        """A control character of an address does not reach the terminal."""
        self.check_row(*OPEN_ROWS["subscriber with newline"])

    @unittest.expectedFailure
    def test_quoted_key_of_a_list(self):
        """A key that is no bare key is shown in quotes."""
        self.check_row(*OPEN_ROWS["list file climbs out"])


if __name__ == "__main__":
    support.main()
