"""The documents agree with the program: links lead somewhere, commands, options and exit statuses
exist, figures were measured, and the README's plan is what the program prints.

VSTATE_GOLDEN=write  renews the README's plan instead of comparing it
"""

import glob
import os
import re
import subprocess
import unittest

import support
from support.example_server import EXAMPLES

README = os.path.join(support.TREE, "README.md")
IS_WRITING = os.environ.get("VSTATE_GOLDEN") == "write"
SKIPPED = ("build", ".git", "tests")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Options of other programs that the documents name.
FOREIGN = {"--delete", "--zstd"}
NEW_MESSAGE = b"From: shop@example.org\nSubject: Order\n\nTen of them, please.\n"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documents():
    for directory, below, names in os.walk(support.TREE):
        below[:] = [name for name in below
                    if os.path.relpath(os.path.join(directory, name), support.TREE) not in SKIPPED]
        yield from (os.path.join(directory, name) for name in sorted(names)
                    if name.endswith(".md"))


def manual():
    """What describes the present program to its user."""
    return [path for path in documents()
            if path == README or os.path.relpath(path, support.TREE).startswith("docs" + os.sep)]


def anchor_of(title):
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def table(text, head):
    """The rows below a table's head, each a list of cells."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {head} |"):
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[1:]


class LinkTest(support.SandboxCase):
    def test_links(self):
        """Each link within the tree leads to a file, and to a title in it."""
        missing = []
        for path in documents():
            for link in LINK.findall(CODE.sub("", read(path))):
                if re.match(r"[a-z]+:", link):
                    continue
                name, _, anchor = link.partition("#")
                place = path
                if name:
                    place = os.path.normpath(os.path.join(os.path.dirname(path), name))
                is_there = os.path.exists(place) and place.startswith(support.TREE)
                if is_there and anchor:
                    titles = re.findall(r"^#+ (.*)$", read(place), re.M)
                    is_there = anchor in map(anchor_of, titles)
                if not is_there:
                    missing.append(f"{os.path.relpath(path, support.TREE)}: {link}")
        self.assertEqual(missing, [])


class WordsTest(support.SandboxCase):
    def setUp(self):
        self.commands = re.findall(r"^  (\w+)", self.help().partition("Subcommands:\n")[2], re.M)
        if not self.commands:
            self.skipTest("this version of CLI11 lays out help in another way")
        self.options = {command: set(OPTION.findall(self.help(command)))
                        for command in self.commands}
        self.common = set(OPTION.findall(self.help()))

    def help(self, *words):
        return self.check_exit(support.run(*words, "--help")).out

    def test_options(self):
        """Each option that the manual names is one of the program's."""
        known = self.common.union(FOREIGN, *self.options.values())
        for path in manual():
            named = set(OPTION.findall(read(path)))
            self.assertEqual(named - known, set(), path)

    def test_command_lines(self):
        """A line that begins with vstate and a word names a command, and options that it has."""
        for path in manual():
            text = read(path)
            lines = re.findall(r"^ {4}(?:.*\| )?vstate (.*)$", text, re.M)
            lines += re.findall(r"`vstate ([^`]+)`", text)
            for line in lines:
                words = line.partition("   #")[0].split()
                command = next((word for word in words if word in self.options), None)
                if command is None:
                    self.assertTrue(words[0] in ("COMMAND", "=") or words[0].startswith("-"),
                                    f"{path}: {line}")
                    continue
                known = self.options[command] | self.common
                self.assertEqual(set(OPTION.findall(line)) - known, set(), f"{path}: {line}")

    def test_commands(self):
        """The README's table has each command once, with options of its own."""
        listed = []
        for cell, _ in table(read(README), "command"):
            forms = [form.split() for form in re.findall(r"`([^`]+)`", cell)]
            self.assertEqual(len({form[0] for form in forms}), 1, cell)
            command = forms[0][0]
            listed.append(command)
            self.assertIn(command, self.options)
            self.assertEqual(set(OPTION.findall(cell)) - self.options[command], set(), cell)
        self.assertEqual(sorted(listed), sorted(self.commands))

    def test_exit_statuses(self):
        """The README's table is that of src/cli/exit.h."""
        header = read(os.path.join(support.TREE, "src/cli/exit.h"))
        there = re.findall(r"^\s+\w+ = (\d+),", header, re.M)
        self.assertEqual([row[0] for row in table(read(README), "exit")], there)


class FigureTest(unittest.TestCase):
    def test_speed(self):
        """Each figure of docs/speed.md is in a table that a bench wrote."""
        tables = "".join(map(read, glob.glob(os.path.join(support.TREE, "bench/*.md"))))
        text = read(os.path.join(support.TREE, "docs/speed.md"))
        figures = re.findall(r"[\d.]+ s\b|×[\d.]+|\d+ MiB", text)
        self.assertEqual([figure for figure in figures if figure not in tables], [])


class FileTest(support.SandboxCase):
    def test_example_of_a_file(self):
        """The README's file is valid, but for what it cuts short."""
        block = re.search(r"^## The file$(.*?)^## ", read(README), re.M | re.S)[1]
        lines = [line.strip() for line in block.splitlines() if "…" not in line]
        path = self.file("example.com.toml", "\n".join(lines) + "\n")
        self.check_exit(support.run("check", path))


class PlanTest(support.SandboxCase):
    def server_of(self, tree):
        root = os.path.join(self.directory, tree)
        subprocess.run([os.path.join(EXAMPLES, "make-server.py"), tree, root], check=True)
        return support.Server(root)

    def changed(self, path, *replacements):
        text = read(path)
        for old, new in replacements:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def week(self):
        """The example's two servers a week later: the words that plan it."""
        old, new = self.server_of("old-server"), self.server_of("empty-server")
        path, mail = (os.path.join(self.directory, name) for name in ("example.com.toml", "mail"))
        dump = ("-q", "dump", "example.com", "-o", path, "--mail", mail)
        self.check_exit(old.vstate(*dump))
        self.apply(new, path, "--mail", mail)
        # Mail comes to the old server.
        place = old.at("/home/vpopmail/domains/example.com/alice/Maildir/new")
        message = os.path.join(place, "1762070000.M1P1.old.example.net")
        with open(message, "wb") as file:
            file.write(NEW_MESSAGE)
        support.give(message)
        os.chown(message, os.stat(place).st_uid, os.stat(place).st_gid)
        self.check_exit(old.vstate(*dump))
        # The file gets another quota, another forward, a new mailbox, and loses one.
        text = read(path)
        frank = re.search(r"\[mailbox\.frank\]\n(?:.+\n)+\n", text)[0]
        password = re.search(r'password = "\$6\$.*"\n', text)[0]
        grace = f"[mailbox.grace]\n{password}quota = {{ bytes = 104857600 }}\n\n"
        self.changed(path, (frank, grace),
                     ('gecos = "Bob"\nquota = { bytes = 10485760 }',
                      'gecos = "Bob"\nquota = { bytes = 52428800 }'),
                     ("&reseller@example.org", "&shop@example.org"))
        # A person on the new server changes a forward and removes an alias.
        domain = new.at("/srv/vpopmail/domains/0/example.com")
        self.changed(os.path.join(domain, ".qmail-sales"), ("reseller", "partner"))
        os.remove(os.path.join(domain, ".qmail-abuse"))
        return new, ("plan", path, "--mail", mail)

    def test_plan(self):
        """The README's plan is the plan, and its table explains each sign."""
        server, words = self.week()
        printed = self.check_exit(server.vstate(*words)).out
        text = read(README)
        parts = re.match(r"(.*?^## A plan\n\n.*?\n\n)((?:    .*\n|\n)+?)(\| sign .*)", text,
                         re.M | re.S)
        head, block, tail = parts.groups()
        wanted = "".join(f"    {line}".rstrip() + "\n" for line in printed.splitlines()) + "\n"
        if IS_WRITING:
            with open(README, "w", encoding="utf-8") as file:
                file.write(head + wanted + tail)
            return
        self.assertEqual(block, wanted)

    def test_signs(self):
        """The README explains the signs that a plan explains, and no other."""
        server, words = self.week()
        legend = self.check_exit(server.vstate("--verbose", *words, "--prune")).out
        signs = set(re.findall(r"^  (\S) is |^  (#|!) ", legend, re.M))
        signs = {one or other for one, other in signs}
        listed = {row[0].strip("`") for row in table(read(README), "sign")}
        self.assertEqual(signs - listed, set())
        self.assertEqual(listed, set("+~-<=#?!"))


if __name__ == "__main__":
    support.main()
