#include "cutover/relay_lines.h"

#include "cutover/journal.h"
#include "cutover/switchboard.h"
#include "support/catch.h"
#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

Relay relay(const char* text = "new.example:26") { return Relay::parse(text).value(); }

std::string turned(ControlName file, const std::string& before,
                   const std::string& name = "example.com") {
  auto lines = EditableLines::parse(before);
  auto edits = turn_away(file, lines, name, relay());
  auto back = EditableLines::parse(lines.bytes());
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) CHECK(back.take_back(*edit));
  CHECK(back.bytes() == before);
  // What is so already is left as it is.
  auto again = EditableLines::parse(lines.bytes());
  CHECK(turn_away(file, again, name, relay()).empty());
  return lines.bytes();
}

}  // namespace

TEST_CASE("relay: hosts as smtproutes has them", "[cutover]") {
  for (const auto* text :
       {"a", "mail.example.com", "mail.example.com:2525", "192.0.2.1", "[192.0.2.1]:25"})
    CHECK(Relay::parse(text));
  for (const auto* text :
       {"", ":25", "a:", "a:0", "a:65536", "a:b", "a b", "a\nb", "-a", "a:1:2", "::1", "a/b"})
    CHECK_FALSE(Relay::parse(text));
}

TEST_CASE("relay: one route for the name", "[cutover]") {
  constexpr auto file = ControlName::smtproutes;
  CHECK(turned(file, "") == "example.com:new.example:26\n");
  CHECK(turned(file, "# mine\n:relay\n.example.com:x") ==
        "# mine\n:relay\n.example.com:x\nexample.com:new.example:26\n");
  // The last of equal keys is in force, in any case.
  CHECK(turned(file, "EXAMPLE.com:a\nother:b\nexample.com:c \n") ==
        "other:b\nexample.com:new.example:26\n");
  CHECK(turned(file, "example.com:a\nexample.com:new.example:26 \n") ==
        "example.com:a\nexample.com:new.example:26 \n");
}

TEST_CASE("relay: no line of virtualdomains takes the mail", "[cutover]") {
  constexpr auto file = ControlName::virtualdomains;
  CHECK(turned(file, "a:a\nexample.com:example.com\nexample.com.au:x\n") ==
        "a:a\nexample.com.au:x\n");
  CHECK(turned(file, "Example.COM:example.com\t\nboss@example.com:alias-boss\n#example.com:x\n") ==
        "#example.com:x\n");
  // Lines for more would take it, so that one has to say that it is remote.
  CHECK(turned(file, "example.com:example.com\n.com:catch\n") == "example.com:\n.com:catch\n");
  CHECK(turned(file, ":all\nexample.com:example.com") == ":all\nexample.com:\n");
  CHECK(turned(file, ":all\nexample.com:\n") == ":all\nexample.com:\n");
  CHECK(turned(file, ".example.com:sub\nexample.com:example.com\n") == ".example.com:sub\n");
  CHECK(turned(file, "no colon\n \n") == "no colon\n \n");
}

TEST_CASE("relay: not local", "[cutover]") {
  constexpr auto file = ControlName::locals;
  CHECK(turned(file, "localhost\nExample.com \nexample.com") == "localhost\n");
  CHECK(turned(file, "# example.com\n example.com\n") == "# example.com\n example.com\n");
}

TEST_CASE("journal: what is written is read, whatever bytes lines have", "[cutover]") {
  Journal journal{.domain = DomainName::parse("example.com").value(),
                  .to = "new.example:26",
                  .names = {"example.com", "also.example"},
                  .began = std::chrono::sys_seconds(std::chrono::seconds(1700000000)),
                  .stage = Journal::Stage::undoing,
                  .is_told = true};
  std::string all;
  for (int c = 1; c < 256; ++c)
    if (c != '\n') all.push_back(static_cast<char>(c));
  journal.files[ControlName::locals] = {.was_made = true, .edits = {}};
  journal.files[ControlName::smtproutes].edits = {
      {.kind = LineEdit::Kind::remove,
       .line = all,
       .index = 7,
       .previous = all,
       .lacked_newline = true},
      {.kind = LineEdit::Kind::add, .line = "", .index = 0, .next = "é"}};
  const auto text = to_json(journal);
  const auto again = parse_journal(text, "file");
  REQUIRE(again);
  CHECK(to_json(*again) == text);
  CHECK(again->files == journal.files);
  CHECK(again->names == journal.names);
  CHECK(again->stage == journal.stage);
  for (const auto* bad : {"", "{}", "[]", "null", R"({"vstate_cutover": 2})"}) {
    const auto read = parse_journal(bad, "control/x");
    REQUIRE_FALSE(read);
    CHECK(read.error().message.starts_with("control/x: "));
  }
  for (std::size_t i = 0; i < text.size(); i += 7)
    (void)parse_journal(text.substr(0, i) + "0" + text.substr(i + 1), "file");
}

TEST_CASE("journal: edits that are not to be seen were not made", "[cutover]") {
  FileRecord record;
  auto lines = EditableLines::parse("a\nb\nb\n");
  record.edits.push_back(lines.remove(0));
  record.edits.push_back(lines.append("c"));
  auto all = record;
  drop_unmade(all, lines);
  CHECK(all == record);
  drop_unmade(all, EditableLines::parse("a\nb\nb\n"));
  CHECK(all.edits.empty());
}

}  // namespace vstate::cutover
