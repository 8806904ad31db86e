"""Many domains in one apply: published together, each on its own when something goes wrong."""

import json

import support
from support import databases, domain_text


def tearDownModule():
    databases.close_all()


class BatchTest(support.SandboxCase):
    def files(self, *names, **heads):
        return [self.file(f"{name}.toml", domain_text(f"{name}.example", head=heads.get(name, "")))
                for name in names]

    def published(self, server):
        return {line.split(":")[0]
                for line in server.read(server.control("virtualdomains")).decode().splitlines()}

    def test_all_of_them(self):
        server = self.server("new")
        files = self.files("one", "two", "three", one='aliases = ["also.example"]')
        done = self.check_exit(server.vstate("apply", *files))
        for name in ("one", "two", "three"):
            self.assertRegex(done.out, f"(?m)^{name}.example: Applied: ")
        self.assertIn("3 domains: 3 done", done.err)
        self.assertLessEqual({"one.example", "two.example", "three.example", "also.example"},
                             self.published(server))
        self.check_nothing_to_do(server, *files)

    def test_each_event_names_its_domain(self):
        server = self.server("new")
        done = self.check_exit(server.vstate("apply", "--json", *self.files("one", "two")))
        events = [json.loads(line) for line in done.out.splitlines()]
        ended = [event["domain"] for event in events if event["event"] == "action_complete"
                 and event["address"] == "domain"]
        self.assertLessEqual({"one.example", "two.example"}, set(ended))
        for event in events:
            if event["event"] not in ("version", "domains"):
                self.assertIn("domain", event)
        self.assertEqual(events[-1], {"event": "domains", "text": "2 domains: 2 done",
                                      "outcomes": {"done": ["one.example", "two.example"]}})
        summaries = [event["domain"] for event in events if event["event"] == "summary"]
        self.assertEqual(summaries, ["one.example", "two.example"])

    def test_alias_of_one_is_the_name_of_another(self):
        """The second file is judged by what the first one left, though they come together."""
        server = self.server("new")
        files = self.files("one", "two", one='aliases = ["two.example"]')
        done = self.check_exit(server.vstate("apply", *files), 3)
        self.assertRegex(done.err,
                         "two.example.* alias domain of one.example|two.example.*one.example")
        self.assertIn("1 done, 1 failed (two.example)", done.err)

    def test_one_that_fails_holds_up_no_other(self):
        server = self.server("new")
        files = self.files("one", "two", "three")
        # There is a file where its home has to be.
        self.check_exit(server.vstate("-q", "apply", files[1]))
        text = domain_text("two.example", ["postmaster", "alice", "bob"])
        server.write(f"{server.directory_of('two.example')}/bob", "in the way\n",
                     owner=support.OWNER)
        files[1] = self.file("two-more.toml", text)
        done = server.vstate("apply", *files)
        self.assertIn(done.code, (1, 3), done)
        self.assertLessEqual({"one.example", "three.example"}, self.published(server))
        self.assertIn("2 done", done.err)

    def test_one_that_cannot_be_published(self):
        """A table refuses one alias domain of a batch; all others are published, and it says
        which."""
        server = databases.mail_server(self, "new", "mysql")
        files = self.files("one", "two", "three", two='aliases = ["refused.example"]')
        # The table is made by the first alias domain.
        self.check_exit(server.vstate("-q", "apply",
                                      *self.files("zero", zero='aliases = ["also.example"]')))
        server.database.sql(server.schema, "ALTER TABLE aliasdomains ADD CONSTRAINT not_this_one "
                                           "CHECK (alias <> 'refused.example')")
        done = self.check_exit(server.vstate("apply", *files), 3)
        self.assertRegex(done.err, "two.example: .*not_this_one")
        self.assertIn("two.example stays hidden from qmail", done.err)
        self.assertIn("2 done, 1 partly done (two.example)", done.err)
        published = self.published(server)
        self.assertLessEqual({"one.example", "three.example"}, published)
        self.assertNotIn("two.example", published)
        server.database.sql(server.schema, "ALTER TABLE aliasdomains DROP CONSTRAINT not_this_one")
        self.check_exit(server.vstate("-q", "apply", *files))
        self.assertLessEqual({"two.example", "refused.example"}, self.published(server))
        self.check_nothing_to_do(server, *files)


if __name__ == "__main__":
    support.main()
