#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "view/plan_view.h"
#include "view/ruler.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;

namespace {

Mailbox mailbox() {
  Mailbox out;
  out.password = Secret("$6$salt$hash");
  out.quota.bytes = 104857600;
  return out;
}

Change<Mailbox> added(const std::string& name) { return {name, std::nullopt, mailbox()}; }

CopyArchive mail_of(const std::string& name, std::uint64_t messages = 1200,
                    std::uint64_t bytes = 47290112) {
  CopyArchive copy;
  copy.box.name = name;
  copy.messages = messages;
  copy.bytes = bytes;
  return copy;
}

Plan plan_with(std::vector<Action> actions, std::vector<Note> notes = {}) {
  Plan plan{.domain = *DomainName::parse("example.com")};
  plan.server_line = "vpopmail 5.6 cdb, /srv/vpopmail; qmail /var/qmail";
  plan.actions = std::move(actions);
  plan.notes = std::move(notes);
  return plan;
}

std::string text_of(const Plan& plan, view::TextOptions options = {}) {
  options.locale = "C.UTF-8";
  return view::to_text(view::to_json(plan), options);
}

std::string text_at(const Plan& plan, std::size_t width, bool verbose = false) {
  view::TextOptions options;
  options.width = width;
  options.verbose = verbose;
  return text_of(plan, options);
}

std::string brief_of(const Plan& plan, bool verbose = false) {
  view::TextOptions options;
  options.brief = true;
  options.verbose = verbose;
  return text_of(plan, options);
}

std::size_t lines_with(const std::string& text, std::string_view part) {
  const auto lines = split_lines(std::string_view(text));
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](auto line) {
    return line.find(part) != std::string_view::npos;
  }));
}

/// 301 mailboxes with a message each, 3 aliases.
Plan large() {
  std::vector<Action> actions;
  actions.reserve(301 + 301 + 3);
  for (int i = 0; i < 301; ++i) actions.emplace_back(added(fmt::format("user{:03}", i)));
  for (int i = 0; i < 301; ++i) actions.emplace_back(mail_of(fmt::format("user{:03}", i), 2, 1024));
  for (int i = 0; i < 3; ++i)
    actions.emplace_back(Change<Alias>{fmt::format("alias{}", i), std::nullopt, Alias{}});
  return plan_with(std::move(actions));
}

}  // namespace

TEST_CASE("a mailbox and its mail are one row", "[view]") {
  auto after = mailbox();
  after.quota.bytes = 2 * after.quota.bytes;
  auto repeated = mail_of("carol");
  repeated.changed = 2;
  repeated.replaced = {"Maildir/active"};
  const auto text = text_of(plan_with({added("alice"), Change<Mailbox>{"bob", mailbox(), after},
                                       mail_of("alice"), mail_of("bob", 1, 10), repeated}));
  CHECK_THAT(text, ContainsSubstring("  + mailbox alice  quota 100 MiB, password SHA-512; "
                                     "1,200 messages (45.1 MiB)\n"));
  CHECK_THAT(text, ContainsSubstring("  ~ mailbox bob    1 message (10 B)\n"
                                     "      quota           100 MiB → 200 MiB\n"));
  CHECK_THAT(text,
             ContainsSubstring("  + mail    carol  1,200 messages, 2 messages marked or moved "
                               "since, replaces Maildir/active (45.1 MiB)\n"));
  CHECK(lines_with(text, "alice") == 1);
  CHECK_THAT(text, ContainsSubstring("\nAdds 1 mailbox, mail of 3 mailboxes; changes 1 mailbox.\n"
                                     "Plan: 4 to add, 1 to change, 0 to delete; 2,401 messages "));
}

TEST_CASE("JSON keeps mail apart, and sums up by kind", "[view]") {
  const auto json = view::to_json(large());
  CHECK(json["changes"].size() == 605);
  const auto& sums = json["summary"]["by_kind"];
  CHECK(sums["add"].dump() == R"({"mailbox":301,"mail":301,"alias":3})");
  CHECK(sums["change"].empty());
  CHECK(sums["delete"].empty());
  CHECK(view::sums_line(json) == "Adds 301 mailboxes, mail of 301 mailboxes, 3 aliases.");
}

TEST_CASE("each sum adds up to the number of the summary", "[view]") {
  List before, after;
  before.addresses[""] = {"a@example.org", "b@example.org"};
  after.addresses[""] = {"c@example.org"};
  const auto json = view::to_json(
      plan_with({Change<List>{"news", before, after}, Change<Alias>{"old", Alias{}, std::nullopt},
                 CopyFeed{"elsewhere"}}));
  const auto& summary = json["summary"];
  CHECK(summary["by_kind"].dump() ==
        R"({"add":{},"change":{"list":1},"delete":{"alias":1,"address":2}})");
  CHECK(summary["delete"] == 3);
  CHECK(view::sums_line(json) == "Changes 1 list; deletes 1 alias, 2 addresses of lists.");
  CHECK(view::sums_line(view::to_json(plan_with({}))).empty());
}

TEST_CASE("many rows alike are grouped, unless all are asked for", "[view]") {
  const auto text = text_of(large());
  CHECK(lines_with(text, "+ mailbox user") == 20);
  CHECK_THAT(text, ContainsSubstring("\n  + … and 281 more mailboxes with 562 messages (281 KiB) "
                                     "(--verbose shows all)\n"));
  CHECK(lines_with(text, "+ alias") == 3);
  CHECK(lines_with(text_at(large(), 0, true), "+ mailbox user") == 301);
}

TEST_CASE("a hundred rows are shown", "[view]") {
  std::vector<Action> actions;
  actions.reserve(100 + 1);
  for (int i = 0; i < 100; ++i) actions.emplace_back(added(fmt::format("user{:03}", i)));
  CHECK(lines_with(text_of(plan_with(actions)), "+ mailbox user") == 100);
  actions.emplace_back(added("last"));
  CHECK(lines_with(text_of(plan_with(actions)), "+ mailbox user") == 20);
}

TEST_CASE("each line that runs a program is shown", "[view]") {
  std::vector<Action> actions;
  for (int i = 0; i < 200; ++i) {
    Alias alias;
    alias.deliver = {"&a@example.org"};
    if (i > 190) alias.deliver.push_back("|/bin/program");
    actions.emplace_back(Change<Alias>{fmt::format("alias{:03}", i), std::nullopt, alias});
  }
  const auto text = text_of(plan_with(actions));
  CHECK(lines_with(text, "+ alias") == 20 + 9);
  CHECK(lines_with(text, "|/bin/program") == 9);
  CHECK_THAT(text, ContainsSubstring("and 171 more aliases"));
}

TEST_CASE("what is deleted, warnings, and conflicts are always shown", "[view]") {
  std::vector<Action> actions;
  std::vector<Note> notes;
  for (int i = 0; i < 200; ++i) {
    const auto name = fmt::format("user{:03}", i);
    actions.emplace_back(Change<Mailbox>{name, mailbox(), std::nullopt});
    notes.push_back({NoteKind::warning, "alias", name, "runs what is not here"});
    notes.push_back({NoteKind::conflict, "alias", name, "changed here and in the file"});
    notes.push_back({NoteKind::kept, "alias", name, "changed here; kept"});
    notes.push_back({NoteKind::here_only, "mailbox", name, "here, not in the file; kept"});
  }
  const auto plan = plan_with(actions, notes);
  const auto text = text_of(plan);
  CHECK(lines_with(text, "  - mailbox user") == 200);
  CHECK(lines_with(text, "  ! alias   user") == 200);
  CHECK(lines_with(text, "  # alias   user") == 200);
  CHECK(lines_with(text, "  = alias   user") == 20);
  CHECK(lines_with(text, "  = … and 180 more aliases (--verbose shows all)") == 1);
  CHECK(lines_with(text, "  ? … and 180 more mailboxes (--verbose shows all)") == 1);
  // They are not cut either.
  CHECK_THAT(text_at(plan, 24), ContainsSubstring("  ! alias   user000\n"
                                                  "      runs what is not\n      here\n"));
}

TEST_CASE("of many addresses that a list gains the number is told, of those it loses each",
          "[view]") {
  List before, after;
  for (int i = 0; i < 1000; ++i) {
    before.addresses[""].insert(fmt::format("old{}@example.org", i));
    after.addresses[""].insert(fmt::format("new{}@example.org", i));
  }
  const auto plan = plan_with({Change<List>{"news", before, after}});
  const auto text = text_of(plan);
  CHECK(lines_with(text, "subscribers     + new") == 20);
  CHECK(lines_with(text, "subscribers     + 980 more") == 1);
  CHECK(lines_with(text, "subscribers     - old") == 1000);
  CHECK(lines_with(text_at(plan, 0, true), "subscribers     + new") == 1000);
}

TEST_CASE("a plan fits its terminal", "[view]") {
  const view::Ruler ruler("C.UTF-8");
  auto wide = mailbox();
  wide.gecos = "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字";
  const std::string long_name = "a.name.that.is.longer.than.its.column.would.ever.be";
  const auto plan = plan_with(
      {added("alice"), added(long_name), mail_of("alice"), Change<Mailbox>{"bob", mailbox(), wide},
       Change<Alias>{"kanji", std::nullopt,
                     Alias{{"| 漢字 漢字 漢字 漢字 漢字 漢字 漢字 漢字 漢字 漢字"}, false}},
       Change<Alias>{"gone", Alias{}, std::nullopt}},
      {{NoteKind::warning, "alias", "robot", "runs /usr/local/bin/majordomo, which is not here"}});
  for (const std::size_t width : {40U, 80U, 200U}) {
    const auto text = text_at(plan, width);
    for (const auto line : split_lines(std::string_view(text))) CHECK(ruler.columns(line) <= width);
  }
  const auto narrow = text_at(plan, 40);
  CHECK_THAT(narrow, ContainsSubstring("…\n"));
  CHECK_THAT(narrow, ContainsSubstring("\n  + mailbox alice          quota 100 Mi…\n"));
  // Folded, not cut.
  CHECK_THAT(narrow, ContainsSubstring("which is\n      not here\n"));
  CHECK_THAT(narrow, ContainsSubstring("(45.1 MiB)"));
  // Elsewhere, and where all is asked for, each row is whole.
  CHECK(text_of(plan).find("…") == std::string::npos);
  CHECK(text_at(plan, 40, true).find("…") == std::string::npos);
  view::TextOptions ascii;
  ascii.width = 40;
  ascii.unicode = false;
  CHECK_THAT(text_of(plan, ascii), ContainsSubstring("...\n"));
}

TEST_CASE("an apply says only what a person has to decide on", "[view]") {
  List before, after;
  before.addresses[""] = {"a@example.org"};
  after.addresses[""] = {"b@example.org"};
  const auto plan = plan_with({added("alice"), Change<List>{"news", before, after},
                               Change<Alias>{"gone", Alias{}, std::nullopt}},
                              {{NoteKind::kept, "alias", "sales", "kept"},
                               {NoteKind::warning, "alias", "robot", "runs nothing"}});
  CHECK(brief_of(plan) ==
        "example.com → vpopmail 5.6 cdb, /srv/vpopmail; qmail /var/qmail\n"
        "\n"
        "  ~ list  news\n"
        "      subscribers     - a@example.org\n"
        "  - alias gone\n"
        "  ! alias robot  runs nothing\n"
        "\n"
        "Adds 1 mailbox; changes 1 list; deletes 1 alias, 1 address of a list.\n"
        "Plan: 1 to add, 1 to change, 2 to delete. 1 kept, 1 warning.\n");
  CHECK(brief_of(plan_with({added("alice")})) ==
        "example.com → vpopmail 5.6 cdb, /srv/vpopmail; qmail /var/qmail\n"
        "Adds 1 mailbox.\n"
        "Plan: 1 to add, 0 to change, 0 to delete.\n");
  CHECK_THAT(brief_of(plan, true), ContainsSubstring("+ mailbox alice"));
}
