#include "vstate/document/document.h"

#include <algorithm>
#include <set>

#include <rapidcheck.h>
#include <nlohmann/json.hpp>

#include "format/legible.h"
#include "support/catch.h"
#include "support/example.h"
#include "support/generators.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;
using Json = nlohmann::json;

namespace {

State must_read(const std::string& text) {
  Diagnostics diagnostics;
  auto state = document::read(text, "x.toml", diagnostics);
  for (const auto& item : diagnostics.sorted()) UNSCOPED_INFO(to_text(item));
  REQUIRE(state);
  return *std::move(state);
}

/// The keys of a schema's object, as known_keys() spells them.
void collect(const Json& schema, const Json& node, const std::string& prefix,
             std::set<std::string>& out) {
  if (node.contains("$ref")) {
    const auto pointer = node["$ref"].get<std::string>().substr(1);
    collect(schema, schema.at(Json::json_pointer(pointer)), prefix, out);
    return;
  }
  const auto properties = node.value("properties", Json::object());
  for (const auto& [key, value] : properties.items()) {
    out.insert(prefix + key);
    collect(schema, value, prefix + key + ".", out);
  }
  if (node.contains("additionalProperties") && node["additionalProperties"].is_object() &&
      prefix != "list.*.files." && prefix != "list.*.links." && prefix != "list.*.others.")
    collect(schema, node["additionalProperties"], prefix + "*.", out);
  if (node.contains("patternProperties"))
    for (const auto& [pattern, value] : node["patternProperties"].items())
      collect(schema, value, prefix + "*.", out);
  if (node.contains("items")) {
    const auto list = prefix.empty() ? prefix : prefix.substr(0, prefix.size() - 1) + "[].";
    collect(schema, node["items"], list, out);
  }
}

std::string any_message() {
  const auto literal = *any_text();
  return as_template(looks_like_text(literal) ? literal : "caf\xe9 au lait");
}

/// A content is text where it can be.
File any_content() {
  File file;
  file.content = *any_text();
  if (looks_like_text(file.content))
    file.content = as_template(file.content);
  else
    file.kind = File::Kind::bytes;
  return file;
}

State any_state() {
  State state(*DomainName::parse("example.com"));
  const auto count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    Mailbox mailbox;
    mailbox.password = Secret(without(as_template(*any_text()), ":\n"));
    if (mailbox.password.reveal().size() > 128) mailbox.password = Secret("x");
    mailbox.gecos = as_template(without(*any_text(), std::string_view(":\n\0", 3)));
    mailbox.quota.bytes = *rc::gen::inRange<std::uint64_t>(0, 1000000000);
    mailbox.quota.messages = *rc::gen::inRange<std::uint64_t>(0, 1000);
    mailbox.flags = *rc::gen::inRange<std::uint64_t>(0, 0xFFFFF);
    for (const auto& line : *rc::gen::container<std::vector<std::string>>(any_text()))
      mailbox.deliver.push_back(as_template(without(line, std::string_view("\n\0", 2))));
    if (*rc::gen::arbitrary<bool>()) mailbox.vacation = any_message();
    if (*rc::gen::arbitrary<bool>())
      mailbox.last_login = LastLogin{std::chrono::sys_seconds(std::chrono::seconds(
                                         *rc::gen::inRange<std::int64_t>(0, 4000000000))),
                                     "192.0.2.1"};
    state.mailboxes.emplace(*MailboxName::parse("user" + std::to_string(i)), std::move(mailbox));
  }
  if (*rc::gen::arbitrary<bool>()) {
    List list;
    list.addresses[""] = {"a@example.org", "B@example.org"};
    list.files["owner"] = any_message();
    state.lists.emplace(*AliasName::parse("news"), std::move(list));
  }
  state.files.emplace("file.txt", any_content());
  return state;
}

}  // namespace

TEST_CASE("reading what was written gives the same state", "[document][law]") {
  CHECK(rc::check("read(write(s)) = s", [] {
    const auto state = any_state();
    const auto text = document::write(state);
    Diagnostics diagnostics;
    const auto again = document::read(text, "x.toml", diagnostics);
    for (const auto& item : diagnostics.sorted()) RC_LOG() << to_text(item) << "\n" << text;
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == state);
    RC_ASSERT(document::write(*again) == text);
  }));
}

TEST_CASE("the example is canonical after one writing", "[document]") {
  const auto state = must_read(example_document());
  const auto text = document::write(state);
  CHECK(must_read(text) == state);
  CHECK(document::write(must_read(text)) == text);
}

TEST_CASE("characters that are not ASCII are read where they may stand", "[document]") {
  const auto gecos_of = [](const std::string& value) {
    Diagnostics diagnostics;
    const auto state = document::read(
        "\xef\xbb\xbfvstate = 1 # \u00e9\n[domain]\nname = \"example.com\"\n"
        "[mailbox.a]\ngecos = " +
            value + "\n[mailbox.\"b\"]\n",
        "x.toml", diagnostics);
    for (const auto& item : diagnostics.sorted()) UNSCOPED_INFO(to_text(item));
    return state ? state->mailboxes.begin()->second.gecos : "refused";
  };
  CHECK(gecos_of("\"\u00fcber\"") == "\u00fcber");
  CHECK(gecos_of("\"\"\"\u00fc\"\"\"\"\"") == "\u00fc\"\"");
  CHECK(gecos_of("\'\'\'\u00fc\\\'\'\'\'") == "\u00fc\\'");
  // A backslash at the end of a line joins it with the next one, whatever that begins with.
  CHECK(gecos_of("\"\"\"a\\ \n\n  \u00fcb\\\n\u044ac\\\n\xf0\x9f\x93\xa7\\\nd\"\"\"") ==
        "a\u00fcb\u044ac\xf0\x9f\x93\xa7"
        "d");
  CHECK(gecos_of("\"\"\"a\\\\\"\"\"") == "a\\");
  CHECK(gecos_of("\"a\"\n\u00e9 = 1") == "refused");
  CHECK(gecos_of("\"\xff\"") == "refused");
  CHECK(gecos_of("1\xff") == "refused");
}

TEST_CASE("the schema and the reader know the same keys", "[document][schema]") {
  const auto schema = Json::parse(document::schema());
  std::set<std::string> described;
  collect(schema, schema, "", described);
  std::set<std::string> read;
  for (const auto& key : document::known_keys()) read.insert(key);
  std::vector<std::string> only_one;
  std::set_symmetric_difference(described.begin(), described.end(), read.begin(), read.end(),
                                std::back_inserter(only_one));
  CHECK(only_one == std::vector<std::string>{});
}

TEST_CASE("all errors of a file are told at once, in the order of their places", "[document]") {
  Diagnostics diagnostics;
  const auto state = document::read(
      "vstate = 1\n[domain]\nname = \"example.com\"\nalias = 1\n[mailbox.al]\nquota = 5\n"
      "[mailbox.AL]\n[mailbox.\"a b\"]\n",
      "bad.toml", diagnostics);
  CHECK_FALSE(state);
  std::vector<std::string> lines;
  for (const auto& item : diagnostics.sorted()) lines.push_back(to_text(item));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "bad.toml:4:1: unknown key \"alias\" in [domain]; did you mean \"aliases\"?");
  CHECK(lines[1] == "bad.toml:6:9: mailbox.al.quota: is a whole number, a table is wanted");
  CHECK(
      lines[2] ==
      "bad.toml:7:10: mailbox \"al\" and \"AL\" are the same name for vpopmail; keep one of them");
  CHECK_THAT(lines[3], ContainsSubstring("contains a blank, which vpopmail refuses"));
}
