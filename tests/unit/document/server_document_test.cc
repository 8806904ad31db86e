#include "vstate/document/server_document.h"

#include <algorithm>

#include "support/catch.h"

namespace vstate {
namespace {

std::optional<ServerState> read_settings(std::string_view text, Diagnostics& diagnostics) {
  return document::read_server(text, "server.toml", diagnostics);
}

}  // namespace

TEST_CASE("server document: what is written is read", "[document][server][law]") {
  ServerState state;
  // One of each file there is.
  for (const auto& file : setting_files()) {
    auto& settings = state.files[std::string(file.name)];
    switch (file.shape) {
      case Shape::line:
        settings = {{"", "a \"quoted\" \xe4 value"}};
        break;
      case Shape::set:
        settings = {{"b.example", ""}, {"a\xff.example", ""}};
        break;
      case Shape::map:
      case Shape::rules:
        settings = {{"", "x:y"}, {"b.example", "z"}};
        break;
      case Shape::pairs:
        settings = {{"192.0.2.1", "a.example"}};
        break;
      case Shape::limits:
        settings = {{"disable_pop", "1"}, {"maxaliases", "7"}};
        break;
      case Shape::delivery:
        settings = {{"deliver", "./Maildir/\n\n# x\n"}};
        break;
    }
  }
  state.rule_order = {"b.example", ""};
  state.files["alias.a.b"] = {{"deliver", ""}};
  state.files["alias.root"] = {{"deliver", "&x@example.net\n"}, {"forwards_only", "1"}};
  state.left_out = {{.address = "control.x", .why = "unknown"},
                    {.address = "control.y", .why = "unknown", .messages = 3, .bytes = 4}};
  const auto text = document::write_server(state);
  CHECK(document::is_server_document(text));
  Diagnostics diagnostics;
  const auto again = read_settings(text, diagnostics);
  for (const auto& item : diagnostics.sorted()) FAIL_CHECK(to_text(item));
  REQUIRE(again);
  CHECK(*again == state);
  CHECK(document::write_server(*again) == text);
}

TEST_CASE("server document: an empty file is not a missing one", "[document][server]") {
  Diagnostics diagnostics;
  const auto state = read_settings("vstate_server = 1\n[control]\nrcpthosts = []\n", diagnostics);
  REQUIRE(state);
  CHECK(state->files.contains("control.rcpthosts"));
  CHECK_FALSE(state->files.contains("control.locals"));
}

TEST_CASE("server document: it says itself what it is", "[document][server]") {
  CHECK(document::is_server_document("# x\nvstate_server=1\n"));
  CHECK_FALSE(document::is_server_document("vstate = 1\n[domain]\nname = \"a.example\"\n"));
  CHECK_FALSE(
      document::is_server_document("vstate = 1\n[x]\nt = \"\"\"\nvstate_server = 1\n\"\"\"\n"));
  CHECK_FALSE(document::is_server_document("vstate_servers = 1\n"));
}

}  // namespace vstate
