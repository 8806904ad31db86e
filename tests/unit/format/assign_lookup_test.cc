#include "format/assign_lookup.h"

#include "format/assign.h"
#include "support/catch.h"

using namespace vstate;

namespace {

std::string cdb_of(const std::string& lines) {
  const auto file = AssignFile::parse(lines + ".\n");
  REQUIRE(file.blemishes().empty());
  return cdb::write(assign_records(file));
}

/// "KEY HOME EXT" of the answer; "-" if there is none.
std::string answer(const std::string& cdb, const std::string& local) {
  const auto found = find_assignment(cdb, local);
  REQUIRE(found);
  if (!*found) return "-";
  return (*found)->key + " " + (*found)->home + " " + (*found)->ext;
}

}  // namespace

TEST_CASE("the longest wildcard answers, and a simple line before it", "[format][assign]") {
  const auto cdb = cdb_of(
      "+a.example-:a.example:89:89:/a:-::\n"
      "+a.example-boss-:a.example:89:89:/boss:-::\n"
      "=a.example-boss-x:joe:1:1:/simple:-:ext:\n"
      "+a.example-pre-:a.example:89:89:/pre:-:sal:\n"
      "+a.example-:later:1:1:/later:-::\n"
      "+zed:joe:2:2:/zed:-:zed-:\n"
      "+capX:joe:2:2:/cap:-::\n");
  CHECK(answer(cdb, "a.example-joe") == "a.example- /a joe");
  CHECK(answer(cdb, "A.Example-JOE") == "a.example- /a JOE");
  CHECK(answer(cdb, "a.example-") == "a.example- /a ");
  CHECK(answer(cdb, "a.example-boss-y") == "a.example-boss- /boss y");
  CHECK(answer(cdb, "a.example-boss-x") == "a.example-boss-x /simple ext");
  CHECK(answer(cdb, "a.example-boss-xy") == "a.example-boss- /boss xy");
  CHECK(answer(cdb, "a.example-boss") == "a.example- /a boss");
  CHECK(answer(cdb, "a.example-pre-es") == "a.example-pre- /pre sales");
  CHECK(answer(cdb, "zedfoo") == "zed /zed zed-foo");
  CHECK(answer(cdb, "ze") == "-");
  // Its last byte is a capital letter, and the address is looked up in lower case.
  CHECK(answer(cdb, "capXany") == "-");
}

TEST_CASE("the empty wildcard answers for everything", "[format][assign]") {
  const auto cdb = cdb_of("+:alias:7:7:/alias:-::\n+a-:a:8:8:/a:-::\n");
  CHECK(answer(cdb, "anybody") == " /alias anybody");
  CHECK(answer(cdb, "a-b") == "a- /a b");
  CHECK(answer(cdb, "") == " /alias ");
}

TEST_CASE("qmail-lspawn cannot use a file without the last bytes of the keys", "[format][assign]") {
  const auto data = std::string("a\0001\0001\000/a\000-\000\000", 12);
  for (const auto& cdb : {cdb::write({{"!a-", data}}), std::string("x"), std::string()}) {
    const auto found = find_assignment(cdb, "a-b");
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::invalid);
  }
  CHECK_FALSE(find_assignment(cdb::write({{"!a-", "a"}, {"", "-"}}), "a-b"));
}

TEST_CASE("vpopmail looks for the wildcard of a domain only", "[format][assign]") {
  const auto cdb = cdb_of("+al.example-:a.example:89:90:/a:-::\n=b.example-:b:1:1:/b:-::\n");
  const auto found = find_domain_assignment(cdb, "AL.example");
  REQUIRE(found);
  CHECK(found->user == "a.example");
  CHECK(found->uid == "89");
  CHECK(found->gid == "90");
  CHECK(found->home == "/a");
  CHECK_FALSE(find_domain_assignment(cdb, "b.example"));
  CHECK_FALSE(find_domain_assignment(cdb, "c.example"));
}
