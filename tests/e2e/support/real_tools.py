"""What the real tools printed for the captured servers (vdominfo, vuserinfo, vmoddomlimits, valias,
ezmlm-list), and checks that a dump agrees with it, field by field."""

import os
import re

from . import formats
from .captures import captured_server, captured_text, needs_captures
from .cases import needs_root
from .domains import load_toml

# vuserinfo prints pw_gid; these are vpopmail.h's bits under the words of the file.
DENIALS = {"password_change": 1, "pop3": 2, "webmail": 4, "imap": 8, "delivery": 16, "relay": 32,
           "dialup": 64, "smtp": 2048, "spamassassin": 16384, "maildrop": 262144}
FLAGS = {"user0": 128, "user1": 256, "user2": 512, "user3": 1024, "domain_admin": 4096,
         "override_limits": 8192, "delete_spam": 32768, "system_admin": 65536, "expert": 131072}
COUNTS = {"Max Pop Accounts": "max_mailboxes", "Max Aliases": "max_aliases",
          "Max Forwards": "max_forwards", "Max Autoresponders": "max_autoresponders",
          "Max Mailinglists": "max_lists"}
AMOUNTS = {"Domain Quota": "quota_megabytes", "Default User Quota": "default_quota_bytes",
           "Max Domain Messages": "quota_messages",
           "Default Max Messages per User": "default_quota_messages"}
PERMISSIONS = {"pop account": "deny_mailboxes", "alias": "deny_aliases",
               "forward": "deny_forwards", "autoresponder": "deny_autoresponders",
               "quota": "deny_quota", "default quota": "deny_default_quota"}
SERVICES = {"NO_IMAP": "imap", "NO_WEBMAIL": "webmail", "NO_RELAY": "relay", "NO_SMTP": "smtp",
            "NO_POP": "pop3", "NO_PASSWD_CHNG": "password_change", "NO_DIALUP": "dialup"}
SUBLISTS = {"": "subscribers", "mod": "moderators", "digest": "digest", "allow": "allow",
            "deny": "deny"}
ROBOT = re.compile(r"\|(\S*)/autorespond (\d+) (\d+) (\S+)/message \S+$")


class Printed:
    """One NAME.txt: the tools' output by command line, and the clear-text passwords."""

    def __init__(self, text):
        facts, _, tools = text.partition("Real tool output\n-----\n")
        tools = tools.split("\nDeliveries made with")[0]
        self.output = {}
        for part in re.split(r"(?m)^\$ ", tools)[1:]:
            command, _, output = part.partition("\n")
            self.output[command] = output.rstrip("\n") + "\n"
        listed = facts.partition("Clear-text passwords")[2]
        self.passwords = dict(re.findall(r"(?m)^(\S+@\S+)\t(.+)$", listed))

    def of(self, tool):
        """(subject, output) of every call of a tool."""
        return [(command[len(tool) + 1:], output) for command, output in self.output.items()
                if command.startswith(tool + " ")]


def fields(output):
    return dict(re.findall(r"(?m)^([^:\n]+?):[ \t]*(.*)$", output))


def flag_word(mailbox):
    words = [DENIALS[word] for word in mailbox.get("disable", [])]
    for word in mailbox.get("flags", []):
        words.append(1 << int(word[4:]) if word.startswith("bit:") else FLAGS[word])
    return sum(words)


def quota_text(mailbox):
    quota = mailbox.get("quota", {})
    parts = [f"{quota['bytes']}S"] if "bytes" in quota else []
    parts += [f"{quota['messages']}C"] if "messages" in quota else []
    return ",".join(parts) or "NOQUOTA"


def normalised(quota):
    """A quota as vpopmail counts it, for what the captures hold."""
    units = {"": 1, "K": 1024, "M": 1048576}
    size = count = 0
    for part in [] if quota.startswith("NO") or not quota else quota.split(","):
        if part.endswith("C"):
            count = int(part[:-1])
        else:
            number, unit = re.match(r"(\d+)([KM]?)", part.upper()).groups()
            size = int(number) * units[unit]
    parts = ([f"{size}S"] if size else []) + ([f"{count}C"] if count else [])
    return ",".join(parts) or "NOQUOTA"


def account_rows(output):
    """(name, gid, directory, quota) of `vuserinfo -n -g -q -d -D`."""
    lines = [line for line in output.splitlines() if not line.startswith("-----")]
    lines += [""] * (-len(lines) % 4)  # an empty quota at the end was cut with the output's end
    return [tuple(lines[at:at + 4]) for at in range(0, len(lines), 4)]


@needs_captures
class RealTools:
    """The checks for one capture; sub-classes name it. Not a test by itself."""

    capture = ""

    @classmethod
    def setUpClass(cls):
        cls.printed = Printed(captured_text(cls.capture))
        cls.source = captured_server(cls.capture)
        cls.dumps = {}

    def dump(self, domain):
        if domain not in self.dumps:
            done = self.source.vstate("-q", "dump", "--clear-passwords", domain)
            self.dumps[domain] = load_toml(self.check_exit(done).out)
        return self.dumps[domain]

    def placed(self, text, domain):
        """Placeholders of the dump as the captured server has them."""
        directory = self.directory_of(domain)
        homes = {name: home for name, _, home, _ in self.rows(domain)}
        text = text.replace("{domain}", directory).replace("{vpopmail}", self.source.home)
        text = text.replace("{qmail}", self.source.qmail)
        text = text.replace("{ezmlm}", "/opt/real/ezmlm/bin")
        text = text.replace("{autorespond}", self.source.qmail + "/bin/autorespond")
        text = re.sub(r"\{mailbox:([^}]+)\}", lambda found: homes[found[1]], text)
        return text.replace("{{", "{").replace("}}", "}")

    def directory_of(self, domain):
        return fields(self.printed.output[f"vdominfo {domain}"])["dir"]

    def rows(self, domain):
        return account_rows(self.printed.output.get(f"vuserinfo -n -g -q -d -D {domain}", ""))

    def listed_domains(self):
        return [subject.split()[-1] for subject, _ in self.printed.of("vuserinfo")
                if subject.startswith("-n ")]

    def test_vdominfo(self):
        """Alias domains and the number of accounts are those of vdominfo, also when it was asked
        for an alias; with that the domain is found whichever directory hashing gave it."""
        for asked, output in self.printed.of("vdominfo"):
            with self.subTest(domain=asked):
                said = fields(output)
                state = self.dump(said["domain"])
                aliases = re.findall(r"(?m)^alias: (\S+)", output)
                self.assertEqual(state["domain"].get("aliases", []), sorted(aliases))
                self.assertEqual(len(state["mailbox"]), int(said["users"]))

    def test_vuserinfo_of_single_accounts(self):
        """Hash, clear password, gecos, flags, and quota are those of vuserinfo -a; an account that
        it does not know is not in the dump."""
        for subject, output in self.printed.of("vuserinfo"):
            if not subject.startswith("-a "):
                continue
            with self.subTest(account=subject[3:]):
                name, domain = subject[3:].split("@")
                mailboxes = self.dump(domain)["mailbox"]
                if output.startswith("no such user"):
                    self.assertNotIn(name, mailboxes)
                else:
                    self.check_account(mailboxes[name], fields(output))

    def check_account(self, mailbox, said):
        self.assertEqual(mailbox.get("password", ""), said["passwd"])
        self.assertEqual(mailbox.get("clear_password", ""), said["clear passwd"])
        gecos = mailbox.get("gecos", "").replace("{{", "{").replace("}}", "}")
        self.assertEqual(gecos, said["comment/gecos"])
        self.assertEqual(mailbox.get("apop", False), said["uid"] == "2")
        self.assertEqual(flag_word(mailbox), int(said["gid"]))
        self.assertEqual(quota_text(mailbox), normalised(said["quota"]))

    def test_all_accounts(self):
        """The accounts are exactly those of vuserinfo -D, with their flags and quotas."""
        for domain in self.listed_domains():
            with self.subTest(domain=domain):
                here = {name: (str(flag_word(box)), quota_text(box))
                        for name, box in self.dump(domain)["mailbox"].items()}
                said = {name: (gid, normalised(quota))
                        for name, gid, _, quota in self.rows(domain)}
                self.assertEqual(here, said)

    def test_directories(self):
        """Each account is found in the directory that vuserinfo -D names."""
        for domain in self.listed_domains():
            with self.subTest(domain=domain):
                rows = self.rows(domain)
                done = self.source.vstate("route", *(f"{row[0]}@{domain}" for row in rows))
                found = re.findall(r"(?m)^(\S+)@\S+\n(?:  .*\n)*?  vdelivermail delivers to (\S+)$",
                                   done.out)
                said = {name: home for name, _, home, _ in rows}
                self.assertEqual({name: home for name, home in found},
                                 {name: said[name] for name, _ in found})
                self.assertGreater(len(found), len(rows) * 0.9)

    def test_vmoddomlimits(self):
        """Limits are those of vmoddomlimits -S, each under its key, with nothing beyond."""
        for subject, output in self.printed.of("vmoddomlimits"):
            with self.subTest(domain=subject):
                domain = subject.split()[-1]
                limits = dict(self.dump(domain)["domain"].get("limits", {}))
                self.check_limits(limits, output)

    def check_limits(self, limits, output):
        said = fields(output)
        wanted = {key: int(said[title]) for title, key in COUNTS.items() if said[title] != "-1"}
        for title, key in AMOUNTS.items():
            if amount := int(said[title].split()[0]):
                wanted[key] = amount
        for title, key in PERMISSIONS.items():
            if mask := denied(said[f"  {title}"]):
                wanted[key] = mask
        lists = sum(denied(said[f"  {title}"]) << shift for title, shift in
                    (("mailinglist", 0), ("mailinglist users", 3), ("mailinglist moderators", 6)))
        wanted |= {"deny_lists": lists} if lists else {}
        services = re.findall(r"(?m)^  (NO_[A-Z_]+)$", output)
        self.assertEqual(set(limits.pop("disable", [])), {SERVICES[name] for name in services})
        self.assertEqual(limits, wanted)

    def test_valias(self):
        """Alias lines, in their order, are those of valias -s, which cuts lines at 160 characters;
        autoresponders and lists account for all others that it shows."""
        for subject, output in self.printed.of("valias"):
            domain = subject.split()[-1]
            said = {}
            for name, line in re.findall(r"(?m)^(\S+)@\S+ -> (.*)$", output):
                said.setdefault(name, []).append(line)
            state = self.dump(domain)
            with self.subTest(domain=domain):
                others = set(state.get("autoresponder", {})) | set(state.get("list", {}))
                self.assertEqual(set(state.get("alias", {})) | others, set(said))
                self.check_alias_lines(state, domain, said)

    def check_alias_lines(self, state, domain, said):
        for name, lines in said.items():
            if name in state.get("alias", {}):
                deliver = state["alias"][name]["deliver"]
                self.assertEqual([self.placed(line, domain) for line in deliver], lines)
            elif name in state.get("list", {}):
                editor = state["list"][name]["files"]["editor"]
                self.assertEqual(cut(self.placed(editor, domain)), lines)
            else:
                self.check_robot(state["autoresponder"][name], name, domain, lines)

    def check_robot(self, robot, name, domain, lines):
        _, seconds, replies, directory = ROBOT.match(lines[0]).groups()
        self.assertEqual(robot["limit"], {"replies": int(replies), "seconds": int(seconds)})
        self.assertEqual(directory, f"{self.directory_of(domain)}/{name.upper()}")
        self.assertEqual(robot.get("copy_to", []), lines[1:])

    def test_ezmlm_list(self):
        """Subscribers, moderators, digest, allow, and deny are those of ezmlm-list."""
        asked = self.printed.of("ezmlm-list")
        self.assertGreaterEqual(len(asked), 10)
        for subject, output in asked:
            with self.subTest(list=subject):
                path, _, sublist = subject.partition(" ")
                domain, name = path.split("/")[-2:]
                addresses = self.dump(domain)["list"][name].get(SUBLISTS[sublist], [])
                self.assertEqual(sorted(addresses), sorted(output.split()))

    @needs_root
    def test_passwords_open_the_accounts(self):
        """After an apply each known clear-text password matches, by this system's crypt(3), the
        hash in vpasswd and the one in vpasswd.cdb; accounts there are those of the capture."""
        target = self.server(clear=self.capture == "vp54-cdb")
        for domain in sorted({address.split("@")[1] for address in self.printed.passwords}):
            done = self.source.vstate("-q", "dump", "--clear-passwords", domain)
            self.apply(target, self.file(domain + ".toml", self.check_exit(done).out))
            self.check_passwords(target, domain)

    def check_passwords(self, target, domain):
        directory = target.directory_of(domain)
        lines = target.read(directory + "/vpasswd").decode().splitlines()
        index = target.read(directory + "/vpasswd.cdb")
        text = {line.split(":", 1)[0]: line.split(":", 1)[1] for line in lines}
        self.assertEqual(set(text), set(self.dump(domain)["mailbox"]))
        self.assertEqual({key.decode(): data.decode() for key, data in formats.cdb_records(index)},
                         text)
        for address, clear in self.printed.passwords.items():
            name, host = address.split("@")
            if host != domain:
                continue
            hashed = formats.cdb_find(index, name.encode()).decode().split(":")[0]
            with self.subTest(account=address):
                self.assertEqual(hashed, text[name].split(":")[0])
                known = re.sub(r"^\{[A-Z0-9-]+\}", "", hashed)  # 5.6 strips it at log-in
                self.assertEqual(formats.crypt(clear, known) if known else "",
                                 known if clear != "-" else "")
                self.assertTrue(os.path.isdir(target.at(text[name].split(":")[4]) + "/Maildir/new"))


def denied(text):
    return sum(bit for bit, word in ((1, "DENY_CREATE"), (2, "DENY_MODIFY"), (4, "DENY_DELETE"))
               if word in text)


def cut(text):
    """Lines as valias shows them: its buffer takes 159 bytes at a time."""
    return [line[at:at + 159] for line in text.splitlines() for at in range(0, len(line) or 1, 159)]
