#include "vstate/ledger/ledger.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/sandbox.h"

using namespace vstate;
using namespace vstate::test;

namespace {

const DomainName k_domain = *DomainName::parse("example.com");

MemoryUpdate update(const std::string& password) {
  return {{"mailbox.alice", {{"password", password}, {"gecos", "Alice"}}}, {"limits", {}}};
}

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

}  // namespace

TEST_CASE("a ledger keeps digests, not values, in a file of its owner alone", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  CHECK_FALSE(*Ledger::look(system));
  {
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    REQUIRE(ledger->remember(k_domain, update("$6$secret$canary"), {}, false));
  }
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  struct stat st {};
  REQUIRE(stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777U) == 0600U);
  CHECK(server.read("/var/lib/vstate/ledger.sqlite").find("canary") == std::string::npos);
  const auto ledger = Ledger::look(system);
  REQUIRE((ledger && *ledger));
  const auto memory = (*ledger)->memory_of(k_domain, {"mailbox.alice"});
  REQUIRE(memory);
  CHECK(memory->knows("mailbox.alice"));
  const std::string left = "$6$secret$canary", other = "x", third = "y";
  CHECK(memory->judge("mailbox.alice", "password", &other, &left) == Verdict::take_file);
  CHECK(memory->judge("mailbox.alice", "password", &left, &other) == Verdict::kept);
  CHECK(memory->judge("mailbox.alice", "password", &third, &other) == Verdict::conflict);
}

TEST_CASE("two ledgers digest one value differently", "[ledger]") {
  const Sandbox one, two;
  std::string bytes[2];
  int at = 0;
  for (const auto* server : {&one, &two}) {
    System system(server->root());
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    REQUIRE(ledger->remember(k_domain, update("same"), {}, false));
    bytes[at++] = server->read("/var/lib/vstate/ledger.sqlite");
  }
  CHECK(bytes[0] != bytes[1]);
}

TEST_CASE("what failed, or was kept, stays as it was remembered", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  REQUIRE(ledger->remember(k_domain, update("one"), {}, false));
  REQUIRE(ledger->remember(k_domain, update("two"), {"mailbox.alice"}, false));
  const std::string one = "one", other = "other";
  CHECK(ledger->memory_of(k_domain, {"mailbox.alice"})
            ->judge("mailbox.alice", "password", &one, &other) == Verdict::kept);
  MemoryUpdate kept = update("two");
  kept["mailbox.alice"]["password"] = std::nullopt;
  CHECK_FALSE(*ledger->is_news(k_domain, kept));
  CHECK(*ledger->is_news(k_domain, update("two")));
  REQUIRE(ledger->remember(k_domain, {{"mailbox.alice", {}}}, {}, false));
  CHECK_FALSE(ledger->memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
}

TEST_CASE("a domain that is made anew has no past", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  REQUIRE(ledger->remember(k_domain, update("one"), {}, false));
  REQUIRE(ledger->remember(k_domain, {{"default", {{"deliver", "x"}}}}, {}, true));
  CHECK_FALSE(ledger->memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
  CHECK(ledger->memory_of(k_domain, {"default"})->knows("default"));
}

TEST_CASE("a newer ledger is refused, a damaged one is told", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  REQUIRE(Ledger::open(system));
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  run_sql(path, "PRAGMA user_version = 99");
  const auto newer = Ledger::look(system);
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code == Errc::unsupported);
  CHECK_THAT(newer.error().message, ContainsSubstring("newer vstate (format 99"));
  CHECK_FALSE(Ledger::open(system));
  std::ofstream(path, std::ios::trunc) << "this is no database, whatever its name says";
  const auto damaged = Ledger::look(system);
  REQUIRE_FALSE(damaged);
  CHECK_THAT(damaged.error().message, ContainsSubstring("move it away"));
}

TEST_CASE("an older ledger is read as far as it goes, and brought up to date when it is written",
          "[ledger]") {
  const Sandbox server;
  System system(server.root());
  REQUIRE(Ledger::open(system)->remember(k_domain, update("one"), {}, false));
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  // Format 1 knows nothing of mail.
  run_sql(path,
          "DROP TABLE entry; DROP TABLE announced; DROP TABLE archive; DROP TABLE box; PRAGMA "
          "user_version = 1");
  {
    const auto old = Ledger::look(system);
    REQUIRE((old && *old));
    CHECK((*old)->memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
    CHECK((*old)->mail_of(k_domain, "mailbox", "alice")->empty());
    CHECK((*old)->mail_boxes(k_domain)->empty());
    CHECK_FALSE(*(*old)->has_archive(k_domain, "mailbox", "alice", "x", "y"));
  }
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  CHECK(ledger->memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
  const auto memory = ledger->open_mail(k_domain, "mailbox", "alice");
  REQUIRE(memory);
  REQUIRE(ledger->remember_archive(k_domain, "mailbox", "alice", "x", "y"));
  CHECK(*ledger->has_archive(k_domain, "mailbox", "alice", "x", "y"));
  CHECK_FALSE(*ledger->has_archive(k_domain, "mailbox", "alice", "x", "other bytes"));
}

TEST_CASE("runs are told, the newest first", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  const auto first = ledger->begin_run("apply", k_domain);
  REQUIRE(first);
  Run run;
  run.number = *first;
  run.summary = "Applied";
  run.messages = 3;
  run.changes = {{"mailbox.alice", ""}, {"mail.alice", "the disk is full"}};
  REQUIRE(ledger->end_run(run));
  REQUIRE(ledger->begin_run("pull", *DomainName::parse("other.example")));
  const auto all = ledger->runs("", 10, true);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->front().command == "pull");
  CHECK(all->front().ended == 0);
  CHECK(all->back().changes.size() == 2);
  CHECK(all->back().changes.back().failure == "the disk is full");
  CHECK(ledger->runs("example.com", 10, false)->size() == 1);
}

TEST_CASE("reading a ledger changes nothing", "[ledger]") {
  const Sandbox server;
  {
    System system(server.root());
    REQUIRE(Ledger::open(system)->remember(k_domain, update("one"), {}, false));
  }
  const auto before = server.read("/var/lib/vstate/ledger.sqlite");
  const ReadOnlySystem system(server.root());
  const auto ledger = Ledger::look(system);
  REQUIRE((ledger && *ledger));
  REQUIRE((*ledger)->memory_of(k_domain, {"mailbox.alice"}));
  CHECK(server.read("/var/lib/vstate/ledger.sqlite") == before);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(server.path("/var/lib/vstate"))) {
    (void)entry;
    ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("what a stopped run announced stays open when another run ends", "[ledger]") {
  const Sandbox server;
  System system(server.root());
  const auto key = key_of_message("1.M1.host");
  std::int64_t alice = 0;
  {
    auto stopped = Ledger::open(system);
    REQUIRE(stopped);
    alice = stopped->open_mail(k_domain, "mailbox", "alice")->number();
    REQUIRE(stopped->deliveries().record({{alice, key, {1, 2}, true}}));
  }
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  const auto bob = ledger->open_mail(k_domain, "mailbox", "bob")->number();
  REQUIRE(ledger->deliveries().record({{bob, key, {1, 2}, true}}));
  REQUIRE(ledger->settle());
  CHECK(ledger->mail_of(k_domain, "mailbox", "alice")->find(key)->pending != 0);
  CHECK(ledger->mail_of(k_domain, "mailbox", "bob")->find(key)->pending == 0);
}
