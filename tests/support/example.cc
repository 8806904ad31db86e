#include "support/example.h"

#include "support/catch.h"

namespace vstate::test {

std::string example_document() {
  return R"(vstate = 1

[domain]
name = "example.com"
aliases = ["example.net"]
default = ["| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox"]

[domain.limits]
max_mailboxes = 50
disable = ["webmail"]

[mailbox.alice]
password = "$6$abcdefgh$Ow0hZ7rvNDpGFJpvLPEbSvYIXQF0XrVHrX5dUOEFXZzWnC3lM1eEFvxGOaFnbAmQw0dzYoyoWXfOLaQ1Ymwh10"
gecos = "Alice Example"
quota = { bytes = 1048576, messages = 1000 }
deliver = ["&alice@elsewhere.example", "{mailbox:alice}/Maildir/"]
last_login = { at = 2026-01-31T08:00:00Z, from = "192.0.2.7" }

[mailbox.bob]
password = "$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1"
gecos = "Bob"
disable = ["pop3"]
deliver = ["| {autorespond} 86400 3 {mailbox:bob}/vacation/message {mailbox:bob}/vacation"]
vacation = "From: bob@example.com\nSubject: away\n\nBack soon.\n"
created = 2025-12-01T00:00:00Z

[mailbox.postmaster]
password = "$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1"
gecos = "Postmaster"
flags = ["domain_admin"]

[alias.sales]
deliver = ["&alice@example.com", "&bob@example.org"]

[alias.store]
deliver = ["{mailbox:alice}/Maildir/"]

[autoresponder.info]
message = "From: info@example.com\nSubject: Thanks\n\nWe will answer.\n"
copy_to = ["&alice@example.com"]
limit = { replies = 5, seconds = 10000 }

[list.announce]
options = ["archived", "public"]
subscribers = ["a@example.org", "B@example.org"]
moderators = ["alice@example.com"]
key = "c2VjcmV0"

[list.announce.files]
editor = "|{ezmlm}/ezmlm-store '{domain}/announce'\n"
owner = "alice@example.com\n"

[list.announce.links]
"" = "editor"
-owner = "owner"

[[file]]
path = ".over-quota.msg"
text = "The mailbox is full.\n"
mode = "0644"

[[file]]
path = "{mailbox:alice}/.mailfilter"
text = "to \"{mailbox:alice}/Maildir/.Junk\"\n"
)";
}

std::string example_with_mail(const std::string& archive_root) {
  // Another home than the targets have, so that nothing arrives by having the same path.
  const Sandbox source({.vpopmail_dir = "/opt/old/vpopmail",
                        .qmail_dir = "/opt/old/qmail",
                        .version = "5.4.33",
                        .stores_clear_passwords = false,
                        .defines = ""});
  auto session = source.open();
  const auto report = apply(session, domain_file(example_document(), archive_root));
  REQUIRE(report);
  for (const auto& failure : report->failures) FAIL_CHECK(failure.address + ": " + failure.message);
  const std::string domain = "/opt/old/vpopmail/domains/example.com";
  source.deliver(domain + "/alice", "", "1700000001.1.host,S=14", "Subject: one\n\n");
  source.deliver(domain + "/alice", "", "1700000002.2.host,S=14:2,FS", "Subject: two\n\n");
  source.deliver(domain + "/alice", ".Sent", "1700000003.3.host,S=16:2,S", "Subject: three\n\n");
  source.write(domain + "/alice/Maildir/subscriptions", "Sent\n");
  source.write(domain + "/announce/num", "1:1\n");
  return dump(session, "example.com", archive_root);
}

}  // namespace vstate::test
