#include "format/vpasswd.h"

#include <fmt/format.h>

#include "unit/format/captures.h"

namespace vstate::vpasswd {
namespace {

using vstate::test::ContainsSubstring;

const std::string k_text =
    "anna:$1$a$b:1:0:Anna:/d/anna:NOQUOTA\n"
    "joe:$1$c$d:1:2:Joe Doe:/d/0/joe:52428800S,1000C:se:cret\n"
    "zoe::2:99999999999999999999:Zoe\tM\xC3\xBCller:/d/zoe:10M:\n";

File parsed(std::string_view bytes) {
  auto file = File::parse(bytes);
  REQUIRE(file.blemishes().empty());
  return file;
}

Record record(std::string name) {
  return {std::move(name), "h", "1", "0", "g", "/d/x", "NOQUOTA", std::nullopt};
}

}  // namespace

TEST_CASE("vpasswd: fields are read as they stand", "[format][vpasswd]") {
  const auto file = parsed(k_text);
  REQUIRE(file.records().size() == 3);
  CHECK(file.bytes() == k_text);
  CHECK_FALSE(file.lacks_final_newline());
  CHECK(file.records()[0] ==
        Record{"anna", "$1$a$b", "1", "0", "Anna", "/d/anna", "NOQUOTA", std::nullopt});
  CHECK(file.records()[1].clear == "se:cret");
  CHECK(file.records()[2].clear == "");
  CHECK(file.records()[2].hash.empty());
  for (const auto& each : file.records()) CHECK(k_text.find(to_line(each) + '\n') != k_text.npos);
  CHECK(parsed("").records().empty());
}

TEST_CASE("vpasswd: the name decides, and the first of equal ones", "[format][vpasswd]") {
  const auto file = parsed(k_text + "joe:later:1:0:g:/d:Q\n");
  REQUIRE(file.find("joe") != nullptr);
  CHECK(file.find("joe")->hash == "$1$c$d");
  CHECK(file.find("jo") == nullptr);
}

TEST_CASE("vpasswd: a last line without newline is taken and completed", "[format][vpasswd]") {
  const auto file = parsed(k_text.substr(0, k_text.size() - 1));
  CHECK(file.lacks_final_newline());
  CHECK(file.records().size() == 3);
  CHECK(file.bytes() == k_text);
  CHECK(file.cdb_records().size() == 3);
}

TEST_CASE("vpasswd: lines that lose accounts are named with their number, the others are read",
          "[format][vpasswd]") {
  const auto check = [](const std::string& bytes, const std::string& blemish,
                        const std::string& name, const std::string& written) {
    const auto file = File::parse(bytes);
    CHECK(file.records().size() == 3);
    REQUIRE(file.blemishes().size() == 1);
    const auto& found = file.blemishes().front();
    CHECK(fmt::format("line {}: {}", found.line, found.what) == blemish);
    CHECK(found.name == name);
    CHECK(file.bytes() == written);
    CHECK(file.cdb_records().size() == 3);
  };
  check(k_text + "\n", "line 4: blank line", "", k_text);
  check("\n" + k_text, "line 1: blank line", "", k_text);
  const std::string cut = "x:CANARY:1:0:g:/d\n";
  check(k_text + cut, "line 4: 6 fields, at least 7 expected", "x", k_text + cut);
  check(cut + k_text, "line 1: 6 fields, at least 7 expected", "x", k_text + cut);
  check(k_text + "CANARY", "line 4: 1 fields, at least 7 expected", "", k_text + "CANARY\n");
  const std::string nul("a:CANARY\0:1:0:g:/d:Q\n", 21);
  check(k_text + nul, "line 4: a NUL byte", "a", k_text + nul);
}

TEST_CASE("vpasswd: a new account stands where vadduser puts it", "[format][vpasswd]") {
  auto file = parsed(k_text);
  REQUIRE(file.insert(record("bob")));
  REQUIRE(file.insert(record("zz")));
  REQUIRE(file.insert(record("Anna")));
  std::vector<std::string> names;
  for (const auto& each : file.records()) names.push_back(each.name);
  CHECK(names == std::vector<std::string>{"Anna", "anna", "bob", "joe", "zoe", "zz"});
  const auto again = file.insert(record("bob"));
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::conflict);
  CHECK(parsed(file.bytes()).records() == file.records());
}

TEST_CASE("vpasswd: a change writes one whole line", "[format][vpasswd]") {
  auto file = parsed(k_text);
  auto changed = *file.find("joe");
  changed.clear.reset();
  changed.quota = "NOQUOTA";
  REQUIRE(file.replace(changed));
  CHECK_THAT(file.bytes(), ContainsSubstring("\njoe:$1$c$d:1:2:Joe Doe:/d/0/joe:NOQUOTA\n"));
  CHECK_THAT(file.bytes(), ContainsSubstring(k_text.substr(0, k_text.find('\n') + 1)));
  CHECK(file.replace(record("nobody")).error().code == Errc::not_found);
  changed.gecos = "a:b";
  CHECK(file.replace(changed).error().code == Errc::invalid);
}

TEST_CASE("vpasswd: removal takes every line of the name", "[format][vpasswd]") {
  auto file = parsed(k_text + "joe:later:1:0:g:/d:Q\n");
  REQUIRE(file.remove("joe"));
  CHECK(file.find("joe") == nullptr);
  CHECK(file.records().size() == 2);
  CHECK(file.remove("joe").error().code == Errc::not_found);
  CHECK(parsed(file.bytes()).records() == file.records());
}

TEST_CASE("vpasswd: lengths count the newline", "[format][vpasswd]") {
  auto one = record("ab");
  CHECK(line_length(one) == std::string("ab:h:1:0:g:/d/x:NOQUOTA\n").size());
  one.clear = "";
  CHECK(line_length(one) == std::string("ab:h:1:0:g:/d/x:NOQUOTA:\n").size());
}

TEST_CASE("vpasswd: what a field cannot hold is named, and never shown", "[format][vpasswd]") {
  CHECK(check_field("gecos", "Jos\xC3\xA9, \"quoted\" # no comment", false));
  CHECK(check_field("clear", "with:colon", true));
  CHECK_FALSE(check_field("gecos", "with:colon", false));
  for (const std::string& bad : {std::string("CANARY\n"), std::string("CANARY\0", 7)}) {
    const auto status = check_field("clear", bad, true);
    REQUIRE_FALSE(status);
    CHECK_THAT(status.error().message, ContainsSubstring("clear"));
    CHECK(status.error().message.find("CANARY") == std::string::npos);
  }
  CHECK_FALSE(check(record("")));
  CHECK(check(record("a")));
}

TEST_CASE("vpasswd: a record of the cdb is the line behind the first colon", "[format][vpasswd]") {
  const auto file = parsed(k_text);
  const auto records = file.cdb_records();
  REQUIRE(records.size() == 3);
  CHECK(records[0] ==
        std::pair(std::string("anna"), std::string("$1$a$b:1:0:Anna:/d/anna:NOQUOTA")));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto back = from_cdb(records[i].first, records[i].second);
    REQUIRE(back);
    CHECK(*back == file.records()[i]);
  }
  CHECK_FALSE(from_cdb("a", "x:1:0"));
  CHECK_FALSE(from_cdb("a:b", records[0].second));
  CHECK_FALSE(from_cdb("a", records[0].second + "\nb"));
}

TEST_CASE("vpasswd: no damage crashes the reader", "[format][vpasswd]") {
  test::for_each_damage(k_text, [](const std::string& damaged) {
    const auto file = File::parse(damaged);
    if (file.blemishes().empty())
      CHECK(file.bytes() == damaged + (file.lacks_final_newline() ? "\n" : ""));
    CHECK(file.cdb_records().size() == file.records().size());
  });
}

TEST_CASE("vpasswd: captured cdb files are what we make of the text",
          "[format][vpasswd][capture]") {
  SKIP_WITHOUT_CAPTURES();
  const auto files = test::captured_files("vpasswd");
  REQUIRE(files.size() == 138);
  for (const auto& path : files) {
    INFO(path.string());
    const auto text = test::read_bytes(path);
    const auto file = parsed(text);
    CHECK(file.bytes() == text);
    CHECK(cdb::write(file.cdb_records()) == test::read_bytes(path.string() + ".cdb"));
    File rebuilt;
    for (const auto& each : file.records()) REQUIRE(rebuilt.insert(each));
    CHECK(rebuilt.bytes() == text);
  }
}

}  // namespace vstate::vpasswd
