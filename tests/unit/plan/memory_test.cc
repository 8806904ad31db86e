// The table of plan/memory.h, row by row, for each kind of value.

#include "vstate/plan/memory.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/example.h"
#include "view/plan_view.h"
#include "vstate/plan/plan.h"

using namespace vstate;
using namespace vstate::test;

namespace {

constexpr const char* k_key = "key";

State example() { return domain_file(example_document(), "").state; }

/// What an apply left that made the server as `state` says.
RememberedParts left_by(const State& state) {
  RememberedParts parts;
  const auto take = [&](const std::string& item, const auto& value) {
    auto& known = parts[item];
    for (const auto& [part, text] : parts_of(value))
      known.emplace(part, digest_of_part(k_key, text));
  };
  for (const auto& [name, value] : state.mailboxes) take("mailbox." + name.text(), value);
  for (const auto& [name, value] : state.alias) take("alias." + name.text(), value);
  for (const auto& [name, value] : state.autoresponders)
    take("autoresponder." + name.text(), value);
  for (const auto& [name, value] : state.lists) take("list." + name.text(), value);
  for (const auto& [name, value] : state.files) take("file." + name, value);
  if (state.limits) take("limits", *state.limits);
  if (state.default_delivery) take("default", *state.default_delivery);
  return parts;
}

Plan plan_of(const State& file, const State& server, RememberedParts known,
             const PlanOptions& options = {}, const TargetFacts& facts = {}) {
  Server layout;
  layout.vpopmail_dir = "/srv/vpopmail";
  layout.qmail_dir = "/var/qmail";
  Condition condition;
  condition.directory = "/srv/vpopmail/domains/example.com";
  condition.has_directory = true;
  condition.paths = {"/srv/vpopmail", "/var/qmail", "/e", "/a", condition.directory, {}, {}};
  const Publication whole{true, true, true, false, true, true};
  condition.published[server.name] = whole;
  for (const auto& alias : server.aliases) condition.published[alias] = whole;
  // No more than a plan has of the ledger.
  std::erase_if(known, [items = disputed_items(file, &server)](const auto& item) {
    return !items.contains(item.first);
  });
  const Memory memory(k_key, std::move(known));
  auto plan = make_plan({file, &server, condition, layout, facts, options, memory});
  auto shown_only = options;
  shown_only.remembers = false;
  const auto shown = make_plan({file, &server, condition, layout, facts, shown_only, memory});
  CHECK(view::to_json(shown) == view::to_json(plan));
  CHECK(shown.memory.empty());
  return plan;
}

std::size_t count(const Plan& plan, NoteKind kind) {
  return static_cast<std::size_t>(std::count_if(
      plan.notes.begin(), plan.notes.end(), [&](const Note& note) { return note.kind == kind; }));
}

Mailbox& alice(State& state) { return state.mailboxes.at(*MailboxName::parse("alice")); }

/// One way to change a state, and another change of the same place.
struct Place {
  const char* name;
  void (*change)(State&);
  void (*change_otherwise)(State&);
};

const Place k_places[] = {
    {"password", [](State& s) { alice(s).password = Secret("$6$one$x"); },
     [](State& s) { alice(s).password = Secret("$6$two$x"); }},
    {"quota", [](State& s) { alice(s).quota.bytes += 1; },
     [](State& s) { alice(s).quota.bytes += 2; }},
    {"gecos", [](State& s) { alice(s).gecos = "one"; }, [](State& s) { alice(s).gecos = "two"; }},
    {"mailbox deliver", [](State& s) { alice(s).deliver = {"&one@example.org"}; },
     [](State& s) { alice(s).deliver = {"&two@example.org"}; }},
    {"alias", [](State& s) { s.alias.begin()->second.deliver = {"&one@example.org"}; },
     [](State& s) { s.alias.begin()->second.deliver = {"&two@example.org"}; }},
    {"autoresponder", [](State& s) { s.autoresponders.begin()->second.message = "one"; },
     [](State& s) { s.autoresponders.begin()->second.message = "two"; }},
    {"list file", [](State& s) { s.lists.begin()->second.files["text/faq"] = "one"; },
     [](State& s) { s.lists.begin()->second.files["text/faq"] = "two"; }},
    {"limits", [](State& s) { (*s.limits)["maxaliases"] = 7; },
     [](State& s) { (*s.limits)["maxaliases"] = 8; }},
    {"catch-all", [](State& s) { s.default_delivery = DeliveryLines{"&one@example.org"}; },
     [](State& s) { s.default_delivery = DeliveryLines{"&two@example.org"}; }},
};

}  // namespace

TEST_CASE("file, server, and the last apply give the table's results", "[plan][memory][law]") {
  auto last = example();
  if (!last.limits) last.limits = Limits{{"maxaliases", 5}};
  last.limits->emplace("maxaliases", 5);
  last.lists.begin()->second.files.emplace("text/faq", "zero");
  const auto memory = left_by(last);
  for (const auto& place : k_places) {
    INFO(place.name);
    auto one = last, two = last;
    place.change(one);
    place.change_otherwise(two);

    const auto nothing = plan_of(last, last, memory);
    CHECK(nothing.is_empty());

    const auto changed = plan_of(one, last, memory);
    CHECK(changed.actions.size() == 1);
    CHECK(count(changed, NoteKind::kept) == 0);

    const auto kept = plan_of(last, one, memory);
    CHECK(kept.is_empty());
    CHECK(count(kept, NoteKind::kept) == 1);

    const auto conflict = plan_of(one, two, memory);
    CHECK(conflict.is_empty());
    CHECK(count(conflict, NoteKind::conflict) == 1);

    const auto agreed = plan_of(one, one, memory);
    CHECK(agreed.is_empty());
    CHECK(count(agreed, NoteKind::kept) + count(agreed, NoteKind::conflict) == 0);

    const auto unknown = plan_of(last, one, {});
    CHECK(unknown.actions.size() == 1);

    PlanOptions overwrite;
    overwrite.overwrite = true;
    CHECK(plan_of(last, one, memory, overwrite).actions.size() == 1);
    CHECK(plan_of(one, two, memory, overwrite).actions.size() == 1);
  }
}

TEST_CASE("two parts of one mailbox are judged by themselves", "[plan][memory]") {
  const auto last = example();
  auto file = last, server = last;
  alice(file).quota.bytes = 4096;
  alice(server).password = Secret("$6$person$x");
  const auto plan = plan_of(file, server, left_by(last));
  REQUIRE(plan.actions.size() == 1);
  const auto& change = std::get<Change<Mailbox>>(plan.actions.front());
  CHECK(change.after->quota.bytes == 4096);
  CHECK(change.after->password == Secret("$6$person$x"));
  CHECK(count(plan, NoteKind::kept) == 1);
}

TEST_CASE("what a person removed from the server stays removed", "[plan][memory]") {
  const auto last = example();
  auto server = last;
  server.mailboxes.erase(*MailboxName::parse("bob"));
  server.alias.clear();
  server.aliases.clear();
  auto& list = server.lists.begin()->second;
  list.addresses[""].clear();
  auto memory = left_by(last);
  const auto plan = plan_of(last, server, memory);
  std::vector<std::string> addresses;
  for (const auto& action : plan.actions) addresses.push_back(address_of(action));
  // Alias domains are not in this memory, so they come back.
  CHECK(std::all_of(addresses.begin(), addresses.end(),
                    [](const std::string& a) { return a.starts_with("publish."); }));
  CHECK(count(plan, NoteKind::kept) == 2 + last.alias.size());
  auto file = last;
  file.mailboxes.at(*MailboxName::parse("bob")).gecos = "changed meanwhile";
  CHECK(count(plan_of(file, server, memory), NoteKind::conflict) == 1);
}

TEST_CASE("what was kept is remembered as it was left", "[plan][memory]") {
  const auto last = example();
  auto server = last;
  alice(server).gecos = "person";
  const auto plan = plan_of(last, server, left_by(last));
  const auto& parts = plan.memory.at("mailbox.alice");
  CHECK_FALSE(parts.at("gecos").has_value());
  CHECK(parts.at("quota").has_value());
}

TEST_CASE("what a plan remembers of secrets is their digest", "[plan][memory]") {
  const auto file = example();
  auto server = file;
  alice(server).password = Secret("$1$abcdefgh$AyxwVYK7W2Wg6/6z2eO3t.");
  const auto plan = plan_of(file, server, {});
  std::vector<std::string> secrets;
  for (const auto& [name, mailbox] : file.mailboxes) secrets.push_back(mailbox.password.reveal());
  for (const auto& [name, list] : file.lists) secrets.push_back(list.key.reveal());
  std::erase(secrets, "");
  REQUIRE_FALSE(secrets.empty());
  for (const auto& [item, parts] : plan.memory)
    for (const auto& [part, text] : parts)
      for (const auto& secret : secrets) CHECK(text.value_or("").find(secret) == std::string::npos);
  CHECK(plan.memory.at("mailbox.alice").at("password")->starts_with("sha256:"));
}

TEST_CASE("what --exclude leaves out is not remembered", "[plan][memory]") {
  auto file = example();
  const auto server = file;
  alice(file).gecos = "new";
  PlanOptions options;
  options.selection.exclude = {"mailbox.alice"};
  CHECK_FALSE(plan_of(file, server, {}, options).memory.contains("mailbox.alice"));
}

TEST_CASE("a mailbox that stays removed gets no mail", "[plan][memory]") {
  const auto file = example();
  auto server = file;
  const auto name = *MailboxName::parse("alice");
  server.mailboxes.erase(name);
  TargetFacts facts;
  ArchiveReport report;
  report.box.name = "alice";
  report.messages = 3;
  facts.archives.push_back(report);
  const auto kept = plan_of(file, server, left_by(file), {}, facts);
  CHECK(kept.is_empty());
  CHECK(kept.unplaced == std::set<std::string>{"mailbox.alice"});

  PlanOptions overwrite;
  overwrite.overwrite = true;
  const auto made = plan_of(file, server, left_by(file), overwrite, facts);
  CHECK(made.actions.size() == 2);
  CHECK(made.unplaced.empty());

  PlanOptions without;
  without.selection.exclude = {"mailbox.alice"};
  const auto left_out = plan_of(file, server, {}, without, facts);
  CHECK(left_out.is_empty());
  CHECK(left_out.unplaced == std::set<std::string>{"mailbox.alice"});
}
