// What an apply does beyond its plan: one thing that fails does not take the others with it, and
// nothing of somebody else's goes.

#include "apply/apply.h"

#include <filesystem>

#include "support/catch.h"
#include "support/example.h"
#include "support/sandbox.h"
#include "sys/local_system.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* k_domain = "/srv/vpopmail/domains/example.com";

/// A server with the example domain on it.
class Fixture {
 public:
  Fixture() : session(server.open()) {
    const auto report = apply(session, domain_file(example_document(), archives.path()));
    REQUIRE(report);
    REQUIRE(report->failures.empty());
  }
  [[nodiscard]] ApplyReport apply_text(const std::string& text, const PlanOptions& options = {}) {
    const auto report = apply(session, domain_file(text, archives.path()), options);
    INFO((report ? std::string() : report.error().message));
    REQUIRE(report);
    return *report;
  }
  [[nodiscard]] bool is_settled(const std::string& text, const PlanOptions& options = {}) {
    return plan(session, domain_file(text, archives.path()), options).is_empty();
  }

  const TemporaryDirectory archives;
  const Sandbox server;
  engine::Session session;
};

}  // namespace

TEST_CASE("a mailbox whose quota cannot be counted does not stop the others", "[apply]") {
  Fixture fixture;
  const auto maildir = fixture.server.path(std::string(k_domain) + "/alice/Maildir");
  fs::rename(maildir, maildir + ".real");
  fs::create_symlink("nowhere", maildir);
  auto text = replace_all(example_document(), "bytes = 1048576", "bytes = 2097152");
  text = replace_all(text, "&bob@example.org", "&robert@example.org");
  const auto report = fixture.apply_text(text, {.selection = {{"mailbox.*", "alias.*"}, {}}});
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures.front().address == "mailbox.alice");
  CHECK_THAT(fixture.server.read(std::string(k_domain) + "/.qmail-sales"),
             ContainsSubstring("robert@example.org"));
}

TEST_CASE("every line that makes the domain local goes in one apply", "[apply][law]") {
  Fixture fixture;
  fixture.server.write("/var/qmail/control/locals",
                       "localhost\nexample.com\nEXAMPLE.COM\nexample.com \n");
  CHECK(fixture.apply_text(example_document()).failures.empty());
  CHECK(fixture.server.read("/var/qmail/control/locals") == "localhost\n");
  CHECK(fixture.is_settled(example_document()));
}

TEST_CASE("a robot's directory with a file of somebody's own is not taken for counters",
          "[inspect][law]") {
  Fixture fixture;
  fixture.server.write(std::string(k_domain) + "/INFO/A4-notes.txt", "not a counter\n");
  fixture.server.write(std::string(k_domain) + "/INFO/A123.456", "counter");
  const auto text = dump(fixture.session, "example.com", fixture.archives.path());
  CHECK_THAT(text, ContainsSubstring("not a counter"));
}

TEST_CASE("a gecos that looks like a path arrives as it is", "[apply][law]") {
  Fixture fixture;
  const auto line = fixture.server.read(std::string(k_domain) + "/vpasswd");
  fixture.server.write(std::string(k_domain) + "/vpasswd",
                       replace_all(line, ":Bob:", ":/srv/vpopmail {x}:"));
  REQUIRE(fixture.session.store->accounts().rebuild_index(
      {*DomainName::parse("example.com"), k_domain, fixture.server.owner()}));
  const auto text = dump(fixture.session, "example.com", fixture.archives.path());
  const Sandbox other({"/home/other", "/var/qmail", "5.6.13", false, {}});
  auto session = other.open();
  REQUIRE(apply(session, domain_file(text, fixture.archives.path())));
  CHECK_THAT(other.read("/home/other/domains/example.com/vpasswd"),
             ContainsSubstring(":/srv/vpopmail {x}:"));
}

TEST_CASE("a directory that was filled meanwhile is not pruned", "[sys]") {
  const TemporaryDirectory directory;
  LocalSystem system(directory.path());
  fs::create_directories(directory.path() + "/empty");
  fs::create_directories(directory.path() + "/full/child");
  CHECK(system.remove_directory("/empty"));
  CHECK(system.remove_directory("/full"));
  CHECK(system.remove_directory("/gone"));
  CHECK_FALSE(fs::exists(directory.path() + "/empty"));
  CHECK(fs::exists(directory.path() + "/full/child"));
}
