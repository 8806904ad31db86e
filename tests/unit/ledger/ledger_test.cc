#include "ledger/ledger.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sqlite/journal.h"
#include "support/catch.h"
#include "support/sandbox.h"
#include "sys/local_system.h"

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
  LocalSystem system(server.root());
  CHECK_FALSE(*Ledger::look(system));
  {
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    REQUIRE(ledger->domains().remember(k_domain, update("$6$secret$canary"), {}, false));
  }
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  struct stat st {};
  REQUIRE(stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777U) == 0600U);
  CHECK(server.read("/var/lib/vstate/ledger.sqlite").find("canary") == std::string::npos);
  const auto ledger = Ledger::look(system);
  REQUIRE((ledger && *ledger));
  const auto memory = (*ledger)->domains().memory_of(k_domain, {"mailbox.alice"});
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
    LocalSystem system(server->root());
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    REQUIRE(ledger->domains().remember(k_domain, update("same"), {}, false));
    bytes[at++] = server->read("/var/lib/vstate/ledger.sqlite");
  }
  CHECK(bytes[0] != bytes[1]);
}

TEST_CASE("what failed, or was kept, stays as it was remembered", "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  REQUIRE(ledger->domains().remember(k_domain, update("one"), {}, false));
  REQUIRE(ledger->domains().remember(k_domain, update("two"), {"mailbox.alice"}, false));
  const std::string one = "one", other = "other";
  CHECK(ledger->domains()
            .memory_of(k_domain, {"mailbox.alice"})
            ->judge("mailbox.alice", "password", &one, &other) == Verdict::kept);
  MemoryUpdate kept = update("two");
  kept["mailbox.alice"]["password"] = std::nullopt;
  CHECK_FALSE(*ledger->domains().is_news(k_domain, kept));
  CHECK(*ledger->domains().is_news(k_domain, update("two")));
  REQUIRE(ledger->domains().remember(k_domain, {{"mailbox.alice", {}}}, {}, false));
  CHECK_FALSE(ledger->domains().memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
}

TEST_CASE("a domain that is made anew has no past", "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  REQUIRE(ledger->domains().remember(k_domain, update("one"), {}, false));
  REQUIRE(ledger->domains().remember(k_domain, {{"default", {{"deliver", "x"}}}}, {}, true));
  CHECK_FALSE(ledger->domains().memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
  CHECK(ledger->domains().memory_of(k_domain, {"default"})->knows("default"));
}

TEST_CASE("a newer ledger is refused, a damaged one is told", "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
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
  CHECK(damaged.error().code == Errc::invalid);
  CHECK_THAT(damaged.error().message, ContainsSubstring("the next run that writes moves it away"));
}

namespace {

/// A process that ends within a transaction, as a killed one does: its pages are on the disk, and
/// what they were before is in the journal.
void leave_half_way(const std::string& path, const std::string& sql) {
  const auto child = fork();
  if (child == 0) {
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    for (const auto& text : {std::string("PRAGMA cache_size = 1"), std::string("BEGIN"), sql})
      if (sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) _exit(1);
    sqlite3_db_cacheflush(database);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

const char* const k_many_rows =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
    "INSERT INTO part SELECT 1, 'x' || i, 'y', randomblob(32) FROM n; DELETE FROM part WHERE item "
    "= 'mailbox.alice'";

}  // namespace

TEST_CASE("what a killed run left half way is read as it was, and taken back by the next writer",
          "[ledger][crash]") {
  const Sandbox server;
  LocalSystem system(server.root());
  REQUIRE(Ledger::open(system)->domains().remember(k_domain, update("one"), {}, false));
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  leave_half_way(path, k_many_rows);
  const auto pages = server.read("/var/lib/vstate/ledger.sqlite");
  const auto journal = server.read("/var/lib/vstate/ledger.sqlite-journal");
  REQUIRE(pages.size() > 100000);
  REQUIRE_FALSE(journal.empty());
  const std::string one = "one", other = "other";
  const auto knows_one = [&](const Ledger& ledger) {
    const auto memory = ledger.domains().memory_of(k_domain, {"mailbox.alice", "x1"});
    REQUIRE(memory);
    CHECK_FALSE(memory->knows("x1"));
    CHECK(memory->judge("mailbox.alice", "password", &other, &one) == Verdict::take_file);
  };
  {
    const ReadOnlySystem reader(server.root());
    const auto ledger = Ledger::look(reader);
    REQUIRE((ledger && *ledger));
    knows_one(**ledger);
    CHECK((*ledger)->has_journal());
  }
  CHECK(server.read("/var/lib/vstate/ledger.sqlite") == pages);
  CHECK(server.read("/var/lib/vstate/ledger.sqlite-journal") == journal);
  {
    const auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    knows_one(*ledger);
    CHECK(ledger->moved_to().empty());
  }
  CHECK_FALSE(std::filesystem::exists(path + "-journal"));
  CHECK(server.read("/var/lib/vstate/ledger.sqlite").size() < pages.size());
}

TEST_CASE("a journal that was cut anywhere gives what SQLite makes of it", "[ledger][crash]") {
  const Sandbox server;
  LocalSystem system(server.root());
  REQUIRE(Ledger::open(system)->domains().remember(k_domain, update("one"), {}, false));
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  leave_half_way(path, k_many_rows);
  const auto pages = server.read("/var/lib/vstate/ledger.sqlite");
  const auto journal = server.read("/var/lib/vstate/ledger.sqlite-journal");
  for (std::size_t size = 0; size < journal.size(); size += 509) {
    auto cut = journal.substr(0, size);
    INFO("cut after " << size << " of " << journal.size());
    const auto ours = sqlite::rolled_back(pages, cut);
    const auto copy = server.path("/copy");
    std::ofstream(copy, std::ios::binary) << pages;
    std::ofstream(copy + "-journal", std::ios::binary) << cut;
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(copy.c_str(), &database) == SQLITE_OK);
    // Whatever SQLite says of the pages, it has rolled them back by then.
    sqlite3_exec(database, "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr);
    sqlite3_close(database);
    const bool is_equal = server.read("/copy") == ours;
    REQUIRE(is_equal);
  }
}

TEST_CASE("a damaged ledger is moved away, whatever part of it is damaged", "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
  {
    auto ledger = Ledger::open(system);
    REQUIRE(ledger->domains().remember(k_domain, update("one"), {}, false));
    REQUIRE(ledger->mail().open(k_domain, "mailbox", "alice"));
  }
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  const auto whole = server.read("/var/lib/vstate/ledger.sqlite");
  constexpr std::size_t page = 4096;
  REQUIRE(whole.size() % page == 0);
  int moved = 0;
  for (std::size_t at = 0; at < whole.size(); at += page) {
    INFO("page " << at / page + 1);
    auto bytes = whole;
    bytes.replace(at, page, std::string(page, '\xa5'));
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    auto known = Ledger::Known::nothing;
    if (const auto ledger = Ledger::look(system); ledger) {
      REQUIRE(*ledger);
      const auto memory = (*ledger)->domains().memory_of(k_domain, {"mailbox.alice"});
      const auto boxes = (*ledger)->mail().boxes(k_domain);
      CHECK((memory && boxes) != (*ledger)->is_damaged());
      if ((*ledger)->is_damaged()) known = Ledger::Known::damaged;
    } else {
      CHECK(ledger.error().code == Errc::invalid);
      known = Ledger::Known::damaged;
    }
    const auto ledger = Ledger::open(system, known);
    REQUIRE(ledger);
    if (known == Ledger::Known::nothing && ledger->moved_to().empty()) continue;
    const auto name = "/var/lib/vstate/ledger.damaged-" + std::to_string(++moved);
    CHECK(ledger->moved_to() == name);
    CHECK(server.read(name) == bytes);
    CHECK(ledger->domains().memory_of(k_domain, {"mailbox.alice"}));
  }
  CHECK(moved > 3);
}

TEST_CASE("an older ledger is read as far as it goes, and brought up to date when it is written",
          "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
  REQUIRE(Ledger::open(system)->domains().remember(k_domain, update("one"), {}, false));
  const auto path = server.path("/var/lib/vstate/ledger.sqlite");
  // Format 1 knows nothing of mail.
  run_sql(path,
          "DROP TABLE entry; DROP TABLE announced; DROP TABLE archive; DROP TABLE box; PRAGMA "
          "user_version = 1");
  {
    const auto old = Ledger::look(system);
    REQUIRE((old && *old));
    CHECK((*old)->domains().memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
    CHECK((*old)->mail().memory_of(k_domain, "mailbox", "alice")->empty());
    CHECK((*old)->mail().boxes(k_domain)->empty());
    CHECK_FALSE(*(*old)->mail().has_archive(k_domain, "mailbox", "alice", "x", "y"));
  }
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  CHECK(ledger->domains().memory_of(k_domain, {"mailbox.alice"})->knows("mailbox.alice"));
  const auto memory = ledger->mail().open(k_domain, "mailbox", "alice");
  REQUIRE(memory);
  REQUIRE(ledger->mail().remember_archive(k_domain, "mailbox", "alice", "x", "y"));
  CHECK(*ledger->mail().has_archive(k_domain, "mailbox", "alice", "x", "y"));
  CHECK_FALSE(*ledger->mail().has_archive(k_domain, "mailbox", "alice", "x", "other bytes"));
}

TEST_CASE("runs are told, the newest first", "[ledger]") {
  const Sandbox server;
  LocalSystem system(server.root());
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  const auto first = ledger->runs().begin("apply", k_domain);
  REQUIRE(first);
  Run run;
  run.number = *first;
  run.summary = "Applied";
  run.messages = 3;
  run.changes = {{"mailbox.alice", ""}, {"mail.alice", "the disk is full"}};
  REQUIRE(ledger->runs().end(run));
  REQUIRE(ledger->runs().begin("pull", *DomainName::parse("other.example")));
  const auto all = ledger->runs().latest("", 10, true);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->front().command == "pull");
  CHECK_FALSE(all->front().ended);
  CHECK(all->back().changes.size() == 2);
  CHECK(all->back().changes.back().failure == "the disk is full");
  CHECK(ledger->runs().latest("example.com", 10, false)->size() == 1);
}

TEST_CASE("reading a ledger changes nothing", "[ledger]") {
  const Sandbox server;
  {
    LocalSystem system(server.root());
    REQUIRE(Ledger::open(system)->domains().remember(k_domain, update("one"), {}, false));
  }
  const auto before = server.read("/var/lib/vstate/ledger.sqlite");
  const ReadOnlySystem system(server.root());
  const auto ledger = Ledger::look(system);
  REQUIRE((ledger && *ledger));
  REQUIRE((*ledger)->domains().memory_of(k_domain, {"mailbox.alice"}));
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
  LocalSystem system(server.root());
  const auto key = key_of_message("1.M1.host");
  std::int64_t alice = 0;
  {
    auto stopped = Ledger::open(system);
    REQUIRE(stopped);
    alice = stopped->mail().open(k_domain, "mailbox", "alice")->number();
    REQUIRE(
        stopped->mail().deliveries().record({{alice, key, {1, 2}, DeliveryLog::Kind::arrival}}));
  }
  auto ledger = Ledger::open(system);
  REQUIRE(ledger);
  const auto bob = ledger->mail().open(k_domain, "mailbox", "bob")->number();
  REQUIRE(ledger->mail().deliveries().record({{bob, key, {1, 2}, DeliveryLog::Kind::arrival}}));
  REQUIRE(ledger->mail().settle());
  CHECK(ledger->mail().memory_of(k_domain, "mailbox", "alice")->find(key)->pending != 0);
  CHECK(ledger->mail().memory_of(k_domain, "mailbox", "bob")->find(key)->pending == 0);
}
