// What inspection makes of a domain that is not as vpopmail leaves it: said where it can be carried
// without, an error where a smaller State would be a lie.

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dump/dump.h"
#include "inspect/inspect.h"
#include "support/catch.h"
#include "support/memory_server.h"
#include "vstate/document/document.h"

using namespace vstate;
using namespace vstate::test;

namespace {

Observation seen(MemoryServer& server) {
  auto found = server.inspect();
  INFO((found ? std::string() : found.error().message));
  REQUIRE(found);
  REQUIRE(found->state);
  return *std::move(found);
}

Error refused(MemoryServer& server) {
  const auto found = server.inspect();
  REQUIRE_FALSE(found);
  return found.error();
}

std::string left_out(const Observation& found) {
  std::string out;
  for (const auto& item : found.state->left_out) out += item.address + ": " + item.why + "\n";
  return out;
}

std::string remarks(const Observation& found) {
  std::string out;
  for (const auto& remark : found.condition.remarks) out += remark + "\n";
  return out;
}

bool has_defect(const Observation& found, DefectKind kind, const std::string& subject) {
  const auto& defects = found.condition.defects;
  return std::any_of(defects.begin(), defects.end(), [&](const Defect& defect) {
    return defect.kind == kind && defect.subject == subject;
  });
}

const Mailbox& mailbox(const Observation& found, const std::string& name) {
  return found.state->mailboxes.at(*MailboxName::parse(name));
}

AliasName alias(const std::string& name) { return *AliasName::parse(name); }

File::Kind kind_of_file(const Observation& found, const std::string& path) {
  INFO(path);
  REQUIRE(found.state->files.contains(path));
  return found.state->files.at(path).kind;
}

/// What a list needs to be taken for one.
void add_list(MemoryServer& server, const std::string& name) {
  server.directory(MemoryServer::in_domain(name));
  server.directory(MemoryServer::in_domain(name + "/subscribers"));
  server.file(MemoryServer::in_domain(name + "/subscribers/A"),
              std::string("Tann@example.org\0", 17));
  server.file(MemoryServer::in_domain(name + "/lock"), "");
  server.file(MemoryServer::in_domain(name + "/editor"), "|/usr/bin/ezmlm-store 'x'\n");
  server.link(MemoryServer::in_domain(".qmail-" + name), MemoryServer::in_domain(name + "/editor"));
}

}  // namespace

TEST_CASE("a tidy domain has nothing but what it is", "[domain][inspect]") {
  MemoryServer server;
  const auto found = seen(server);
  CHECK(found.state->mailboxes.size() == 3);
  CHECK(found.state->files.empty());
  CHECK(left_out(found).empty());
  CHECK(found.condition.defects.empty());
  CHECK(found.condition.published.at(*DomainName::parse("example.com")).is_complete());
}

TEST_CASE("what is there and cannot be read is an error that names it", "[domain][inspect]") {
  struct Case {
    const char* path;
    Fault fault;
    int number;
    Errc code;
  };
  const auto one = GENERATE(
      Case{".qmail-sales", Fault::open, EACCES, Errc::denied},
      Case{".qmail-sales", Fault::look, EIO, Errc::io},
      Case{".qmail-default", Fault::read, EIO, Errc::io},
      Case{"alice/.qmail", Fault::open, EACCES, Errc::denied},
      Case{"alice/vacation", Fault::open, EACCES, Errc::denied},
      Case{"alice/vacation/message", Fault::read, EIO, Errc::io},
      Case{"alice", Fault::open, EACCES, Errc::denied}, Case{"alice", Fault::look, EIO, Errc::io},
      Case{"alice", Fault::read, EIO, Errc::io}, Case{"alice/Maildir", Fault::look, EIO, Errc::io},
      Case{"INFO/message", Fault::open, EACCES, Errc::denied},
      Case{"news/subscribers", Fault::read, EIO, Errc::io},
      Case{"news/subscribers/A", Fault::open, EACCES, Errc::denied},
      Case{"notes.txt", Fault::open, EACCES, Errc::denied},
      Case{"deep/er", Fault::open, EACCES, Errc::denied}, Case{"", Fault::read, EIO, Errc::io},
      Case{"", Fault::look, EACCES, Errc::denied});
  INFO("\"" << one.path << "\" " << static_cast<int>(one.fault));
  MemoryServer server;
  const auto put = [&](const char* path, std::string_view bytes) {
    server.file(MemoryServer::in_domain(path), bytes);
  };
  put(".qmail-sales", "&a@example.org\n");
  put("alice/.qmail", "&a@example.org\n");
  server.directory(MemoryServer::in_domain("alice/vacation"));
  put("alice/vacation/message", "away\n");
  put(".qmail-info",
      "|/usr/bin/autorespond 60 1 /srv/vpopmail/domains/example.com/INFO/message "
      "/srv/vpopmail/domains/example.com/INFO\n");
  server.directory(MemoryServer::in_domain("INFO"));
  put("INFO/message", "thanks\n");
  add_list(server, "news");
  put("notes.txt", "kept\n");
  server.directory(MemoryServer::in_domain("deep"));
  server.directory(MemoryServer::in_domain("deep/er"));
  const auto before = seen(server);
  REQUIRE(before.state->autoresponders.size() == 1);
  REQUIRE(before.state->lists.size() == 1);
  server.files.plant(MemoryServer::in_domain(one.path), one.fault, one.number);
  const auto error = refused(server);
  CHECK(error.code == one.code);
  const auto path = MemoryServer::in_domain(one.path);
  CHECK_THAT(error.message, ContainsSubstring(path.substr(0, path.find_last_not_of('/') + 1)));
}

TEST_CASE("what is gone since it was listed is gone", "[domain][inspect]") {
  const auto* path = GENERATE(".qmail-sales", "alice/.qmail", "alice/vacation/message",
                              "news/subscribers/A", "notes.txt", "deep");
  INFO(path);
  MemoryServer server;
  server.file(MemoryServer::in_domain(".qmail-sales"), "&a@example.org\n");
  server.file(MemoryServer::in_domain("alice/.qmail"), "&a@example.org\n");
  server.directory(MemoryServer::in_domain("alice/vacation"));
  server.file(MemoryServer::in_domain("alice/vacation/message"), "away\n");
  add_list(server, "news");
  server.file(MemoryServer::in_domain("notes.txt"), "kept\n");
  server.directory(MemoryServer::in_domain("deep"));
  server.files.plant(MemoryServer::in_domain(path), Fault::look, ENOENT);
  // Each look lists it again, so that the last one is taken as it is.
  const auto found = seen(server);
  CHECK(found.has_changed);
  CHECK(found.state->mailboxes.size() == 3);
}

TEST_CASE("a directory where a delivery file should be is a directory of the domain", "[domain]") {
  MemoryServer server;
  server.directory(MemoryServer::in_domain(".qmail-sales"));
  server.directory(MemoryServer::in_domain("alice/.qmail"));
  const auto found = seen(server);
  CHECK(found.state->alias.empty());
  CHECK(mailbox(found, "alice").deliver.empty());
  CHECK(kind_of_file(found, ".qmail-sales") == File::Kind::directory);
  CHECK(found.mailbox_archives.contains(*MailboxName::parse("alice")));
}

TEST_CASE("a delivery file that is a link says what mail gets", "[domain]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain("lines"), "&a@example.org\n");
  server.link(MemoryServer::in_domain(".qmail-sales"), "lines");
  server.link(MemoryServer::in_domain(".qmail-lost"), "nowhere");
  server.link(MemoryServer::in_domain(".qmail-circle"), ".qmail-circle");
  const auto found = seen(server);
  CHECK(found.state->alias.at(alias("sales")).deliver == DeliveryLines{"&a@example.org"});
  CHECK(found.state->alias.size() == 1);
  CHECK_THAT(remarks(found), ContainsSubstring(".qmail-sales is a link to lines"));
  CHECK_THAT(left_out(found),
             ContainsSubstring("file..qmail-lost: it is a link to nowhere, where nothing is"));
  if (geteuid() == 0)
    CHECK_THAT(left_out(found), ContainsSubstring("a link to .qmail-circle, in a circle"));
}

TEST_CASE("a delivery file of no name that mail selects stays a file", "[domain]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain(".qmail-Sales"), "&a@example.org\n");
  server.file(MemoryServer::in_domain(".qmail-a.b"), "&a@example.org\n");
  server.file(MemoryServer::in_domain(".qmail-all"), "&a@example.org\n", 0602);
  const auto found = seen(server);
  CHECK(kind_of_file(found, ".qmail-Sales") == File::Kind::text);
  CHECK(kind_of_file(found, ".qmail-a.b") == File::Kind::text);
  CHECK(found.state->alias.size() == 1);
  CHECK_THAT(remarks(found), ContainsSubstring(".qmail-a.b: mail never selects it"));
  CHECK_THAT(remarks(found), ContainsSubstring(".qmail-all is writable for everybody"));
}

TEST_CASE("a home that root has linked elsewhere is the mailbox's", "[domain][home]") {
  MemoryServer server;
  for (const auto* part : {"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"})
    server.directory(std::string("/mnt/carol") + part);
  server.files.link(MemoryServer::in_domain("carol"), "/mnt/carol");
  server.add_account("carol", MemoryServer::in_domain("carol"));
  const auto found = seen(server);
  CHECK(found.state->mailboxes.size() == 4);
  CHECK(left_out(found).empty());
  CHECK(found.condition.homes_elsewhere.empty());
  CHECK(found.state->files.empty());
  CHECK_FALSE(server.files.is_reached_as_another(MemoryServer::in_domain("carol")));
}

TEST_CASE("a home behind its owner's own link is read with the owner's rights", "[domain][home]") {
  MemoryServer server;
  server.files.directory("/root/secret", 0700);
  server.files.directory("/root/secret/Maildir", 0700);
  server.link(MemoryServer::in_domain("carol"), "/root/secret");
  server.add_account("carol", MemoryServer::in_domain("carol"));
  const auto found = seen(server);
  CHECK(found.state->mailboxes.size() == 4);
  CHECK(server.files.is_reached_as_another(MemoryServer::in_domain("carol")));
  CHECK_THAT(left_out(found), ContainsSubstring("mail.carol: its home "));
  CHECK_THAT(left_out(found), ContainsSubstring("cannot read all of it"));
  CHECK_FALSE(found.mailbox_archives.contains(*MailboxName::parse("carol")));
}

TEST_CASE("an account without a directory keeps its account", "[domain][home]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain("carol"), "no home\n");
  server.add_account("carol", MemoryServer::in_domain("carol"));
  server.add_account("dave", MemoryServer::in_domain("dave"));
  server.add_account("erin", MemoryServer::in_domain("alice"));
  server.add_account("frank", "/");
  server.add_account("no name", MemoryServer::in_domain("none"));
  server.add_account("ALICE", MemoryServer::in_domain("alice"));
  const auto found = seen(server);
  CHECK(found.state->mailboxes.size() == 7);
  CHECK(has_defect(found, DefectKind::home, "carol"));
  CHECK(has_defect(found, DefectKind::home, "dave"));
  CHECK_THAT(left_out(found), ContainsSubstring("mail.carol: its home "));
  CHECK_THAT(left_out(found), ContainsSubstring("mailbox.no name: "));
  CHECK_THAT(left_out(found), ContainsSubstring("there are two accounts alice"));
  CHECK_THAT(remarks(found), ContainsSubstring("mailbox erin shares its home with alice"));
  CHECK_THAT(remarks(found), ContainsSubstring("which holds the domain itself"));
}

TEST_CASE("a Maildir that is none is said, and the mailbox stays", "[domain][home]") {
  MemoryServer server;
  server.files.remove(MemoryServer::in_domain("alice/Maildir"));
  server.file(MemoryServer::in_domain("alice/Maildir"), "a file\n");
  server.files.remove(MemoryServer::in_domain("bob/Maildir"));
  server.link(MemoryServer::in_domain("bob/Maildir"), "/mnt/unmounted");
  server.files.remove(MemoryServer::in_domain("postmaster/Maildir"));
  const auto found = seen(server);
  CHECK(found.state->mailboxes.size() == 3);
  CHECK_THAT(left_out(found), ContainsSubstring("mail.alice: its Maildir is no directory"));
  CHECK_THAT(
      left_out(found),
      ContainsSubstring("mail.bob: its Maildir is a link to /mnt/unmounted, where nothing is"));
  for (const auto* name : {"alice", "bob", "postmaster"}) {
    INFO(name);
    CHECK(has_defect(found, DefectKind::home, name));
    CHECK(found.mailbox_archives.at(*MailboxName::parse(name)).is_partial);
  }
}

TEST_CASE("a home of somebody else's is a defect", "[domain][home]") {
  MemoryServer server;
  server.files.own(MemoryServer::in_domain("alice/Maildir/cur"), 0, 0);
  server.files.own(MemoryServer::in_domain("bob"), 1000, 89);
  const auto found = seen(server);
  CHECK(has_defect(found, DefectKind::ownership, "alice"));
  CHECK(has_defect(found, DefectKind::ownership, "bob"));
  CHECK(found.condition.defects.size() == 2);
}

TEST_CASE("a robot that is not whole stays an alias", "[domain][robot]") {
  MemoryServer server;
  const std::string line =
      "|/usr/bin/autorespond 60 1 /srv/vpopmail/domains/example.com/INFO/message "
      "/srv/vpopmail/domains/example.com/INFO\n";
  server.file(MemoryServer::in_domain(".qmail-info"), line);
  SECTION("without its directory") {}
  SECTION("with a file in its place") { server.file(MemoryServer::in_domain("INFO"), "a file\n"); }
  SECTION("without its message") { server.directory(MemoryServer::in_domain("INFO")); }
  SECTION("with a directory for its message") {
    server.directory(MemoryServer::in_domain("INFO/message"));
  }
  SECTION("with more than qmailadmin puts there") {
    server.file(MemoryServer::in_domain("INFO/message"), "thanks\n");
    server.file(MemoryServer::in_domain("INFO/other"), "more\n");
  }
  SECTION("with a message that is no text") {
    server.file(MemoryServer::in_domain("INFO/message"), std::string(40, '\0'));
  }
  const auto found = seen(server);
  CHECK(found.state->autoresponders.empty());
  CHECK(found.state->alias.size() == 1);
}

TEST_CASE("a list's untidy buckets are named", "[domain][list]") {
  MemoryServer server;
  add_list(server, "news");
  server.file(MemoryServer::in_domain("news/subscribers/B"),
              std::string("Tbea@example.org\0half an addr", 29));
  server.directory(MemoryServer::in_domain("news/subscribers/C"));
  server.file(MemoryServer::in_domain("news/subscribers/long"), "Tnobody@example.org\0");
  const auto found = seen(server);
  const auto& list = found.state->lists.at(alias("news"));
  CHECK(list.addresses.at("") == std::set<std::string>{"ann@example.org", "bea@example.org"});
  CHECK(list.links.at("") == "editor");
  CHECK_THAT(left_out(found), ContainsSubstring("list.news: "));
}

TEST_CASE("a list's links say where it is, and what is not there is said", "[domain][list]") {
  MemoryServer server;
  server.link(MemoryServer::in_domain(".qmail-gone"), "/mnt/lists/gone/editor");
  server.files.directory("/root/lists/shut/subscribers", 0700);
  server.files.file("/root/lists/shut/editor", "|/usr/bin/ezmlm-store\n");
  server.files.set_mode("/root/lists/shut", 0700);
  server.link(MemoryServer::in_domain(".qmail-shut"), "/root/lists/shut/editor");
  const auto found = seen(server);
  CHECK(found.state->lists.empty());
  CHECK_THAT(left_out(found), ContainsSubstring("list.gone: its links lead to /mnt/lists/gone"));
  CHECK_THAT(left_out(found), ContainsSubstring("list.shut: its links lead to /root/lists/shut"));
}

TEST_CASE("files that a State cannot say are said", "[domain][file]") {
  MemoryServer server;
  server.files.special(MemoryServer::in_domain("pipe"), FileInfo::Type::fifo);
  server.files.special(MemoryServer::in_domain("socket"), FileInfo::Type::socket);
  server.link(MemoryServer::in_domain("out"), "/etc/passwd");
  server.link(MemoryServer::in_domain("up"), "../../../..");
  server.link(MemoryServer::in_domain("lost"), "nothing");
  server.file(MemoryServer::in_domain("large"), std::string(100000, 'x'));
  server.file(MemoryServer::in_domain("few"), std::string("\0\1\2", 3));
  server.file(MemoryServer::in_domain("many"), std::string(5000, '\0'));
  server.directory(MemoryServer::in_domain("7"));
  server.directory(MemoryServer::in_domain("empty"), 0750);
  const auto found = seen(server);
  CHECK_THAT(left_out(found), ContainsSubstring("file.pipe: it is neither"));
  CHECK_THAT(left_out(found), ContainsSubstring("file.socket: it is neither"));
  CHECK_THAT(remarks(found), ContainsSubstring("out is a link to /etc/passwd, outside"));
  CHECK_THAT(remarks(found), ContainsSubstring("lost is a link to nothing, where nothing is"));
  for (const auto* path : {"out", "up", "lost"})
    CHECK(kind_of_file(found, path) == File::Kind::link);
  CHECK(kind_of_file(found, "few") == File::Kind::bytes);
  CHECK(kind_of_file(found, "empty") == File::Kind::directory);
  CHECK(found.state->files.at("empty").mode == 0750);
  CHECK(found.state->files.size() == 5);
  CHECK(found.domain_archive);  // large, and many
  CHECK(found.accounting.rebuilt.contains("7"));
}

TEST_CASE("mail that is nobody's is carried as files", "[domain][file]") {
  MemoryServer server;
  for (const auto* part : {"/Maildir/new", "/Maildir/cur", "/Maildir/tmp"})
    server.directory(MemoryServer::in_domain("left") + part);
  server.file(MemoryServer::in_domain("left/Maildir/cur/1:2,S"), "mail\n");
  const auto found = seen(server);
  CHECK_THAT(remarks(found), ContainsSubstring("left is a home without an account"));
  CHECK(found.domain_archive);
}

TEST_CASE("a domain's directory that is none", "[domain][place]") {
  MemoryServer server;
  const std::string directory = "/srv/vpopmail/domains/example.com";
  server.files.remove(directory);
  SECTION("it is not there") {
    const auto found = server.inspect();
    REQUIRE(found);
    CHECK_FALSE(found->condition.has_directory);
    CHECK_THAT(engine::why_not_a_source(*found), ContainsSubstring("mount it"));
  }
  SECTION("a file is in its place") {
    server.file(directory, "x");
    CHECK(refused(server).code == Errc::invalid);
  }
  SECTION("a link to nowhere is in its place") {
    server.files.link(directory, "/mnt/unmounted");
    const auto found = server.inspect();
    REQUIRE(found);
    CHECK_FALSE(found->condition.has_directory);
  }
  SECTION("a link to all domains is in its place") {
    server.files.link(directory, "/srv/vpopmail");
    CHECK_THAT(refused(server).message, ContainsSubstring("that is no domain's directory"));
  }
}

TEST_CASE("a link to another disk is the domain's directory", "[domain][place]") {
  MemoryServer server;
  server.files.remove("/srv/vpopmail/domains/example.com");
  server.directory("/disk2/example.com");
  server.files.link("/srv/vpopmail/domains/example.com", "/disk2/example.com");
  server.file("/disk2/example.com/.qmail-default", "| /srv/vpopmail/bin/vdelivermail '' delete\n");
  const auto found = seen(server);
  CHECK(found.state->default_delivery == DeliveryLines{"| {vpopmail}/bin/vdelivermail '' delete"});
  REQUIRE(found.notes.size() == 1);
  CHECK_THAT(found.notes.front(), ContainsSubstring("is on /disk2/example.com"));
}

TEST_CASE("rows of valias that never take effect are said", "[domain][alias]") {
  MemoryServer server;
  server.file(MemoryServer::in_domain(".qmail-sales"), "&file@example.org\n");
  server.tables.rows = {{"sales", {"&row@example.org"}},
                        {"Upper", {"&row@example.org"}},
                        {"lines", {"&a@example.org\n&b@example.org"}},
                        {"ended", {"&a@example.org\r\n"}}};
  const auto found = seen(server);
  CHECK(found.state->alias.at(alias("sales")).deliver == DeliveryLines{"&file@example.org"});
  CHECK(found.state->alias.at(alias("ended")).deliver == DeliveryLines{"&a@example.org"});
  CHECK(found.state->alias.size() == 2);
  CHECK_THAT(remarks(found), ContainsSubstring("since .qmail-sales answers first"));
  CHECK_THAT(remarks(found), ContainsSubstring("the rows of Upper in the table valias never"));
  CHECK_THAT(left_out(found), ContainsSubstring("alias.lines: a row of it"));
}

TEST_CASE("a last login that no date says is left out", "[domain][untidy]") {
  using std::chrono::sys_days, std::chrono::year, std::chrono::January, std::chrono::seconds;
  const auto at = [](seconds time) {
    MemoryServer server;
    server.tables.logins["alice"] = {{std::chrono::sys_seconds(time), "192.0.2.1"}, "lastauth"};
    const auto found = seen(server);
    const auto login = mailbox(found, "alice").last_login;
    // What is written is read.
    Diagnostics diagnostics;
    const auto again = document::read(document::write(*found.state), "x.toml", diagnostics);
    REQUIRE(again);
    CHECK(*again == *found.state);
    CHECK(left_out(found).empty() == login.has_value());
    return login.has_value();
  };
  const seconds end = sys_days(year(10000) / January / 1).time_since_epoch();
  CHECK(at(seconds(1'700'000'000)));
  CHECK(at(end - seconds(1)));
  CHECK_FALSE(at(end));
  CHECK_FALSE(at(seconds::max()));
  CHECK(at(sys_days(year(0) / January / 1).time_since_epoch()));
  CHECK_FALSE(at(seconds::min()));
}
