#include "inspect/live_check.h"

#include <sys/stat.h>

#include "support/catch.h"
#include "support/sandbox.h"

using namespace vstate;
using namespace vstate::test;

namespace {

constexpr const char* k_text =
    "vstate = 1\n[domain]\nname = \"example.com\"\n"
    "default = [\"| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox\"]\n"
    "[mailbox.alice]\npassword = \"$1$9AewUKs/$tg11zueTXT424aEPxT4Pv0\"\n"
    "[alias.sales]\ndeliver = [\"&alice@example.com\"]\n";

struct Live {
  Live() {
    sandbox.write("/srv/vpopmail/bin/vdelivermail", "#!/bin/sh\n");
    set_mode("/srv/vpopmail/bin/vdelivermail", 0755);
    auto session = sandbox.open();
    REQUIRE(apply(session, file));
  }
  void set_mode(const std::string& path, mode_t mode) const {
    REQUIRE(::chmod(sandbox.path(path).c_str(), mode) == 0);
  }
  [[nodiscard]] LiveCheck check() const {
    auto session = sandbox.open();
    const auto found = inspect_domain(*session.system, session.server, *session.store,
                                      *session.qmail, file.state.name);
    REQUIRE(found);
    auto live = check_live(*session.system, session.server, *session.store, file.state, *found);
    REQUIRE(live);
    return *live;
  }
  Sandbox sandbox;
  engine::DomainFile file = domain_file(k_text, "");
};

}  // namespace

TEST_CASE("nothing is wrong with what apply made", "[inspect][live]") {
  const Live live;
  const auto result = live.check();
  CHECK(result.problems == std::vector<std::string>());
  CHECK(result.addresses == 3);  // alice, sales, and nobody
}

TEST_CASE("what many addresses suffer from is one line", "[inspect][live]") {
  const Live live;
  const std::string home = "/srv/vpopmail/domains/example.com";
  live.set_mode(home, 01700);
  const auto result = live.check();
  REQUIRE(result.problems.size() == 2);
  CHECK(result.problems[0] == "alice@example.com and 1 more: deferred: qmail-local defers: " +
                                  home + " is sticky or writable for everybody");
}

TEST_CASE("a Maildir that its owner cannot write to", "[inspect][live]") {
  const Live live;
  const std::string maildir = "/srv/vpopmail/domains/example.com/alice/Maildir/";
  live.set_mode(maildir + "cur", 0500);
  const auto result = live.check();
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].find("alice@example.com: " + maildir + "cur cannot be written to") == 0);
}

TEST_CASE("a domain that is not there is one line", "[inspect][live]") {
  Live live;
  live.file.state.name = *DomainName::parse("other.example");
  const auto result = live.check();
  CHECK(result.addresses == 0);
  CHECK(result.problems ==
        std::vector<std::string>{"other.example: there is no such domain on this "
                                 "server; apply makes it"});
}
