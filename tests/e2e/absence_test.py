"""What is not there, what is damaged, and what must not be taken for a wish."""

import os
import subprocess

import support
from support.old_server import NAME, OldServer, bodies


class AbsenceCase(support.SandboxCase):

    def old(self):
        server = OldServer(os.path.join(self.directory, "old"))
        self.bob = server.add("bob")
        for number in range(12):
            server.message(f"{self.bob}/Maildir", number + 1, b"Subject: %d\n\n" % number)
        return server

    def pulled(self, old):
        new = self.server("new")
        self.check_exit(new.vstate("pull", old.root, NAME))
        return new

    def dump(self, old, *more, code=0, mail=True):
        self.toml = os.path.join(self.directory, "d.toml")
        self.mail = ["--mail", os.path.join(self.directory, "mail")] if mail else []
        return self.check_exit(old.vstate("dump", NAME, *self.mail, "-o", self.toml, *more), code)


class EmptySources(AbsenceCase):
    """An unmounted disk is no wish: nothing is deleted, and the status says so."""

    def check_refused(self, old, new, why):
        before = new.snapshot()
        pull = new.vstate("pull", old.root, NAME, "--prune", "--yes")
        self.assertNotIn(pull.code, (0, 4), str(pull))
        self.assertIn(why, pull.err)
        changed = [path for path in support.changed_paths(before, new.snapshot())
                   if not path.startswith("var/lib/vstate") and path not in (".", "var", "var/lib")]
        self.assertEqual(changed, [])

    def test_domain_directory_missing(self):
        old = self.old().build()
        new = self.pulled(old)
        os.rename(old.at(old.dom), old.at(old.dom) + ".gone")
        self.check_refused(old, new, "is not there")
        self.dump(old, code=1)
        self.assertFalse(os.path.exists(self.toml))

    def test_domain_directory_empty(self):
        old = self.old().build()
        new = self.pulled(old)
        os.rename(old.at(old.dom), old.at(old.dom) + ".gone")
        old.make(old.dom)
        self.check_refused(old, new, "no account")
        self.dump(old, code=1)
        self.assertFalse(os.path.exists(self.toml))

    def check_maildir_kept(self, spoil):
        old = self.old().build()
        new = self.pulled(old)
        spoil(old)
        new.vstate("pull", old.root, NAME, "--prune", "--yes")
        self.assertEqual(len(bodies(new.domain(NAME, "bob"))), 12)

    def test_maildir_missing(self):
        self.check_maildir_kept(lambda old: os.rename(old.at(f"{self.bob}/Maildir"),
                                                      old.at(f"{self.bob}/away")))

    def test_maildir_leads_nowhere(self):
        def spoil(old):
            os.rename(old.at(f"{self.bob}/Maildir"), old.at(f"{self.bob}/away"))
            old.link("/not/mounted", f"{self.bob}/Maildir")
        self.check_maildir_kept(spoil)

    def test_home_leads_nowhere(self):
        def spoil(old):
            os.rename(old.at(self.bob), old.at(self.bob + ".away"))
            old.link("/not/mounted", self.bob)
        self.check_maildir_kept(spoil)

    def test_maildir_empty(self):
        def spoil(old):
            os.rename(old.at(f"{self.bob}/Maildir"), old.at(f"{self.bob}/away"))
            old.make(f"{self.bob}/Maildir")
        self.check_maildir_kept(spoil)

    def test_most_of_a_mailbox_needs_a_number(self):
        old = self.old().build()
        new = self.pulled(old)
        cur = old.at(f"{self.bob}/Maildir/cur")
        for name in sorted(os.listdir(cur))[:6]:
            os.unlink(os.path.join(cur, name))
        pull = new.vstate("pull", old.root, NAME, "--prune", "--yes")
        self.check_exit(pull, 3)
        self.assertIn("6 of 12 messages are gone at the source", pull.err)
        self.assertEqual(len(bodies(new.domain(NAME, "bob"))), 12)
        self.check_exit(new.vstate("pull", old.root, NAME, "--prune", "--yes", "--max-delete", "6"))
        self.assertEqual(len(bodies(new.domain(NAME, "bob"))), 6)


class MassDeletion(AbsenceCase):
    """More than a third of a kind, the last mailbox, and postmaster go only by number."""

    def check_guard(self, text, fewer, kind, count):
        new = self.server("new")
        self.apply(new, self.file("all.toml", text))
        file = self.file("fewer.toml", fewer)
        before = new.snapshot()
        refused = new.vstate("apply", file, "--prune", "--yes")
        self.check_exit(refused, 1)
        self.assertRegex(refused.err, rf"would delete .*{kind}.*--max-delete {count} allows it")
        self.assertEqual([path for path in support.changed_paths(before, new.snapshot())
                          if not path.startswith("var/lib")], [])
        self.check_exit(new.vstate("apply", file, "--prune", "--yes", "--max-delete", str(count)))
        self.check_nothing_to_do(new, file, "--prune")

    def boxes(self, count):
        return ["postmaster", *(f"box{number:02}" for number in range(count - 1))]

    def test_mailboxes(self):
        self.check_guard(support.domain_text(mailboxes=self.boxes(12)),
                         support.domain_text(mailboxes=self.boxes(7)), "5 of 12 mailboxes", 5)

    def test_postmaster(self):
        self.check_guard(support.domain_text(mailboxes=["postmaster", "alice"]),
                         support.domain_text(mailboxes=["alice"]), "postmaster", 1)

    def test_aliases(self):
        def text(count):
            return support.domain_text(more="".join(
                f'[alias.a{number}]\ndeliver = ["&x@example.org"]\n' for number in range(count)))
        self.check_guard(text(10), text(6), "4 of 10 aliases", 4)

    def test_subscribers_are_asked_for(self):
        def text(count):
            members = ", ".join(f'"m{number}@example.org"' for number in range(count))
            return support.domain_text(
                more=f'[list.news]\noptions = ["public"]\nsubscribers = [{members}]\n')
        new = self.server("new")
        hashed = ["--ezmlm-hash", "64"]
        self.check_exit(new.vstate(*hashed, "apply", self.file("all.toml", text(1000))))
        file = self.file("fewer.toml", text(900))
        asked = new.vstate(*hashed, "apply", file, "--prune")
        self.check_exit(asked, 1)
        self.assertIn("nobody confirmed it", asked.err)
        self.assertIn("100 to delete", asked.out)
        self.check_exit(new.vstate(*hashed, "apply", file, "--prune", "--yes"))
        self.check_guard_on(new, hashed, text(1))

    def check_guard_on(self, new, options, fewer):
        file = self.file("one.toml", fewer)
        refused = new.vstate(*options, "apply", file, "--prune", "--yes")
        self.check_exit(refused, 1)
        self.assertIn("would delete 899 of 900 addresses of lists", refused.err)


class OneBadRecord(AbsenceCase):
    """It holds up one record; what it costs is named, and the status says so."""

    def check(self, old, code, *named, present=("bob:",)):
        dumped = self.dump(old, code=code)
        for text in named:
            self.assertIn(text, dumped.err)
        self.check_exit(old.vstate("check", self.toml, *self.mail))
        new = self.server("new")
        self.check_exit(new.vstate("--ezmlm-hash", "64", "plan", self.toml, *self.mail))
        self.check_exit(new.vstate("--ezmlm-hash", "64", "apply", self.toml, *self.mail))
        vpasswd = new.read(f"{new.directory_of(NAME)}/vpasswd").decode("utf-8", "surrogateescape")
        for text in present:
            self.assertIn(text, vpasswd)
        self.assertEqual(len(bodies(new.domain(NAME, "bob"))), 12)
        self.check_exit(new.vstate("verify", self.toml, *self.mail), 2 if code == 2 else 0)
        return new

    def test_odd_names(self):
        old = self.old()
        odd = old.add("with blank")
        old.message(f"{odd}/Maildir", 50, b"Subject: odd\n\n")
        old.build()
        new = self.check(old, 2, "left out: mailbox.with blank", "carried as files")
        self.assertEqual(bodies(new.domain(NAME, "with blank")), [b"Subject: odd\n\n"])
        excluded = old.vstate("dump", NAME, "--exclude", "mailbox.with blank")
        self.check_exit(excluded)

    def test_marks_in_place_of_hashes(self):
        old = self.old()
        for number, mark in enumerate(("*", "!", "!!", "x", "*LK*", "abc", "$6$cut$abc", "$1$x")):
            old.add(f"box{number}", password=mark)
        old.build()
        dumped = self.dump(old)
        with open(self.toml) as file:
            boxes = support.load_toml(file.read())["mailbox"]
        self.assertEqual(boxes["box0"]["password"], "*")
        self.assertEqual(boxes["box5"]["unusable_password"], "abc")
        self.assertEqual(boxes["box6"]["unusable_password"], "$6$cut$abc")
        self.assertNotIn("$6$cut", dumped.err)
        new = self.server("new")
        applied = self.check_exit(new.vstate("apply", self.toml, *self.mail))
        self.assertNotIn("$6$cut", applied.out + applied.err)
        vpasswd = new.read(f"{new.directory_of(NAME)}/vpasswd").decode()
        self.assertIn("box0:*:", vpasswd)
        self.assertIn("box6:$6$cut$abc:", vpasswd)

    def test_limits(self):
        old = self.old()
        old.write(f"{old.dom}/.qmailadmin-limits",
                  "maxpopaccounts: many\nquota: -1\nmaxaliases: 10M\nmaxforwards: 7\n")
        self.check(old.build(), 0, '"many" is no whole number; vpopmail takes 0',
                   '"10M" is no whole number; vpopmail takes 10', '"-1" is taken for no limit')
        with open(self.toml) as file:
            self.assertEqual(support.load_toml(file.read())["domain"]["limits"],
                             {"max_mailboxes": 0, "max_aliases": 10, "max_forwards": 7})

    def test_users_assign(self):
        uid, gid = support.OWNER
        good = f"+{NAME}-:{NAME}:{uid}:{gid}:/home/vpopmail/domains/{NAME}:-::\n"
        for text, what in ((good, "ends without"), (good + "\n.\n", "line 2: a blank line"),
                           ("# mine\n" + good + ".\n", "line 1: fewer than seven colons"),
                           (good + "+x:y\n.\n", "line 2: fewer than seven colons")):
            with self.subTest(what):
                old = OldServer(os.path.join(self.directory, "old"))
                old.add("bob")
                old.build()
                old.write("/var/qmail/users/assign", text)
                dumped = self.dump(old)
                self.assertIn(what, dumped.err)

    def test_vpasswd(self):
        for name, spoil, code, named in (
                ("empty", lambda text: b"", 0, "is only in vpasswd.cdb"),
                ("cut", lambda text: text[:-60], 0, "the account bob is taken from its index"),
                ("blank line", lambda text: b"\n" + text, 2, "line 1: blank line"),
                ("no newline", lambda text: text[:-1], 0, None)):
            with self.subTest(name):
                for part in ("old", "new", "mail"):
                    subprocess.run(["rm", "-rf", os.path.join(self.directory, part)], check=True)
                old = self.old().build()
                text = old.read(f"{old.dom}/vpasswd")
                old.write(f"{old.dom}/vpasswd", spoil(text))
                self.check(old, code, *([named] if named else []), present=("bob:", "postmaster:"))

    def test_lastauth(self):
        old = self.old()
        old.write(f"{self.bob}/lastauth", b"192.0.2.7\ncaf\xe9")
        os.utime(old.at(f"{self.bob}/lastauth"), (1500000000, 1500000000))
        new = self.check(old.build(), 0)
        self.assertEqual(new.read(f"{new.directory_of(NAME)}/bob/lastauth"), b"192.0.2.7\ncaf\xe9")

    def test_homes_without_an_account(self):
        old = self.old()
        old.maildir(f"{old.dom}/ghost/Maildir")
        old.message(f"{old.dom}/ghost/Maildir", 60, b"Subject: ghost\n\n")
        new = self.check(old.build(), 0, "ghost is a home without an account")
        path = new.domain(NAME, "ghost", "Maildir", "cur", "1000000060.60.old:2,S")
        self.assertEqual(int(os.stat(path).st_mtime), 1000000060)

    def test_home_that_holds_the_domain(self):
        """"/", what is above the domain's directory, and that itself are nobody's home."""
        for home in ("/", "/home", "/home/vpopmail/domains", f"/home/vpopmail/domains/{NAME}",
                     f"/home/../home/vpopmail/domains/{NAME}/"):
            with self.subTest(home):
                for part in ("old", "new", "mail"):
                    subprocess.run(["rm", "-rf", os.path.join(self.directory, part)], check=True)
                old = self.old()
                old.add("high", home=home, where=f"{old.dom}/high")
                old.message(f"{old.dom}/high/Maildir", 90, b"Subject: high\n\n")
                new = self.check(old.build(), 0, "which holds the domain itself",
                                 present=("bob:", "high:"))
                self.assertEqual(bodies(new.domain(NAME, "high")), [b"Subject: high\n\n"])
                self.assertEqual(sorted(os.listdir(new.domain(NAME, "high"))), ["Maildir"])

    def test_list_that_holds_mailboxes(self):
        """Whoever may put a link and a few files there gets nobody's mail into an archive."""
        for root in ("", "/home/vpopmail/domains", f"/home/vpopmail/domains/{NAME}",
                     f"/home/vpopmail/domains/{NAME}/bob"):
            with self.subTest(root or "/"):
                for part in ("old", "new", "mail"):
                    subprocess.run(["rm", "-rf", os.path.join(self.directory, part)], check=True)
                old = self.old()
                old.write(f"{root}/editor", "|/bin/true\n")
                old.write(f"{root}/subscribers/A", b"Ta@example.org\0")
                old.build()
                os.symlink(f"{root}/editor", old.at(f"{old.dom}/.qmail-evil"))
                support.give(old.at(f"{old.dom}/.qmail-evil"))
                dumped = self.dump(old)
                self.assertIn("holds mailboxes; it is not taken for one", dumped.err)
                self.assertFalse(os.path.exists(os.path.join(self.directory, f"mail/{NAME}/list")))
                with open(self.toml) as file:
                    self.assertNotIn("[list.", file.read())

    def test_links_to_what_is_not_the_domains(self):
        """A link of the owner's takes along neither the server nor another domain, and holds up
        nothing."""
        other = "/home/vpopmail/domains/other.example"
        for place, target in (("x", "/"), ("y", "/home/vpopmail"), ("z", "/home/vpopmail/domains"),
                              ("q", "."), ("w", other), ("v", f"{other}/jim"),
                              ("bob/Maildir/.Root", "/"),
                              ("bob/Maildir/.Up", "/home/vpopmail/domains"),
                              ("bob/Maildir/.Jim", f"{other}/jim/Maildir")):
            with self.subTest(place=place, target=target):
                for part in ("old", "new", "mail"):
                    subprocess.run(["rm", "-rf", os.path.join(self.directory, part)], check=True)
                old = self.old()
                old.maildir(f"{other}/jim/Maildir")
                old.message(f"{other}/jim/Maildir", 95, b"Subject: secret of jim\n\n")
                old.build()
                link = old.at(f"{old.dom}/{place}")
                os.symlink(target, link)
                support.give(link)
                dumped = old.vstate("dump", NAME, "--mail", os.path.join(self.directory, "mail"),
                                    "-o", os.path.join(self.directory, "d.toml"))
                self.assertIn(dumped.code, (0, 2), dumped)
                self.assertIn(place.rpartition("/")[2], dumped.err)
                new = self.server("new")
                self.check_exit(new.vstate("apply", os.path.join(self.directory, "d.toml"),
                                           "--mail", os.path.join(self.directory, "mail")))
                self.assertEqual(len(bodies(new.domain(NAME, "bob"))), 12)
                found = subprocess.run(["grep", "-r", "-l", "secret of jim", new.root],
                                       capture_output=True, text=True)
                self.assertEqual(found.stdout, "")

    def test_home_within_a_home(self):
        """Each keeps its own mail, and none gets another's."""
        old = self.old()
        old.add("outer", home="/data/outer", where="/data/outer")
        old.add("inner", home="/data/outer/more/inner", where="/data/outer/more/inner")
        old.message("/data/outer/Maildir", 91, b"Subject: outer\n\n")
        old.message("/data/outer/more/inner/Maildir", 92, b"Subject: inner\n\n")
        new = self.check(old.build(), 0, present=("bob:", "outer:", "inner:"))
        self.assertEqual(bodies(new.domain(NAME, "outer")), [b"Subject: outer\n\n"])
        self.assertEqual(bodies(new.domain(NAME, "inner")), [b"Subject: inner\n\n"])
        self.assertFalse(os.path.exists(new.domain(NAME, "outer/more")))

    def test_what_is_no_directory(self):
        """A file where a Maildir or a home belongs is named, and holds up nothing."""
        old = self.old()
        for name in ("filed", "filed-home"):
            old.add(name)
        old.build()
        for path in ("filed/Maildir", "filed-home"):
            subprocess.run(["rm", "-r", old.at(f"{old.dom}/{path}")], check=True)
            old.write(f"{old.dom}/{path}", "text\n")
        self.check(old, 2, "left out: mail.filed: its Maildir is no directory",
                   "left out: mail.filed-home: its home", present=("bob:", "filed:", "filed-home:"))

    def test_directory_left_beside_a_mailbox(self):
        """The home was moved to another disk without a link, and what was there stayed behind."""
        old = self.old()
        old.add("moved", home="/data/moved", where="/data/moved")
        old.message("/data/moved/Maildir", 80, b"Subject: there\n\n")
        old.maildir(f"{old.dom}/moved/Maildir")
        old.message(f"{old.dom}/moved/Maildir", 81, b"Subject: left\n\n")
        new = self.check(old.build(), 2, "left out: file.moved (1 message, 15 B)",
                         present=("bob:", "moved:"))
        self.assertEqual(bodies(new.domain(NAME, "moved")), [b"Subject: there\n\n"])

    def test_extensions_of_a_mailbox(self):
        """Only a vpopmail that is built with qmail-ext reads a mailbox's .qmail-EXT."""
        old = self.old()
        old.write(f"{self.bob}/.qmail-spam", "./Maildir/.Junk/\n")
        self.dump(old.build())
        for name, define, is_warned in (("plain", "", True),
                                        ("extended", "#define QMAIL_EXT 1\n", False)):
            with self.subTest(name):
                new = self.server(name)
                path = f"{new.home}/include/vpopmail_config.h"
                new.write(path, new.read(path).decode() + define)
                plan = self.check_exit(new.vstate("plan", self.toml, *self.mail))
                self.assertEqual("its .qmail-spam is read only by a vpopmail that is built with "
                                 "qmail-ext"
                                 in plan.out, is_warned, plan.out)
                self.check_exit(new.vstate("apply", self.toml, *self.mail))
                self.assertEqual(new.read(f"{new.directory_of(NAME)}/bob/.qmail-spam"),
                                 b"./Maildir/.Junk/\n")

    def test_stale_homes(self):
        old = self.old()
        old.add("stale", home=f"/home/before/domains/{NAME}/stale", where=f"{old.dom}/stale")
        old.add("none", home="", where=f"{old.dom}/none")
        old.message(f"{old.dom}/stale/Maildir", 70, b"Subject: stale\n\n")
        old.message(f"{old.dom}/none/Maildir", 71, b"Subject: none\n\n")
        new = self.check(old.build(), 0, "is taken for its home")
        self.assertEqual(bodies(new.domain(NAME, "stale")), [b"Subject: stale\n\n"])
        self.assertEqual(bodies(new.domain(NAME, "none")), [b"Subject: none\n\n"])


class Passwords(AbsenceCase):

    def test_clear_or_unknown_is_an_error_with_its_place(self):
        for password in ("geheim123", "5f4dcc3b5aa765d61d8327deb882cf99", "abc"):
            file = self.file("bad.toml", support.domain_text(mailboxes=["postmaster"])
                             + support.mailbox_text("carl", password))
            for command in ("check", "plan"):
                outcome = self.server(command + password).vstate(command, file)
                self.check_exit(outcome, 1)
                self.assertRegex(outcome.err,
                                 r"bad\.toml:10:\d+: mailbox\.carl\.password: is no hash")
                self.assertNotIn(password, outcome.err)

    def test_excluding_takes_the_problem_along(self):
        file = self.file("bad.toml", support.domain_text() + support.mailbox_text("carl", "abc"))
        new = self.server("new")
        for command in ("check", "plan", "apply", "verify"):
            self.check_exit(new.vstate(command, file, "--exclude", "mailbox.carl"))
        self.assertNotIn(b"carl:", new.read(f"{new.directory_of(NAME)}/vpasswd"))

    def test_a_pattern_that_matches_nothing(self):
        """Neither in the file nor on the server: nothing is done. On either side is enough."""
        old = self.old().build()
        self.dump(old, mail=False)
        new = self.server("new")
        more = self.file("more.toml", support.domain_text(NAME, ["postmaster", "bob", "only-here"]))
        self.check_exit(new.vstate("apply", more))
        before = support.snapshot(new.root)
        plain = os.path.join(self.directory, "plain")
        for words in (["check", self.toml], ["plan", self.toml], ["apply", self.toml],
                      ["verify", self.toml], ["pull", old.root, NAME]):
            for option in ("--exclude", "--only") if words[0] in ("plan", "apply",
                                                                  "pull") else ("--exclude", ):
                with self.subTest(words=words, option=option):
                    done = self.check_exit(new.vstate(*words, option, "mailbox.nobody"), 1)
                    self.assertIn('is called "mailbox.nobody"', done.err)
        self.check_same(before, support.snapshot(new.root))
        done = self.check_exit(old.vstate("dump", NAME, "--exclude", "mailbox.nobody", "-o", plain),
                               1)
        self.assertIn('is called "mailbox.nobody"', done.err)
        self.assertFalse(os.path.exists(plain))
        # What only the server has is kept from --prune so.
        plan = self.check_exit(new.vstate("plan", "--prune", "--exclude", "mailbox.only-here",
                                          self.toml))
        self.assertNotIn("only-here", plan.out)
        # The source alone has it.
        pulled = self.server("pulled")
        self.check_exit(pulled.vstate("pull", old.root, NAME, "--exclude", "mailbox.bob"))
        self.assertNotIn(b"bob:", pulled.read(f"{pulled.directory_of(NAME)}/vpasswd"))
        done = self.check_exit(new.vstate("plan", self.toml, more), 1)
        self.assertIn("is described in", done.err)


class Output(AbsenceCase):
    """-o writes through what is no regular file, and follows links."""

    def test_where_output_goes(self):
        old = self.old().build()
        fifo, real, link, device = (os.path.join(self.directory, name)
                                    for name in ("fifo", "real", "link", "null"))
        os.mkfifo(fifo)
        os.symlink("real", link)
        os.symlink("/dev/null", device)
        reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
        self.check_exit(old.vstate("dump", NAME, "-o", fifo))
        text = reader.communicate(timeout=20)[0]
        self.assertTrue(os.path.exists(fifo) and not os.path.isfile(fifo))
        self.check_exit(old.vstate("dump", NAME, "-o", link))
        self.assertTrue(os.path.islink(link))
        with open(real, "rb") as file:
            self.assertEqual(file.read(), text)
        self.assertEqual(os.stat(real).st_mode & 0o777, 0o600)
        self.check_exit(old.vstate("dump", NAME, "-o", device))
        self.check_exit(old.vstate("dump", NAME, "-o", "/dev/null"))
        self.assertFalse(os.path.isfile("/dev/null"))


class SameNameTwice(AbsenceCase):
    """No message is lost, by archive or by pull; the second pass and verify agree."""

    PAIRS = {"flags": (("cur", "X:2,"), ("cur", "X:2,S")),
             "places": (("new", "X"), ("cur", "X:2,")),
             "plain": (("cur", "X"), ("cur", "X:2,")), "three": (
                 ("new", "X"), ("cur", "X:2,S"), ("cur", "X:2,"))}

    def test_all(self):
        for name, entries in self.PAIRS.items():
            for texts in ("other sizes", "same size", "same text"):
                for folder in (False, True):
                    with self.subTest(f"{name}, {texts}, {folder}"):
                        self.check_pair(f"{name}-{texts[0:6]}-{folder}".replace(" ", ""), entries,
                                        texts, folder)

    def check_pair(self, label, entries, texts, in_another_folder):
        old = OldServer(os.path.join(self.directory, label))
        maildir = f"{old.add('bob')}/Maildir"
        wanted = []
        places = [(maildir, *entry) for entry in entries]
        if in_another_folder:
            places.append((old.maildir(f"{maildir}/.Work"), "cur", "X:2,F"))
        for number, (root, place, unique) in enumerate(places):
            body = {"other sizes": b"x" * (number + 1), "same size": b"%d" % number,
                    "same text": b"x"}[texts]
            old.write(f"{root}/{place}/{unique.replace('X', '1000000000.1.old')}", body, mode=0o600)
            wanted.append(body)
        old.build()
        new = self.server("new-" + label)
        file = os.path.join(self.directory, label + ".toml")
        mail = ["--mail", os.path.join(self.directory, label + ".mail")]
        self.check_exit(old.vstate("dump", NAME, *mail, "-o", file))
        self.check_exit(new.vstate("apply", file, *mail))
        self.assertEqual(bodies(new.domain(NAME, "bob")), sorted(wanted))
        self.check_nothing_to_do(new, file, *mail)
        self.check_exit(new.vstate("verify", file, *mail, "--deep"))
        pulled = self.server("pulled-" + label)
        for _ in range(2):
            self.check_exit(pulled.vstate("pull", old.root, NAME))
            self.assertEqual(bodies(pulled.domain(NAME, "bob")), sorted(wanted))
        self.check_exit(pulled.vstate("pull", old.root, NAME, "--prune", "--yes"))
        self.assertEqual(bodies(pulled.domain(NAME, "bob")), sorted(wanted))


if __name__ == "__main__":
    support.main()
