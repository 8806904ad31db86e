#include "format/limits_file.h"

#include "unit/format/captures.h"

namespace vstate {
namespace {

using vstate::test::ContainsSubstring;

Limits parsed(std::string_view bytes) {
  auto text = parse_limits(bytes);
  for (const auto& blemish : text.blemishes) FAIL(blemish);
  return std::move(text.limits);
}

}  // namespace

TEST_CASE("limits file: only what differs from unset is kept", "[format][limits]") {
  CHECK(parsed("").empty());
  CHECK(parsed("maxaliases: -1\nquota: 0\nperm_alias: 0\n").empty());
  CHECK(parsed("maxaliases: 0\nquota: 500\n") == Limits{{"maxaliases", 0}, {"quota", 500}});
  CHECK(parsed("maxaliases: 5\nmaxaliases: -1\n").empty());
}

TEST_CASE("limits file: the grammar is vpopmail's", "[format][limits]") {
  CHECK(parsed("maxaliases\t\t7\rquota :: 8\r\nmaxforwards 9 # nine") ==
        Limits{{"maxaliases", 7}, {"maxforwards", 9}, {"quota", 8}});
  CHECK(parsed("# maxaliases: 1\n maxaliases: 2\nMaxAliases: 3\nunknown: x\nmaxaliases\n").empty());
  CHECK(parsed("disable_pop 0\ndisable_imap\ndelete_spam: no\n") ==
        Limits{{"delete_spam", 1}, {"disable_imap", 1}, {"disable_pop", 1}});
}

TEST_CASE("limits file: permissions keep the bits that vpopmail keeps", "[format][limits]") {
  CHECK(parsed("perm_account: 255\nperm_quota: 64\nperm_maillist: 1023\n") ==
        Limits{{"perm_account", 7}, {"perm_maillist", 511}});
}

TEST_CASE("limits file: a value that is no number is what vpopmail takes it for, and named",
          "[format][limits]") {
  const auto check = [](std::string_view bytes, const Limits& limits, std::string_view blemish) {
    INFO(bytes);
    const auto text = parse_limits(bytes);
    CHECK(text.limits == limits);
    REQUIRE(text.blemishes.size() == 1);
    CHECK_THAT(text.blemishes.front(), ContainsSubstring(std::string(blemish)));
  };
  check("maxaliases: 1\nquota: 10M\n", {{"maxaliases", 1}, {"quota", 10}},
        "line 2: quota: \"10M\" is no whole number; vpopmail takes 10");
  check("quota:\n", {}, "line 1: quota: \"\" is no whole number; vpopmail takes 0");
  check("maxaliases: many\n", {{"maxaliases", 0}}, "vpopmail takes 0");
  check("quota: -1\nmaxaliases: 3\n", {{"maxaliases", 3}}, "\"-1\" is taken for no limit");
  check("maxaliases: 9999999999\n", {}, "out of range; it is left out");
  check("quota: 99999999999999999999\nmaxaliases: 3\n", {{"maxaliases", 3}}, "line 1");
  check("maxaliases: 3\n" + std::string(2047, '#'), {{"maxaliases", 3}}, "2061 bytes");
  CHECK(parsed(std::string("quota\0: 1\n", 10)).empty());
}

TEST_CASE("limits file: all names are written, flags only when set", "[format][limits]") {
  const auto text = to_text({{"maxaliases", 0}, {"disable_smtp", 1}, {"perm_maillist", 511}});
  CHECK(text ==
        "maxpopaccounts: -1\nmaxaliases: 0\nmaxforwards: -1\nmaxautoresponders: -1\n"
        "maxmailinglists: -1\nquota: 0\nmaxmsgcount: 0\ndefault_quota: 0\n"
        "default_maxmsgcount: 0\ndisable_smtp\nperm_account: 0\nperm_alias: 0\n"
        "perm_forward: 0\nperm_autoresponder: 0\nperm_maillist: 511\nperm_quota: 0\n"
        "perm_defaultquota: 0\n");
  CHECK(parsed(text) == Limits{{"disable_smtp", 1}, {"maxaliases", 0}, {"perm_maillist", 511}});
}

TEST_CASE("limits file: every name comes back, and all fit into vpopmail's buffer",
          "[format][limits]") {
  Limits all;
  for (const auto& name : limit_names())
    all[std::string(name.file_key)] = name.kind == LimitKind::denial ? 1 : 6;
  const auto text = to_text(all);
  CHECK(parsed(text) == all);
  CHECK(text.size() < k_limits_file_maximum / 2);
}

TEST_CASE("limits file: no damage crashes the reader", "[format][limits]") {
  test::for_each_damage("maxaliases: 50\r\ndisable_pop\nperm_maillist: 7\n",
                        [](const std::string& damaged) {
                          const auto limits = parse_limits(damaged).limits;
                          CHECK(parsed(to_text(limits)) == limits);
                        });
}

TEST_CASE("limits file: files of vmoddomlimits come back byte for byte",
          "[format][limits][capture]") {
  SKIP_WITHOUT_CAPTURES();
  const auto files = test::captured_files(".qmailadmin-limits");
  REQUIRE(files.size() == 5);
  for (const auto& path : files) {
    INFO(path.string());
    const auto text = test::read_bytes(path);
    CHECK(to_text(parsed(text)) == text);
  }
  for (const auto& path : test::captured_files("vlimits.default"))
    CHECK(parsed(test::read_bytes(path)).empty());
}

}  // namespace vstate
