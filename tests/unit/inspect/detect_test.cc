#include "inspect/detect.h"

#include <cerrno>

#include "support/catch.h"
#include "support/memory_server.h"

using namespace vstate;
using namespace vstate::test;

namespace {

Server detected(const MemoryServer& server, const ServerOverrides& said = {}) {
  auto found = detect_server(server.files, said);
  INFO((found ? std::string() : found.error().message));
  REQUIRE(found);
  return *std::move(found);
}

}  // namespace

TEST_CASE("a server is what its files say", "[inspect][detect]") {
  const MemoryServer server;
  const auto found = detected(server);
  CHECK(found.vpopmail_dir == "/srv/vpopmail");
  CHECK(found.qmail_dir == "/var/qmail");
  CHECK(found.domains_dir == "/srv/vpopmail/domains");
  CHECK(found.version == VpopmailVersion::v56);
  CHECK(found.hashes_directories);
  CHECK(found.owner == Owner{89, 89});
  CHECK(found.backend == "cdb");
}

TEST_CASE("without an account vpopmail is where users/assign leads", "[inspect][detect]") {
  MemoryServer server;
  server.files.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
  CHECK(detected(server).vpopmail_dir == "/srv/vpopmail");
  CHECK(detected(server).owner == Owner{89, 89});
  server.files.remove("/etc/passwd");
  CHECK(detected(server).vpopmail_dir == "/srv/vpopmail");
  server.files.file("/var/qmail/users/assign", ".\n");
  CHECK(detect_server(server.files, {}).error().code == Errc::not_found);
  ServerOverrides said;
  said.vpopmail_dir = "/srv/vpopmail";
  CHECK(detected(server, said).vpopmail_dir == "/srv/vpopmail");
}

TEST_CASE("an account whose home is empty is not vpopmail's", "[inspect][detect]") {
  MemoryServer server;
  server.files.file("/etc/passwd", "vpopmail:x:500:500::/home/vpopmail:/bin/sh\n");
  server.files.directory("/home/vpopmail");
  const auto found = detected(server);
  CHECK(found.vpopmail_dir == "/srv/vpopmail");
  CHECK(found.owner == Owner{500, 500});
}

TEST_CASE("a server without qmail is none", "[inspect][detect]") {
  MemoryServer server;
  server.files.remove("/var/qmail/control");
  const auto found = detect_server(server.files, {});
  CHECK(found.error().code == Errc::not_found);
  CHECK_THAT(found.error().message, ContainsSubstring("--qmail-dir"));
}

TEST_CASE("without the copy of config.h what is stored tells", "[inspect][detect]") {
  MemoryServer server;
  server.files.remove("/srv/vpopmail/include/vpopmail_config.h");
  CHECK(detected(server).version == VpopmailVersion::v54);
  CHECK(detected(server).stores_clear_passwords);
  server.files.file("/srv/vpopmail/etc/password_strength.conf", "");
  CHECK(detected(server).version == VpopmailVersion::v56);
  CHECK_FALSE(detected(server).stores_clear_passwords);
  server.file(MemoryServer::in_domain("vpasswd"), "alice:x:1:0:a:/home/alice:NOQUOTA:clear\n");
  CHECK(detected(server).stores_clear_passwords);
  server.files.file("/srv/vpopmail/etc/vpopmail.mysql", "");
  CHECK(detected(server).backend == "mysql");
}

TEST_CASE("a list shows where ezmlm is", "[inspect][detect]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain("news/bouncer"),
              "|/opt/ezmlm/bin/ezmlm-weed\n|/opt/ezmlm/bin/ezmlm-return\n");
  CHECK(detected(server).ezmlm_dir == "/usr/local/bin/ezmlm");
  server.link(MemoryServer::in_domain(".qmail-news"), "news/editor");
  CHECK(detected(server).ezmlm_dir == "/opt/ezmlm/bin");
}

TEST_CASE("what detection cannot read is an error and no answer", "[inspect][detect]") {
  struct Case {
    const char* path;
    Fault fault;
    int number;
    Errc code;
  };
  const auto one =
      GENERATE(Case{"/etc/passwd", Fault::open, EACCES, Errc::denied},
               Case{"/srv/vpopmail", Fault::open, EACCES, Errc::denied},
               Case{"/srv/vpopmail/include/vpopmail_config.h", Fault::read, EIO, Errc::io},
               Case{"/var/qmail/control", Fault::look, EIO, Errc::io},
               Case{"/var/qmail/users/assign", Fault::open, EACCES, Errc::denied});
  INFO(one.path);
  MemoryServer server;
  server.files.plant(one.path, one.fault, one.number);
  const auto found = detect_server(server.files, {});
  REQUIRE_FALSE(found);
  CHECK(found.error().code == one.code);
}
