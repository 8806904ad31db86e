"""What qmail and vpopmail read: users/assign and its cdb, virtualdomains, locals, rcpthosts,
morercpthosts and its cdb, vpasswd.cdb, and where directory hashing puts homes and domains."""

import os
import re

import support
from support import captures, needs_root
from support.captures import needs_captures

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FOREIGN_ASSIGN = ("=webmaster:alice:1000:1000:/home/alice:::\n"
                  "+zz-list-:alias:7790:2108:/var/qmail/alias:-:lists-:\n.\n")


def hash_directory(number):
    """Where the account of that number goes (next_big_dir of vpopmail, in closed form)."""
    block = number // 100
    if block == 0:
        return ""
    if block <= 62:
        return ALPHABET[block - 1] + "/"
    return f"{ALPHABET[(block - 63) // 62]}/{ALPHABET[(block - 63) % 62]}/"


def counter(text):
    """The eight lines of a .dir-control without the third numbers, which nobody reads rightly."""
    lines = text.decode().split("\n")
    return lines[:3] + [line.split(" ")[:2] for line in lines[3:7]] + [lines[7]]


class PublicationCase(support.SandboxCase):
    def apply_domain(self, server, name, **parts):
        path = self.file(f"{name}.toml", support.domain_text(name, **parts))
        self.apply(server, path)
        return path

    def lines(self, server, control):
        return server.read(server.control(control)).decode().splitlines()


@needs_captures
@needs_root
class CapturedLookUpsTest(PublicationCase):
    """Every look-up that the captured files answer is answered alike by vstate's."""

    def target_of(self, capture):
        source = captures.captured_server(capture)
        target = self.server(version="5.6" if "56" in capture else "5.4", clear="54" in capture)
        texts = os.path.join(self.directory, "toml")
        self.check_exit(source.vstate("-q", "dump", "--all", "--clear-passwords",
                                      "--exclude", "server.*", "-o", texts + "/"))
        self.keep_foreign_lines(source, target)
        self.apply(target, *(os.path.join(texts, name) for name in sorted(os.listdir(texts))))
        return source, target

    def keep_foreign_lines(self, source, target):
        """What is not vpopmail's stands on the target before, and all of rcpthosts: the rest must
        then go to morercpthosts as it did on the captured server."""
        assign = source.read(source.users("assign")).decode()
        kept = [line for line in assign.splitlines(True) if "/domains/" not in line]
        target.write(target.users("assign"), "".join(kept))
        target.write(target.control("rcpthosts"), source.read(source.control("rcpthosts")))
        own = set(re.findall(r"(?m)^\+(.*)-:", assign))
        lines = source.read(source.control("virtualdomains")).decode().splitlines(True)
        target.write(target.control("virtualdomains"),
                     "".join(line for line in lines if line.split(":")[0] not in own))

    def check_capture(self, capture):
        source, target = self.target_of(capture)
        self.check_users_cdb(source, target)
        for name in ("virtualdomains", "rcpthosts", "morercpthosts"):
            if os.path.exists(source.control(name)):
                self.assertEqual(sorted(self.lines(source, name)), sorted(self.lines(target, name)))
        if os.path.exists(source.control("morercpthosts.cdb")):
            self.check_morercpthosts(source, target)
        self.check_accounts(source, target)

    def check_users_cdb(self, source, target):
        captured = source.read(source.users("cdb"))
        written = target.read(target.users("cdb"))
        wanted = dict(support.cdb_records(captured))
        self.assertEqual(set(wanted), {key for key, _ in support.cdb_records(written)})
        for key, data in wanted.items():
            found = support.cdb_find(written, key)
            fields = data.split(b"\0")
            if len(fields) > 3 and b"/domains/" in fields[3]:
                fields[3] = target.directory_of(fields[0].decode()).encode()
            self.assertEqual(found, b"\0".join(fields), key)
        last = support.cdb_records(written)[-1][0]
        self.assertEqual(last, b"", "the record of wildcards stands last")

    def check_morercpthosts(self, source, target):
        captured = source.read(source.control("morercpthosts.cdb"))
        written = target.read(target.control("morercpthosts.cdb"))
        wanted = dict(support.cdb_records(captured))
        self.assertEqual(wanted, dict(support.cdb_records(written)))
        for key in wanted:
            self.assertEqual(support.cdb_find(written, key), b"")

    def check_accounts(self, source, target):
        text = source.read(source.users("assign")).decode()
        domains = {line.split(":")[1] for line in text.splitlines() if "/domains/" in line}
        for domain in domains:
            captured = source.read(source.directory_of(domain) + "/vpasswd.cdb")
            written = target.read(target.directory_of(domain) + "/vpasswd.cdb")
            wanted = dict(support.cdb_records(captured))
            self.assertEqual(set(wanted), {key for key, _ in support.cdb_records(written)}, domain)
            for key, data in wanted.items():
                found = support.cdb_find(written, key).split(b":")
                home, fields = found[4].decode(), data.split(b":")
                self.assertTrue(home.endswith("/" + key.decode()), home)
                self.assertTrue(os.path.isdir(target.at(home)), home)
                found[4] = fields[4]
                self.assertEqual(found, fields, f"{key} of {domain}")

    def test_vp54(self):
        """users/cdb and each vpasswd.cdb of vp54-cdb."""
        self.check_capture("vp54-cdb")

    def test_vp56(self):
        """users/cdb, morercpthosts.cdb, and each vpasswd.cdb of vp56-cdb."""
        self.check_capture("vp56-cdb")


class ForeignLinesTest(PublicationCase):
    def test_lines_of_others_stay_in_their_order(self):
        """Good neighbour: comments, blank lines, and entries of others keep their place; the
        domain's own lines are the only ones that are added."""
        server = self.server()
        texts = {"rcpthosts": "localhost\n\n# by hand\nzzz.example\n.aaa.example\n",
                 "virtualdomains": "# by hand\nzzz.example:foreign\nu@b.example:u\n.w.example:w\n",
                 "locals": "mail2.example.org\n# end\nlocalhost\n"}
        for name, text in texts.items():
            server.write(server.control(name), text, mode=0o644)
        server.write(server.users("assign"), FOREIGN_ASSIGN, mode=0o644)
        self.apply_domain(server, "example.com", head='aliases = ["example.net"]')
        for name, own in (("rcpthosts", "{}"), ("virtualdomains", "{0}:{0}")):
            added = {own.format(domain) for domain in ("example.com", "example.net")}
            kept = [line for line in self.lines(server, name) if line not in added]
            self.assertEqual("\n".join(kept) + "\n", texts[name], name)
            self.assertEqual(len(self.lines(server, name)), len(kept) + 2, name)
            self.assertEqual(os.stat(server.control(name)).st_mode & 0o7777, 0o644, name)
        self.assertEqual(server.read(server.control("locals")).decode(), texts["locals"])
        assign = server.read(server.users("assign")).decode().splitlines()
        own = [line for line in assign if ":example.com:" in line]
        directory = f"{support.OWNER[0]}:{support.OWNER[1]}:/srv/vpop/domains/example.com:-::"
        self.assertEqual(sorted(own), [f"+example.com-:example.com:{directory}",
                                       f"+example.net-:example.com:{directory}"])
        self.assertEqual([line for line in assign if line not in own], FOREIGN_ASSIGN.splitlines())

    def test_foreign_entries_stay_in_users_cdb(self):
        """users/cdb answers for the assignments of others as qmail-newu would make it."""
        server = self.server()
        server.write(server.users("assign"), FOREIGN_ASSIGN)
        self.apply_domain(server, "example.com")
        data = server.read(server.users("cdb"))
        self.assertEqual(support.cdb_find(data, b"!webmaster\0"),
                         b"alice\x001000\x001000\0/home/alice\0\0")
        self.assertEqual(support.cdb_find(data, b"!zz-list-"),
                         b"alias\x007790\x002108\0/var/qmail/alias\0-\0lists-")
        self.assertEqual(support.cdb_find(data, b""), b"-")


class LocalsTest(PublicationCase):
    def test_alias_domain_that_is_local(self):
        """It beats virtualdomains: it goes before rcpthosts names the domain, in the first run
        already."""
        server = self.server("server")
        server.write(server.control("locals"), "localhost\nExample.NET\nmail2.example.org\n")
        text = support.domain_text(mailboxes=["postmaster"], head='aliases = ["example.net"]\n')
        path = self.file("example.com.toml", text)
        self.apply(server, path)
        self.assertEqual(self.lines(server, "locals"), ["localhost", "mail2.example.org"])
        self.check_exit(server.vstate("plan", "--detailed-exitcode", path))

    def test_missing_locals_stays_missing(self):
        """Without the file control/me is local; an empty one would say something else."""
        server = self.server("server")
        os.unlink(server.control("locals"))
        self.apply_domain(server, "example.com", mailboxes=["postmaster"])
        self.assertFalse(os.path.exists(server.control("locals")))


class RcpthostsTest(PublicationCase):
    def server_with_lines(self, count):
        server = self.server()
        lines = ["# a comment counts", ""]
        lines += [f"h{number:02}.example" for number in range(count - 2)]
        server.write(server.control("rcpthosts"), "".join(line + "\n" for line in lines))
        return server

    def where(self, server, name):
        found = [file for file in ("rcpthosts", "morercpthosts")
                 if os.path.exists(server.control(file)) and name in self.lines(server, file)]
        return found[0] if len(found) == 1 else found

    def test_the_fifty_line_rule(self):
        """The 49th and 50th line go to rcpthosts, the 51st to morercpthosts."""
        server = self.server_with_lines(48)
        for name, place in (("a49.example", "rcpthosts"), ("a50.example", "rcpthosts"),
                            ("a51.example", "morercpthosts"), ("a52.example", "morercpthosts")):
            path = self.apply_domain(server, name)
            self.assertEqual(self.where(server, name), place, name)
            self.check_nothing_to_do(server, path)
        keys = support.cdb_records(server.read(server.control("morercpthosts.cdb")))
        self.assertEqual(sorted(keys), [(b"a51.example", b""), (b"a52.example", b"")])

    def test_alias_domains_fill_both_files(self):
        """The count goes on within one apply: a domain and its aliases may end in both files."""
        server = self.server_with_lines(48)
        aliases = [f"alias{number}.example" for number in range(4)]
        self.apply_domain(server, "example.com", head=f"aliases = {aliases}".replace("'", '"'))
        places = [self.where(server, name) for name in ["example.com", *aliases]]
        self.assertEqual(places.count("rcpthosts"), 2)
        self.assertEqual(places.count("morercpthosts"), 3)
        self.assertEqual(len(self.lines(server, "rcpthosts")), 50)


class HashingTest(PublicationCase):
    def test_six_thousand_accounts(self):
        """As next_big_dir counts: number 99, 100, 199, 200, 6299, 6300 and all between are where
        vadduser would have put them, postmaster being number 1, and .dir-control is as it leaves
        it."""
        server, domain = self.server(), "example.com"
        names = ["postmaster"] + [f"u{number:04}" for number in range(2, 6401)]
        self.apply_domain(server, domain, mailboxes=names)
        homes = {key.decode(): data.split(b":")[4].decode() for key, data in
                 support.cdb_records(server.read(server.domain(domain, "vpasswd.cdb")))}
        for number, name in enumerate(names, 1):
            wanted = f"{server.home}/domains/{domain}/{hash_directory(number)}{name}"
            self.assertEqual(homes[name], wanted, f"number {number}")
        for number in (1, 99, 100, 199, 200, 6299, 6300, 6400):
            self.assertTrue(os.path.isdir(server.at(homes[names[number - 1]]) + "/Maildir/tmp"))
        text = server.read(server.domain(domain, ".dir-control"))
        self.assertEqual(text.count(b"\n"), 8)
        self.assertEqual(counter(text), ["6400", "1", "3", ["0", "0"], ["61", "61"], ["0", "2"],
                                         ["0", "2"], "0/1"])

    def test_counter_of_a_new_domain(self):
        """.dir-control after the first account, byte for byte, and its owner."""
        server = self.server()
        self.apply_domain(server, "example.com", mailboxes=["postmaster"])
        path = server.domain("example.com", ".dir-control")
        self.assertEqual(server.read(path), b"1\n0\n3\n0 0 0\n61 61 61\n0 2 4\n0 0 0\n\n")
        st = os.stat(path)
        self.assertEqual((st.st_uid, st.st_gid, st.st_mode & 0o777), (*support.OWNER, 0o600))

    def test_counter_goes_on(self):
        """250 accounts in two applies are counted as in one."""
        server = self.server()
        first = ["postmaster"] + [f"u{number:03}" for number in range(2, 121)]
        second = first + [f"u{number:03}" for number in range(121, 251)]
        self.apply_domain(server, "example.com", mailboxes=first)
        self.apply_domain(server, "example.com", mailboxes=second)
        text = server.read(server.domain("example.com", ".dir-control"))
        self.assertEqual(counter(text), ["250", "0", "3", ["0", "0"], ["61", "61"], ["0", "2"],
                                         ["1", "0"], "1"])
        for number in (99, 100, 120, 121, 199, 200, 250):
            self.assertTrue(os.path.isdir(server.domain(
                "example.com", hash_directory(number) + f"u{number:03}")), number)

    def test_freed_directories_are_used_first(self):
        """Lines of .dir_control_free are taken in order, comments skipped, and only
        then the counter's directory; the count goes up, the counter's directory stays."""
        server, domain = self.server(), "example.com"
        self.apply_domain(server, domain, mailboxes=["postmaster"])
        server.write(server.domain(domain, ".dir_control_free"), "# freed\n\n0/3\n1\n", 0o644,
                     support.OWNER)
        self.apply_domain(server, domain, mailboxes=["postmaster", "anna", "berta", "carla"])
        for place in ("0/3/anna", "1/berta", "carla"):
            self.assertTrue(os.path.isdir(server.domain(domain, place, "Maildir/new")), place)
        text = server.read(server.domain(domain, ".dir-control"))
        self.assertEqual((counter(text)[0], counter(text)[-1]), ("4", ""))
        path = server.domain(domain, ".dir_control_free")
        left = server.read(path).decode() if os.path.exists(path) else ""
        self.assertNotRegex(left, r"(?m)^[0-9]")

    def test_hundredth_domain(self):
        """The 100th domain of the owner goes to domains/0/."""
        server = self.server()
        for number in range(1, 101):
            self.file(f"toml/d{number:03}.example.toml",
                      support.domain_text(f"d{number:03}.example", ["postmaster"]))
        directory = os.path.join(self.directory, "toml")
        files = sorted(os.listdir(directory))
        self.apply(server, *(os.path.join(directory, name) for name in files))
        self.assertTrue(os.path.isdir(server.domain("d099.example")))
        self.assertEqual(server.directory_of("d100.example"), "/srv/vpop/domains/0/d100.example")
        self.assertTrue(os.path.isdir(server.domain("0/d100.example/postmaster/Maildir")))
        text = server.read(server.at("/srv/vpop/domains/.dir-control"))
        self.assertEqual(counter(text), ["100", "0", "3", ["0", "0"], ["61", "61"], ["0", "2"],
                                         ["0", "0"], "0"])

    def test_without_hashing(self):
        """A build without USERS_BIG_DIR keeps all homes side by side and takes one-letter names."""
        server = self.server(big_dir=False)
        names = ["postmaster", "a"] + [f"u{number:03}" for number in range(150)]
        self.apply_domain(server, "example.com", mailboxes=names)
        for name in names:
            self.assertTrue(os.path.isdir(server.domain("example.com", name)), name)


if __name__ == "__main__":
    support.main()
