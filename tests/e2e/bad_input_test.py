"""Wrong domain files, their syntax, keys, types, and names: what check, plan, and
apply say of each to the letter, with line and column, and that nothing is changed. DESIGN 3,
"strict on input"."""

import support
from wrong_files import DOMAIN, MAILBOX, WrongFileCase

ROWS = (
    ("empty file",
     '',
     '1:1: the file: "vstate" is missing\n'
     '1:1: the file: "domain" is missing'),
    ("syntax: no value",
     'vstate = 1\n'
     '[domain]\n'
     'name = \n',
     "3:8: …"),
    ("syntax: open string",
     MAILBOX + 'gecos = "Alice\n',
     "5:15: …"),
    ("syntax: key twice",
     MAILBOX + 'gecos = "a"\n'
               'gecos = "b"\n',
     "6:9: …"),
    ("syntax: table twice",
     MAILBOX + '[mailbox.alice]\n',
     "5:1: …"),
    ("syntax: not UTF-8",
     MAILBOX + 'gecos = "M\udcfcller"\n',
     "5:10: …"),
    ("no version",
     '[domain]\n'
     'name = "example.com"\n',
     '1:1: the file: "vstate" is missing'),
    ("version 2",
     'vstate = 2\n'
     '[domain]\n'
     'name = "example.com"\n',
     '1:10: vstate: format version 2 is not known to this program; use a newer vstate'),
    ("version as text",
     'vstate = "1"\n'
     '[domain]\n'
     'name = "example.com"\n',
     '1:10: vstate: is a string, a whole number is wanted'),
    ("no domain",
     'vstate = 1\n',
     '1:1: the file: "domain" is missing'),
    ("domain without name",
     'vstate = 1\n'
     '[domain]\n'
     'aliases = []\n',
     '2:1: domain: "name" is missing'),
    ("domain is text",
     'vstate = 1\n'
     'domain = "example.com"\n',
     '2:10: domain: is a string, a table is wanted'),
    ("unknown table",
     DOMAIN + '[mailboxes.alice]\n',
     '4:2: unknown key "mailboxes"; did you mean "mailbox"?'),
    ("unknown key in domain",
     DOMAIN + 'alias = ["example.net"]\n',
     '4:1: unknown key "alias" in [domain]; did you mean "aliases"?'),
    ("unknown key in limits",
     DOMAIN + '[domain.limits]\n'
              'max_mailboxs = 5\n',
     '5:1: unknown key "max_mailboxs" in [domain.limits]; did you mean "max_mailboxes"?'),
    ("unknown key in mailbox",
     MAILBOX + 'pasword = "x"\n',
     '5:1: unknown key "pasword" in [mailbox.alice]; did you mean "password"?'),
    ("unknown key without a near one",
     MAILBOX + 'colour = "red"\n',
     '5:1: unknown key "colour" in [mailbox.alice]'),
    ("unknown key in quota",
     MAILBOX + 'quota = { byte = 5 }\n',
     '5:9: mailbox.alice.quota: names neither bytes nor messages; leave quota out for no '
     'quota\n'
     '5:11: unknown key "byte" in [mailbox.alice.quota]; did you mean "bytes"?'),
    ("unknown key in last_login",
     MAILBOX + 'last_login = { at = 2026-01-31T08:00:00Z, form = "192.0.2.1" }\n',
     '5:43: unknown key "form" in [mailbox.alice.last_login]; did you mean "from"?'),
    ("unknown key in alias",
     DOMAIN + '[alias.sales]\n'
              'delivr = ["&a@example.org"]\n'
              'deliver = ["#"]\n',
     '5:1: unknown key "delivr" in [alias.sales]; did you mean "deliver"?'),
    ("unknown key in autoresponder",
     DOMAIN + '[autoresponder.info]\n'
              'message = "x"\n'
              'limits = 5\n'
              'limit = { replies = 5, seconds = 1 }\n',
     '6:1: unknown key "limits" in [autoresponder.info]; did you mean "limit"?'),
    ("unknown key in list",
     DOMAIN + '[list.news]\n'
              'subscriber = ["a@example.org"]\n',
     '5:1: unknown key "subscriber" in [list.news]; did you mean "subscribers"?'),
    ("unknown key in file",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'text = "x"\n'
              'mod = "0600"\n',
     '7:1: unknown key "mod" in [file]; did you mean "mode"?'),
    ("unknown key in archive",
     MAILBOX + 'mail = { archive = "a.tar.zst", message = 1, sha256 = '
               '"0000000000000000000000000000000000000000000000000000000000000000" }\n',
     '5:33: unknown key "message" in [mailbox.alice.mail]; did you mean "messages"?'),
    ("password is a number",
     MAILBOX + 'password = 5\n',
     '5:12: mailbox.alice.password: is a whole number, a string is wanted'),
    ("gecos is an array",
     MAILBOX + 'gecos = ["Alice"]\n',
     '5:9: mailbox.alice.gecos: is an array, a string is wanted'),
    ("quota is text",
     MAILBOX + 'quota = "10M"\n',
     '5:9: mailbox.alice.quota: is a string, a table is wanted'),
    ("bytes is a fraction",
     MAILBOX + 'quota = { bytes = 1.5 }\n',
     '5:19: mailbox.alice.quota.bytes: is a fraction, a whole number is wanted'),
    ("deliver is text",
     MAILBOX + 'deliver = "./Maildir/"\n',
     '5:11: mailbox.alice.deliver: is a string, an array of strings is wanted'),
    ("deliver holds a number",
     MAILBOX + 'deliver = ["#", 5]\n',
     '5:17: mailbox.alice.deliver: is a whole number, a string is wanted'),
    ("apop is text",
     MAILBOX + 'apop = "yes"\n',
     '5:8: mailbox.alice.apop: is a string, true or false is wanted'),
    ("mailbox is text",
     DOMAIN + '[mailbox]\n'
              'alice = "x"\n',
     '5:1: mailbox.alice: is not a table'),
    ("created is a date",
     MAILBOX + 'created = 2026-01-31\n',
     '5:11: mailbox.alice.created: is a date without a time, a date and time with its '
     'offset, such as 2026-01-31T08:00:00Z is wanted'),
    ("file is a table",
     DOMAIN + '[file]\n'
              'path = "a"\n',
     '4:1: file: is not an array of tables; write [[file]]'),
    ("alias without deliver",
     DOMAIN + '[alias.sales]\n',
     '4:1: alias.sales: "deliver" is missing'),
    ("autoresponder without message and limit",
     DOMAIN + '[autoresponder.info]\n',
     '4:1: autoresponder.info: "message" is missing\n'
     '4:1: autoresponder.info: "limit" is missing'),
    ("limit without seconds",
     DOMAIN + '[autoresponder.info]\n'
              'message = "x"\n'
              'limit = { replies = 5 }\n',
     '6:9: autoresponder.info.limit: "seconds" is missing'),
    ("archive without digest",
     MAILBOX + 'mail = { archive = "a.tar.zst" }\n',
     '5:8: mailbox.alice.mail: "sha256" is missing'),
    ("file without path",
     DOMAIN + '[[file]]\n'
              'text = "x"\n',
     '4:1: file: "path" is missing'),
    ("file without content",
     DOMAIN + '[[file]]\n'
              'path = "a"\n',
     '4:1: file "a": exactly one of text, base64, link, and directory is wanted'),
    ("file with two contents",
     DOMAIN + '[[file]]\n'
              'path = "a"\n'
              'text = "x"\n'
              'link = "y"\n',
     '4:1: file "a": exactly one of text, base64, link, and directory is wanted'),
    ("created beside last_login",
     MAILBOX + 'created = 2026-01-31T08:00:00Z\n'
               'last_login = { at = 2026-01-31T08:00:00Z, from = "192.0.2.1" }\n',
     '5:11: mailbox.alice.created: stands beside last_login; keep one of them'),
    ("domain name with underscore",
     'vstate = 1\n'
     '[domain]\n'
     'name = "exam_ple.com"\n',
     '3:8: domain.name: domain name "exam_ple.com" contains \'_\''),
    ("domain name too short",
     'vstate = 1\n'
     '[domain]\n'
     'name = "ab"\n',
     '3:8: domain.name: domain name "ab" has 2 characters, 3 to 96 are allowed'),
    ("domain name with dash first",
     'vstate = 1\n'
     '[domain]\n'
     'name = "-example.com"\n',
     '3:8: domain.name: domain name "-example.com" begins or ends with a dash'),
    ("alias domain is the domain",
     DOMAIN + 'aliases = ["example.net", "EXAMPLE.com"]\n',
     '4:27: domain.aliases: "EXAMPLE.com" is the domain itself'),
    ("alias domain twice",
     DOMAIN + 'aliases = ["example.net", "example.net"]\n',
     '4:27: domain.aliases: "example.net" is named twice'),
    ("alias domain illegal",
     DOMAIN + 'aliases = ["example net"]\n',
     '4:12: domain name "example net" contains byte 0x20'),
    ("mailboxes that differ in case",
     MAILBOX + '[mailbox.Alice]\n',
     '4:10: mailbox "Alice" and "alice" are the same name for vpopmail; keep one of them'),
    ("mailbox name with blank",
     DOMAIN + '[mailbox."al ice"]\n',
     '4:10: mailbox name "al ice" contains byte 0x20, which vpopmail refuses'),
    ("mailbox name with slash",
     DOMAIN + '[mailbox."../alice"]\n',
     '4:10: mailbox name "../alice" contains \'/\', which vpopmail refuses'),
    ("mailbox name is dots",
     DOMAIN + '[mailbox.".."]\n',
     '4:10: mailbox name ".." cannot be a directory'),
    ("mailbox name too long",
     DOMAIN + '[mailbox.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n',
     '4:10: mailbox name '
     '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" has 65 '
     'characters, 1 to 64 are allowed'),
    ("mailbox name empty",
     DOMAIN + '[mailbox.""]\n',
     '4:10: mailbox name "" has 0 characters, 1 to 64 are allowed'),
    ("alias name with upper case",
     DOMAIN + '[alias.Sales]\n'
              'deliver = ["#"]\n',
     '4:8: alias name "Sales" has upper-case letters, which mail never selects'),
)


class BadInputTest(WrongFileCase):
    def test_each_row(self):
        """DESIGN 3: every wrong file is refused with its place, before anything is
        touched."""
        self.check_rows(ROWS)


if __name__ == "__main__":
    support.main()
