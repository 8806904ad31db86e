#include "vstate/model/rename.h"

#include "support/catch.h"
#include "vstate/document/document.h"

namespace vstate {

namespace {

State read_state(const std::string& text) {
  Diagnostics diagnostics;
  auto state = document::read("vstate = 1\n" + text, "file", diagnostics);
  for (const auto& problem : diagnostics.sorted()) INFO(to_text(problem));
  REQUIRE(state);
  return *std::move(state);
}

Renaming renaming(const char* text = "example.com=new.org") {
  const auto parsed = parse_renaming(text).value();
  return {{parsed.first, parsed.second}};
}

constexpr const char* k_text = R"toml([domain]
name = "example.com"
aliases = ["example.net"]
default = ["| {vpopmail}/bin/vdelivermail '' catch@example.com"]
[mailbox.alice]
gecos = "Alice"
deliver = ["&bob@example.com", "{mailbox:alice}/Maildir/", "&x@sub.example.com", "&y@example.com.au"]
vacation = "From: alice@example.com\nSubject: away\n\nI am away.\n"
[mailbox.bob]
gecos = "of example.com"
vacation = "From: bob@example.com\nSubject: away\n\nSee example.com.\n"
[alias.sales]
deliver = ["&alice@EXAMPLE.com", "x@other.example", "|/usr/bin/tool --domain example.com", "# example.com"]
[autoresponder.info]
message = "From: info@example.com\nSubject: info\n\nhello\n"
copy_to = ["&alice@example.com"]
limit = { replies = 1, seconds = 10 }
[list.news]
subscribers = ["alice@example.com", "reader@other.example"]
moderators = ["bob@example.com"]
[list.news.files]
outhost = "example.com\n"
inlocal = "example.com-news"
headeradd = "List-Post: <mailto:news@example.com>\n"
config = "F:-aBc\nH:example.com\nL:example.com-news\n5:owner@example.com\n"
listid = "news.example.com\n"
[[file]]
path = ".no-user.msg"
text = "nobody at example.com\n"
)toml";

}  // namespace

TEST_CASE("rename: own addresses follow, and what is a person's is named", "[model][rename]") {
  const auto before = read_state(k_text);
  const auto after = rename_domain(before, renaming());
  REQUIRE(after);
  const auto& state = after->state;
  CHECK(state.name.text() == "new.org");
  CHECK(state.default_delivery->front() == "| {vpopmail}/bin/vdelivermail '' catch@new.org");
  const auto& alice = state.mailboxes.at(MailboxName::parse("alice").value());
  CHECK(alice.deliver == DeliveryLines{"&bob@new.org", "{mailbox:alice}/Maildir/",
                                       "&x@sub.example.com", "&y@example.com.au"});
  CHECK(alice.vacation->starts_with("From: alice@new.org\n"));
  const auto& sales = state.alias.at(AliasName::parse("sales").value());
  CHECK(sales.deliver == DeliveryLines{"&alice@new.org", "x@other.example",
                                       "|/usr/bin/tool --domain example.com", "# example.com"});
  const auto& news = state.lists.at(AliasName::parse("news").value());
  CHECK(news.addresses.at("").contains("alice@new.org"));
  CHECK(news.addresses.at("").contains("reader@other.example"));
  CHECK(news.files.at("outhost") == "new.org\n");
  CHECK(news.files.at("inlocal") == "new.org-news");
  CHECK(news.files.at("config") == "F:-aBc\nH:new.org\nL:new.org-news\n5:owner@new.org\n");
  std::set<std::string> kept;
  for (const auto& one : after->kept) kept.insert(one.address);
  CHECK(kept == std::set<std::string>{"mailbox.alice.deliver", "mailbox.bob.gecos",
                                      "mailbox.bob.vacation", "alias.sales",
                                      "list.news.files.listid", "file..no-user.msg"});
}

TEST_CASE("rename: there and back is the identity", "[model][rename]") {
  auto before = read_state(k_text);
  before.alias.at(AliasName::parse("sales").value()).deliver.front() = "&alice@example.com";
  const auto there = rename_domain(before, renaming());
  REQUIRE(there);
  const auto back = rename_domain(there->state, renaming("new.org=example.com"));
  REQUIRE(back);
  CHECK(document::write(back->state) == document::write(before));
}

TEST_CASE("rename: wrong names", "[model][rename]") {
  for (const auto* text : {"", "a.example", "=b.example", "a.example=", "a.example=a.example",
                           "a.example=b_example", "a.example=b.example=c.example"})
    CHECK_FALSE(parse_renaming(text));
  const auto state = read_state(k_text);
  CHECK_FALSE(rename_domain(state, renaming("example.com=example.net")));
  CHECK(rename_domain(state, renaming("other.example=new.org"))->state == state);
}

}  // namespace vstate
