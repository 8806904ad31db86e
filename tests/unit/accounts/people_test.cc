#include "accounts/people.h"

#include "support/catch.h"
#include "support/sandbox.h"

using namespace vstate;
using vstate::test::ContainsSubstring;

namespace {

std::vector<std::string> names_of(const People& people) {
  std::vector<std::string> out;
  for (const auto& person : people.chosen) out.push_back(person.name);
  return out;
}

}  // namespace

TEST_CASE("people have their hashes where the system keeps them", "[accounts]") {
  const test::Sandbox box;
  const LocalFiles files(box.root());
  box.write("/etc/passwd", "al:$1$old:1000:1:Al,Room:/home/al:/bin/sh\nbo:x:1001:1::/home/bo\n");
  const auto hashes = [&] {
    std::vector<std::string> out;
    const auto people = read_people(files, {}).value();
    for (const auto& person : people.chosen) out.push_back(person.password.reveal());
    return out;
  };
  CHECK(hashes() == std::vector<std::string>{"$1$old", "x"});
  SECTION("in shadow") {
    box.write("/etc/shadow", "bo:$6$new:1::::::\n\n");
    CHECK(hashes() == std::vector<std::string>{"$1$old", "$6$new"});
  }
  SECTION("in master.passwd") {
    box.write("/etc/master.passwd", "al:$2a$bsd:1000:1::0:0:Al:/home/al:/bin/sh\n");
    CHECK(hashes() == std::vector<std::string>{"$2a$bsd", "x"});
  }
}

TEST_CASE("people are chosen by uids or a group", "[accounts]") {
  const test::Sandbox box;
  const LocalFiles files(box.root());
  box.write("/etc/passwd",
            "root:x:0:0:::\nal:x:500:7::/h/al:\nbo:x:1000:8::/h/bo:\r\nbad:x:99999999999:1:::\n");
  CHECK(names_of(read_people(files, {}).value()) == std::vector<std::string>{"bo"});
  CHECK(names_of(read_people(files, {.uids = {{500, 999}}, .group = ""}).value()) ==
        std::vector<std::string>{"al"});
  box.write("/etc/group", "mail:x:7:bo , none\nodd:x\n");
  const auto members = read_people(files, {.uids = {}, .group = "mail"});
  REQUIRE(members);
  CHECK(names_of(*members) == std::vector<std::string>{"al", "bo"});
  REQUIRE(members->problems.size() == 1);
  CHECK_THAT(members->problems[0], ContainsSubstring("/etc/passwd:4: has no name, uid or gid"));
  CHECK(read_people(files, {.uids = {}, .group = "none"}).error().code == Errc::not_found);
}
