// qmail's files as they are found: damaged, unreadable, or telling of more than vpopmail.

#include "qmail/qmail_files.h"

#include <cerrno>

#include "inspect/detect.h"
#include "inspect/inspect.h"
#include "support/catch.h"
#include "support/memory_server.h"

using namespace vstate;
using namespace vstate::test;

namespace {

using Kind = AssignedDomain::Kind;

Result<QmailFiles> load(const MemoryServer& server) {
  VSTATE_TRY_ASSIGN(const auto detected, detect_server(server.files, {}));
  return QmailFiles::load(server.files, detected);
}

QmailFiles loaded(const MemoryServer& server) {
  auto files = load(server);
  INFO((files ? std::string() : files.error().message));
  REQUIRE(files);
  return *std::move(files);
}

std::string blemishes(const QmailFiles& files) {
  std::string out;
  for (const auto& blemish : files.blemishes()) out += blemish + "\n";
  return out;
}

Publication publication(const MemoryServer& server, const std::string& name) {
  return loaded(server).publication_of(server.files, name, name,
                                       "/srv/vpopmail/domains/example.com");
}

}  // namespace

TEST_CASE("a file of qmail's that cannot be read is an error", "[qmail]") {
  const auto* name = GENERATE("users/assign", "users/cdb", "control/virtualdomains",
                              "control/locals", "control/rcpthosts");
  INFO(name);
  const auto path = std::string("/var/qmail/") + name;
  MemoryServer server;
  SECTION("denied") {
    server.files.plant(path, Fault::open, EACCES);
    CHECK(load(server).error().code == Errc::denied);
  }
  SECTION("on a dying disk") {
    server.files.plant(path, Fault::read, EIO);
    CHECK(load(server).error().code == Errc::io);
  }
  SECTION("a directory in its place") {
    server.files.remove(path);
    server.files.directory(path);
    CHECK(load(server).error().code == Errc::invalid);
  }
}

TEST_CASE("a file of qmail's that is missing says what it says to qmail", "[qmail]") {
  MemoryServer server;
  SECTION("users/cdb") {
    server.files.remove("/var/qmail/users/cdb");
    const auto place = publication(server, "example.com");
    CHECK(place.in_assign);
    CHECK_FALSE(place.in_assign_cdb);
  }
  SECTION("control/rcpthosts") {
    CHECK(loaded(server).has_rcpthosts());
    server.files.remove("/var/qmail/control/rcpthosts");
    CHECK_FALSE(loaded(server).has_rcpthosts());
  }
  SECTION("control/locals: the name of control/me is the one local name") {
    server.files.file("/var/qmail/control/me", "Example.com\n");
    CHECK_FALSE(publication(server, "example.com").in_locals);
    server.files.remove("/var/qmail/control/locals");
    CHECK(publication(server, "example.com").in_locals);
  }
  SECTION("users/assign") {
    server.files.remove("/var/qmail/users/assign");
    const auto files = loaded(server);
    CHECK(files.domains().empty());
    CHECK(files.stale_names_of("example.com") == std::vector<std::string>{"example.com"});
  }
}

TEST_CASE("damage in qmail's files is named and holds up nothing", "[qmail]") {
  MemoryServer server;
  server.files.file("/var/qmail/users/assign",
                    "+example.com-:example.com:89:89:/srv/vpopmail/domains/example.com:-::\n"
                    "\nhalf a line\n.\n");
  server.files.file("/var/qmail/users/cdb", "no index at all");
  const auto files = loaded(server);
  CHECK(files.domains().size() == 1);
  CHECK_THAT(blemishes(files), ContainsSubstring("users/assign: line 2: "));
  CHECK_THAT(blemishes(files), ContainsSubstring("users/cdb: "));
  CHECK_FALSE(publication(server, "example.com").in_assign_cdb);
}

TEST_CASE("whose a name is says the place that its line leads to", "[qmail]") {
  MemoryServer server;
  const std::string home = "/srv/vpopmail/domains/example.com";
  server.files.link("/srv/vpopmail/domains/example.net", "example.com");
  server.files.directory("/home/lists");
  server.files.file("/var/qmail/users/assign",
                    "+example.com-:example.com:89:89:" + home + ":-::\n" +
                        "+example.net-:example.net:89:89:/srv/vpopmail/domains/example.net:-::\n" +
                        "+example.org-:example.com:89:89:" + home + "//:-::\n" +
                        "+lists.example-:lists:500:500:/home/lists:-::\n" +
                        "+gone.example-:example.com:89:89:/mnt/unmounted:-::\n.\n");
  const auto files = loaded(server);
  REQUIRE(files.domains().size() == 5);
  CHECK(files.find("example.com")->kind == Kind::domain);
  CHECK(files.find("EXAMPLE.net")->kind == Kind::alias);
  CHECK(files.find("example.org")->kind == Kind::alias);
  CHECK(files.find("lists.example")->kind == Kind::foreign);
  CHECK(files.find("gone.example")->kind == Kind::foreign);
  CHECK(files.aliases_of("example.com") == std::vector<std::string>{"example.net", "example.org"});
  CHECK(real_domains(files).size() == 1);
}

TEST_CASE("lines of virtualdomains that vpopmail did not write are known", "[qmail]") {
  MemoryServer server;
  server.files.file("/var/qmail/control/virtualdomains",
                    "example.com:example.com\nother.example:example.com\n"
                    "boss@example.com:alias-boss\nzzz.example:zzz\n");
  CHECK(loaded(server).hand_made_lines_for("example.com") ==
        std::vector<std::string>{"other.example:example.com", "boss@example.com:alias-boss"});
}

TEST_CASE("what was read knows whether it is still so", "[qmail]") {
  MemoryServer server;
  const auto files = loaded(server);
  CHECK(files.is_current(server.files) == true);
  server.files.file("/var/qmail/control/rcpthosts", "localhost\n");
  CHECK(files.is_current(server.files) == false);
  server.files.remove("/var/qmail/control/rcpthosts");
  CHECK(files.is_current(server.files) == false);
  const auto again = loaded(server);
  CHECK(again.is_current(server.files) == true);
  server.files.plant("/var/qmail/users/cdb", Fault::look, EIO);
  CHECK(again.is_current(server.files).error().code == Errc::io);
}
