#include "vstate/plan/plan.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/example.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;

namespace {

State example() { return domain_file(example_document(), "").state; }

/// A published domain that is as `actual` says, on a server with directory hashing off.
Plan plan_of(const State& desired, const State& actual, const PlanOptions& options = {},
             bool stores_clear_passwords = false) {
  Server server;
  server.vpopmail_dir = "/srv/vpopmail";
  server.qmail_dir = "/var/qmail";
  server.version = VpopmailVersion::v56;
  server.stores_clear_passwords = stores_clear_passwords;
  Condition condition;
  condition.directory = "/srv/vpopmail/domains/example.com";
  condition.has_directory = true;
  condition.paths = {"/srv/vpopmail", "/var/qmail", "/e", "/a", condition.directory, {}, {}};
  for (const auto& [name, mailbox] : actual.mailboxes)
    condition.paths.homes[name.text()] = condition.directory + "/" + name.text();
  const Publication whole{true, true, true, false, true, true};
  condition.published[actual.name] = whole;
  for (const auto& alias : actual.aliases) condition.published[alias] = whole;
  const TargetFacts facts;
  return make_plan({desired, &actual, condition, server, facts, options});
}

std::string text_of(const Plan& plan) { return view::to_text(view::to_json(plan), {}); }

}  // namespace

TEST_CASE("a state needs nothing to become itself", "[plan][law]") {
  const auto state = example();
  const auto plan = plan_of(state, state);
  CHECK(plan.is_empty());
  CHECK_THAT(text_of(plan), ContainsSubstring("Nothing to do: example.com is as the file says."));
}

TEST_CASE("each field that changes is shown, and no secret is", "[plan]") {
  const auto actual = example();
  auto desired = actual;
  auto& alice = desired.mailboxes.at(*MailboxName::parse("alice"));
  alice.password = Secret("$6$canary$canarycanary");
  alice.quota.bytes = 2097152;
  const auto plan = plan_of(desired, actual);
  REQUIRE(plan.actions.size() == 1);
  CHECK(address_of(plan.actions.front()) == "mailbox.alice");
  const auto text = text_of(plan);
  CHECK_THAT(text, ContainsSubstring("password        changed (not shown)"));
  CHECK_THAT(text, ContainsSubstring("1 MiB / 1,000 messages → 2 MiB / 1,000 messages"));
  CHECK_THAT(text, ContainsSubstring("Plan: 0 to add, 1 to change, 0 to delete."));
  const auto json = view::to_json(plan).dump();
  CHECK(text.find("canary") == std::string::npos);
  CHECK(json.find("canary") == std::string::npos);
  CHECK(json.find(actual.mailboxes.at(*MailboxName::parse("bob")).password.reveal()) ==
        std::string::npos);
}

TEST_CASE("what only the server has is kept, and deleted only when pruning", "[plan]") {
  const auto actual = example();
  auto desired = actual;
  desired.mailboxes.erase(*MailboxName::parse("bob"));
  desired.alias.erase(*AliasName::parse("sales"));
  desired.aliases.clear();
  const auto kept = plan_of(desired, actual);
  CHECK(kept.is_empty());
  CHECK(std::count_if(kept.notes.begin(), kept.notes.end(),
                      [](const Note& note) { return note.kind == NoteKind::here_only; }) == 3);
  PlanOptions prune;
  prune.prune = true;
  const auto pruned = plan_of(desired, actual, prune);
  REQUIRE(pruned.actions.size() == 3);
  CHECK_THAT(text_of(pruned), ContainsSubstring("Plan: 0 to add, 0 to change, 3 to delete."));
}

TEST_CASE("patterns choose changes by their addresses", "[plan]") {
  const auto actual = State(*DomainName::parse("example.com"));
  PlanOptions options;
  options.selection.only = {"mailbox.*"};
  options.selection.exclude = {"mailbox.bob"};
  const auto plan = plan_of(example(), actual, options);
  std::vector<std::string> addresses;
  for (const auto& action : plan.actions) addresses.push_back(address_of(action));
  CHECK(addresses == std::vector<std::string>{"mailbox.alice", "mailbox.postmaster"});
}

TEST_CASE("a filter that leaves nothing does not say that all is well", "[plan]") {
  const auto actual = State(*DomainName::parse("example.com"));
  PlanOptions options;
  options.selection.only = {"mailbox.nobody"};
  const auto plan = plan_of(example(), actual, options);
  CHECK(plan.is_empty());
  CHECK_THAT(text_of(plan), ContainsSubstring("Nothing to do of what was asked for"));
}

TEST_CASE("a clear-text password that only the server has stays with its hash", "[plan]") {
  auto desired = example();
  auto actual = desired;
  const auto postmaster = *MailboxName::parse("postmaster");
  actual.mailboxes.at(postmaster).clear_password = Secret("clear");
  REQUIRE_FALSE(actual.mailboxes.at(postmaster).last_login);
  CHECK(plan_of(desired, actual, {}, true).is_empty());
  desired.mailboxes.at(postmaster).password = Secret("$1$other$hash");
  const auto changed = plan_of(desired, actual, {}, true);
  REQUIRE(changed.actions.size() == 1);
  CHECK_FALSE(std::get<Change<Mailbox>>(changed.actions.front()).after->clear_password);
}

TEST_CASE("people who subscribed on the target stay subscribed", "[plan]") {
  const auto desired = example();
  auto actual = desired;
  actual.lists.at(*AliasName::parse("announce")).addresses[""].insert("new@example.org");
  CHECK(plan_of(desired, actual).is_empty());
}

TEST_CASE("a last login only ever moves forward", "[plan]") {
  const auto desired = example();
  auto actual = desired;
  auto& alice = actual.mailboxes.at(*MailboxName::parse("alice"));
  alice.last_login->at += std::chrono::seconds(100);
  CHECK(plan_of(desired, actual).is_empty());
  alice.last_login->at -= std::chrono::seconds(200);
  CHECK(plan_of(desired, actual).actions.size() == 1);
}

TEST_CASE("the same input gives the same text, and text without UTF-8 has ASCII arrows",
          "[plan][view]") {
  const auto actual = State(*DomainName::parse("example.com"));
  const auto json = view::to_json(plan_of(example(), actual));
  CHECK(view::to_text(json, {}) == view::to_text(json, {}));
  view::TextOptions ascii;
  ascii.unicode = false;
  CHECK(view::to_text(json, ascii).find("→") == std::string::npos);
}
