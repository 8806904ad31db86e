#include "format/settings_text.h"

#include <rapidcheck.h>

#include "support/catch.h"
#include "vstate/base/text.h"

namespace vstate {
namespace {

SettingFile file_called(std::string_view name) { return *setting_file(name); }

Settings values_of(std::string_view name, std::string_view bytes) {
  return parse_settings(file_called(name), bytes).values;
}

std::string changed(std::string_view name, std::string_view bytes, const SettingEdits& edits,
                    const std::vector<std::string>& order = {}) {
  return edit_settings(file_called(name), bytes, edits, order);
}

}  // namespace

TEST_CASE("settings text: each shape is read as its reader does", "[format][settings]") {
  CHECK(values_of("control.me", "host.example  \t\nsecond\n") == Settings{{"", "host.example"}});
  CHECK(values_of("control.me", "") == Settings{{"", ""}});
  CHECK(values_of("control.badmailfrom", "a@B.example \n\n#c\nb") ==
        Settings{{"a@B.example", ""}, {"b", ""}});
  CHECK(values_of(k_locals, "B.example\nb.example\n") == Settings{{"b.example", ""}});
  // Of equal keys the last is in force in a map, the first in rules.
  CHECK(values_of(k_smtproutes, "A:1\na:2\n:x\nno colon\n") == Settings{{"", "x"}, {"a", "2"}});
  CHECK(values_of(k_tcp_smtp, "a:1\na:2\n:x:y\n") == Settings{{"", "x:y"}, {"a", "1"}});
  CHECK(values_of("vpopmail.ip_alias_map", "192.0.2.1 \t a.example\nalone\n") ==
        Settings{{"192.0.2.1", "a.example"}});
  CHECK(values_of(k_limits_default, "maxaliases: 5\ndisable_pop\n") ==
        Settings{{"disable_pop", "1"}, {"maxaliases", "5"}});
}

TEST_CASE("settings text: lines that nobody takes for what they look like are named",
          "[format][settings]") {
  const auto text = parse_settings(file_called(k_smtproutes), "a:1\r\n b:2\nc\n# d\n\n");
  CHECK(text.values.empty());
  CHECK(text.blemishes ==
        std::vector<std::string>{"line 1: ends with a carriage return, so it matches nothing",
                                 "line 2: begins with a blank, so it matches nothing",
                                 "line 3: has no value"});
}

TEST_CASE("settings text: a change touches the lines of its keys", "[format][settings]") {
  CHECK(changed("control.me", "old\nnote\n", {{"", "new"}}) == "new\nnote\n");
  CHECK(changed("control.badmailfrom", "# mine\nb\n", {{"a", ""}}) == "# mine\nb\na\n");
  CHECK(changed("control.badmailfrom", "a\nb\n a\na", {{"a", std::nullopt}}) == "b\n a\n");
  CHECK(changed(k_smtproutes, "A:1\n# x\na:2\n", {{"a", "3"}}) == "A:1\n# x\na:3\n");
  CHECK(changed(k_smtproutes, "A:1\nb:1\na:2\n", {{"a", std::nullopt}}) == "b:1\n");
  CHECK(changed(k_tcp_smtp, "a:1\na:2\n", {{"a", "3"}}) == "a:3\na:2\n");
  CHECK(changed(k_limits_default, "# ours\nmaxaliases: 5\nother 1\n",
                {{"maxaliases", "6"}, {"disable_pop", "1"}}) ==
        "# ours\nmaxaliases: 6\nother 1\ndisable_pop\n");
}

TEST_CASE("settings text: new lines have their place", "[format][settings]") {
  CHECK(changed(k_locals, "b.example\nd.example\n", {{"c.example", ""}}) ==
        "b.example\nc.example\nd.example\n");
  CHECK(changed(k_virtualdomains, "b.example:x\nd.example:x\n", {{"c.example", "y"}}) ==
        "b.example:x\nc.example:y\nd.example:x\n");
  // A rule comes before the first one that the file has behind it.
  CHECK(changed(k_tcp_smtp, "x:deny\n:allow\n", {{"b", "1"}, {"a", "1"}}, {"b", "a", ""}) ==
        "x:deny\nb:1\na:1\n:allow\n");
}

TEST_CASE("settings text: what is written is read", "[format][settings][law]") {
  CHECK(rc::check([] {
    const auto& files = setting_files();
    const auto file = *rc::gen::elementOf(files);
    if (file.shape == Shape::delivery || file.shape == Shape::limits) return;
    const auto word =
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("aB.-@1 :#\t\r")));
    const auto bytes =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("aB.:# \t\r\n1")));
    SettingEdits edits;
    const auto count = *rc::gen::inRange(0, 4);
    for (int i = 0; i < count; ++i) {
      auto key = file.shape == Shape::line ? std::string() : *word;
      if (file.folds_case) key = to_lower(key);
      const auto value = file.shape == Shape::set ? std::string() : std::string(trim_end(*word));
      if (!setting_problem(file, key, value).empty()) continue;
      edits.emplace(key, value);
    }
    auto wanted = parse_settings(file, bytes).values;
    for (const auto& [key, value] : edits) wanted[key] = *value;
    RC_ASSERT(parse_settings(file, edit_settings(file, bytes, edits)).values == wanted);
  }));
}

}  // namespace vstate
