// Routes on a server that is not as it should be, followed as who qmail's programs are.

#include "qmail/router.h"

#include <cerrno>

#include "support/catch.h"
#include "support/memory_server.h"

using namespace vstate;
using namespace vstate::test;

namespace {

Route traced(MemoryServer& server, std::string_view address) {
  auto route = server.trace(address);
  INFO((route ? std::string() : route.error().message));
  REQUIRE(route);
  return *std::move(route);
}

void check_end(MemoryServer& server, std::string_view address, Outcome outcome,
               const std::string& text) {
  const auto route = traced(server, address);
  INFO(address);
  CHECK(std::string(to_text(route.worst().outcome)) == to_text(outcome));
  CHECK_THAT(route.worst().text, ContainsSubstring(text));
}

}  // namespace

TEST_CASE("a tidy server delivers", "[qmail][route]") {
  MemoryServer server;
  check_end(server, "alice@example.com", Outcome::delivered, "alice/Maildir");
  CHECK(traced(server, "alice@example.com").destination == MemoryServer::in_domain("alice"));
  check_end(server, "nobody@example.com", Outcome::bounced, "");
  CHECK(traced(server, "nobody@example.com").is_unknown);
  check_end(server, "alice@elsewhere.example", Outcome::refused, "rcpthosts");
}

TEST_CASE("what a program of qmail's may not read stops it", "[qmail][route]") {
  MemoryServer server;
  SECTION("a control file of qmail-smtpd's") {
    server.files.set_mode("/var/qmail/control/rcpthosts", 0600);
    check_end(server, "alice@example.com", Outcome::deferred, "/var/qmail/control/rcpthosts");
  }
  SECTION("a delivery file of somebody else's") {
    server.files.file(MemoryServer::in_domain(".qmail-sales"), "&bob@example.com\n", 0600);
    check_end(server, "sales@example.com", Outcome::deferred, ".qmail-sales cannot be read");
  }
  SECTION("the domain's directory") {
    server.files.set_mode("/srv/vpopmail/domains", 0700);
    server.files.own("/srv/vpopmail/domains", 0, 0);
    check_end(server, "alice@example.com", Outcome::deferred, "/srv/vpopmail/domains");
  }
  SECTION("a sticky bit") {
    server.files.set_mode("/srv/vpopmail/domains/example.com", 01700);
    check_end(server, "alice@example.com", Outcome::deferred, "sticky");
  }
  SECTION("a Maildir of somebody else's") {
    server.files.own(MemoryServer::in_domain("alice/Maildir"), 0, 0);
    check_end(server, "alice@example.com", Outcome::deferred, "alice/Maildir");
  }
}

TEST_CASE("a delivery file that is none is passed over", "[qmail][route]") {
  MemoryServer server;
  server.directory(MemoryServer::in_domain(".qmail-alice"));
  check_end(server, "alice@example.com", Outcome::delivered, "alice/Maildir");
  server.link(MemoryServer::in_domain(".qmail-bob"), "nowhere");
  check_end(server, "bob@example.com", Outcome::delivered, "bob/Maildir");
}

TEST_CASE("forwards end where they end", "[qmail][route]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain(".qmail-circle"), "&circle@example.com\n");
  check_end(server, "circle@example.com", Outcome::loops, "circle@example.com");
  server.file(MemoryServer::in_domain(".qmail-out"), "&someone@example.org\n./alice/Maildir/\n");
  const auto route = traced(server, "out@example.com");
  REQUIRE(route.ends.size() == 2);
  // qmail-local forwards when all else is done.
  CHECK(route.ends[0].outcome == Outcome::delivered);
  CHECK(route.ends[1].outcome == Outcome::forwarded_out);
  server.file(MemoryServer::in_domain(".qmail-empty"), "# nothing\n");
  check_end(server, "empty@example.com", Outcome::discarded, "");
}

TEST_CASE("a mailbox whose lines start vdelivermail again is told", "[qmail][route]") {
  test::MemoryServer server;
  server.file(test::MemoryServer::in_domain("alice/.qmail"),
              "&joe@example.org\n| /srv/vpopmail/bin/vdelivermail '' delete\n");
  const auto route = server.trace("alice@example.com");
  REQUIRE(route);
  CHECK(route->worst().outcome == Outcome::deferred);
  CHECK(route->worst().text.find("again and again") != std::string::npos);
  // Once is no circle.
  server.file(test::MemoryServer::in_domain(".qmail-alice"),
              "| /srv/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n");
  server.file(test::MemoryServer::in_domain("alice/.qmail"), "./Maildir/\n");
  REQUIRE(server.trace("alice@example.com"));
  CHECK(server.trace("alice@example.com")->is_good());
}

TEST_CASE("what vstate itself cannot read is an error", "[qmail][route]") {
  MemoryServer server;
  const auto* path = GENERATE("/var/qmail/users/cdb", "/var/qmail/control/rcpthosts",
                              "/srv/vpopmail/domains/example.com/.qmail-sales");
  INFO(path);
  server.file(MemoryServer::in_domain(".qmail-sales"), "&bob@example.com\n");
  server.files.plant(path, Fault::read, EIO);
  const auto route = server.trace("sales@example.com");
  REQUIRE_FALSE(route);
  CHECK(route.error().code == Errc::io);
}
