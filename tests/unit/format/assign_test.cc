#include "format/assign.h"

#include <fmt/format.h>

#include "unit/format/captures.h"
#include "vstate/base/text.h"

namespace vstate {
namespace {

using vstate::test::ContainsSubstring;

const std::string k_text =
    "+alias.example-:real.example:89:89:/d/real.example:-::\n"
    "=webmaster:www-data:33:33:/var/www:::\n"
    "+Real.Example-:real.example:89:89:/d/real.example:-::\n"
    "+real.example-:shadowed:1:1:/:-::\n"
    "+webmaster-:www-data:33:33:/var/www:-:pre:ignored\n"
    "+:alias:7790:2108:/var/qmail/alias:-::\n"
    ".\n"
    "+later.example-:later.example:89:89:/d/later.example:-::\nrubbish";

/// The text with a NUL for each "|".
std::string with_nuls(std::string text) {
  return replace_all(std::move(text), "|", std::string_view("\0", 1));
}

AssignFile parsed(std::string_view bytes) {
  auto file = AssignFile::parse(bytes);
  REQUIRE(file.blemishes().empty());
  return file;
}

}  // namespace

TEST_CASE("assign: an unchanged file keeps its bytes", "[format][assign]") {
  for (const std::string& bytes :
       {k_text, std::string(".\n"), std::string("."), std::string("=a:b:1:1:/:-::\n..\nx")})
    CHECK(parsed(bytes).bytes() == bytes);
  CHECK(AssignFile().bytes() == ".\n");
}

TEST_CASE("assign: entries end at the dot", "[format][assign]") {
  const auto entries = parsed(k_text).entries();
  REQUIRE(entries.size() == 6);
  CHECK(entries[1] == AssignEntry{false, "webmaster", "www-data", "33", "33", "/var/www", "", ""});
  CHECK(entries[4] ==
        AssignEntry{true, "webmaster-", "www-data", "33", "33", "/var/www", "-", "pre"});
  CHECK(entries[5].key.empty());
}

TEST_CASE("assign: the first line for a domain is in force", "[format][assign]") {
  const auto file = parsed(k_text);
  REQUIRE(file.find_domain("real.example"));
  CHECK(file.find_domain("REAL.example")->user == "real.example");
  CHECK(file.find_domain("alias.example")->user == "real.example");
  CHECK_FALSE(file.find_domain("later.example"));
  CHECK_FALSE(file.find_domain("webmaster.example"));
  const auto domains = file.domains();
  REQUIRE(domains.size() == 2);
  CHECK(domains[0].first == "alias.example");
  CHECK(domains[1].first == "real.example");
  CHECK(domains[1].second.user == "real.example");
}

TEST_CASE("assign: a line is written as vadddomain writes it", "[format][assign]") {
  CHECK(to_line(domain_entry("alias.example", "example.com", "89", "89",
                             "/home/vpopmail/domains/example.com")) ==
        "+alias.example-:example.com:89:89:/home/vpopmail/domains/example.com:-::");
  CHECK(to_line({false, "a", "b", "1", "2", "/", "", ""}) == "=a:b:1:2:/:::");
}

TEST_CASE("assign: what makes qmail-newu fail is named with its line, and the rest is read",
          "[format][assign]") {
  const std::string good = "+a.example-:a.example:89:89:/d:-::\n";
  const auto blemishes = [&](const std::string& bytes) {
    const auto file = AssignFile::parse(bytes);
    CHECK(file.bytes() == bytes);
    CHECK(file.entries().size() ==
          static_cast<std::size_t>(bytes.find(good) == std::string::npos ? 0 : 1));
    std::vector<std::string> out;
    for (const auto& item : file.blemishes())
      out.push_back(fmt::format("{} {}", item.line, item.what));
    return out;
  };
  using Lines = std::vector<std::string>;
  CHECK(blemishes("") == Lines{"1 the file ends without a \".\" line"});
  CHECK(blemishes(good) == Lines{"2 the file ends without a \".\" line"});
  CHECK(blemishes(good + "\n.\n") == Lines{"2 a blank line"});
  CHECK(blemishes("# a comment\n" + good + ".\n") == Lines{"1 fewer than seven colons"});
  CHECK(blemishes(good + "+a:b:1:1:/:-:\n.\n") == Lines{"2 fewer than seven colons"});
  CHECK(blemishes(":b:1:1:/:-::\n.\n") == Lines{"1 no key before the first colon"});
  CHECK(blemishes(std::string("+a\0:b:1:1:/:-::\n.\n", 18)) == Lines{"1 a NUL byte"});
}

TEST_CASE("assign: a file without its end gets one when it is changed", "[format][assign]") {
  auto file = AssignFile::parse("+a.example-:a.example:1:1:/a:-::\nrubbish");
  CHECK(file.bytes() == "+a.example-:a.example:1:1:/a:-::\nrubbish");
  CHECK(file.insert_sorted(domain_entry("b.example", "b.example", "1", "1", "/b")));
  CHECK(file.bytes() ==
        "+a.example-:a.example:1:1:/a:-::\n+b.example-:b.example:1:1:/b:-::\nrubbish\n.\n");
  CHECK(assign_records(file).size() == 3);
}

TEST_CASE("assign: changes leave the other lines alone", "[format][assign]") {
  auto file = parsed("+a.example-:a.example:1:1:/a:-::\n=zz:u:1:1:/:::\n.\nbehind\n");
  const auto entry = domain_entry("b.example", "b.example", "1", "1", "/b");
  CHECK(file.insert_sorted(entry));
  CHECK_FALSE(file.insert_sorted(entry));
  CHECK(file.bytes() ==
        "+a.example-:a.example:1:1:/a:-::\n+b.example-:b.example:1:1:/b:-::\n"
        "=zz:u:1:1:/:::\n.\nbehind\n");
  CHECK(file.has_line(to_line(entry)));
  CHECK(file.remove(entry));
  CHECK_FALSE(file.remove(entry));
  CHECK(file.remove_domain("A.Example"));
  CHECK_FALSE(file.remove_domain("a.example"));
  CHECK_FALSE(file.remove("behind"));
  CHECK(file.bytes() == "=zz:u:1:1:/:::\n.\nbehind\n");
}

TEST_CASE("assign: records are those of qmail-newu", "[format][assign][cdb]") {
  const auto records = assign_records(parsed(k_text));
  REQUIRE(records.size() == 7);
  const auto real = with_nuls("real.example|89|89|/d/real.example|-|");
  CHECK(records[0] == std::pair(std::string("!alias.example-"), real));
  CHECK(records[1].first == std::string("!webmaster\0", 11));
  CHECK(records[1].second == with_nuls("www-data|33|33|/var/www||"));
  CHECK(records[2].first == "!real.example-");
  CHECK(records[4].second.ends_with(std::string("-\0pre", 5)));
  CHECK(records[5].first == "!");
  CHECK(records[6] == std::pair(std::string(), std::string("-")));
  CHECK(assign_records(AssignFile()) == cdb::Records{{"", ""}});
  CHECK(
      assign_records(parsed("+aX:u:1:1:/:::\n+b-:u:1:1:/:::\n+cX:u:1:1:/:::\n.\n")).back().second ==
      "X-");
}

TEST_CASE("assign: a record is read back as the entry it was made of", "[format][assign][cdb]") {
  const auto file = parsed(k_text);
  const auto bytes = cdb::write(assign_records(file));
  const auto data = cdb::find(bytes, assign_cdb_key("Alias.example"));
  REQUIRE(data);
  CHECK(entry_of_record("!alias.example-", *data) == file.find_domain("alias.example"));
  CHECK_FALSE(entry_of_record("", "-"));
  CHECK_FALSE(entry_of_record(std::string("!webmaster\0", 11), *data));
  CHECK_FALSE(entry_of_record("!alias.example-", "too short"));
}

TEST_CASE("assign: no damage crashes the reader", "[format][assign]") {
  test::for_each_damage(k_text, [](const std::string& damaged) {
    const auto file = AssignFile::parse(damaged);
    CHECK(file.bytes() == damaged);
    CHECK(assign_records(file).size() == file.entries().size() + 1);
    (void)file.domains();
  });
}

TEST_CASE("assign: captured users/cdb is what we make of users/assign",
          "[format][assign][capture]") {
  SKIP_WITHOUT_CAPTURES();
  for (const auto& server : test::captured_servers()) {
    INFO(server.qmail.string());
    const auto text = test::read_bytes(server.qmail / "users/assign");
    const auto file = parsed(text);
    CHECK(file.bytes() == text);
    const auto bytes = test::read_bytes(server.qmail / "users/cdb");
    const auto records = cdb::read(bytes);
    REQUIRE(records);
    CHECK(assign_records(file) == *records);
    CHECK(cdb::write(assign_records(file)) == bytes);
    for (const auto& entry : file.entries()) {
      auto without = file;
      INFO(to_line(entry));
      REQUIRE(without.remove(entry));
      REQUIRE(without.insert_sorted(entry));
      CHECK(without.bytes() == text);
    }
  }
}

}  // namespace vstate
