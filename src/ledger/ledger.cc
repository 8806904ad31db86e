#include "vstate/ledger/ledger.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <mutex>

#include <fmt/format.h>

#include "database_impl.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {

constexpr const char* k_path = "/var/lib/vstate/ledger.sqlite";
constexpr const char* k_journal = "/var/lib/vstate/ledger.sqlite-journal";
constexpr std::size_t k_key_bytes = 32;

/// What makes a ledger of format N out of one of format N - 1.
constexpr std::array k_steps{
    R"(CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE domain(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE part(domain INTEGER NOT NULL REFERENCES domain, item TEXT NOT NULL, part TEXT NOT NULL,
                  digest BLOB NOT NULL, PRIMARY KEY(domain, item, part)) WITHOUT ROWID;
CREATE TABLE run(number INTEGER PRIMARY KEY, command TEXT NOT NULL, domain TEXT NOT NULL,
                 started INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
                 summary TEXT NOT NULL DEFAULT '', messages INTEGER NOT NULL DEFAULT 0,
                 bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE change(run INTEGER NOT NULL REFERENCES run, place INTEGER NOT NULL,
                    address TEXT NOT NULL, failure TEXT NOT NULL,
                    PRIMARY KEY(run, place)) WITHOUT ROWID;)",
    R"(CREATE TABLE box(number INTEGER PRIMARY KEY, domain INTEGER NOT NULL REFERENCES domain,
                 kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(domain, kind, name));
CREATE TABLE entry(box INTEGER NOT NULL REFERENCES box, name BLOB NOT NULL, place INTEGER NOT NULL,
                   marks INTEGER NOT NULL, pending INTEGER NOT NULL,
                   PRIMARY KEY(box, name)) WITHOUT ROWID;
CREATE INDEX entry_pending ON entry(pending) WHERE pending != 0;
CREATE TABLE announced(box INTEGER NOT NULL REFERENCES box, name BLOB NOT NULL,
                       place INTEGER NOT NULL, marks INTEGER NOT NULL, at INTEGER NOT NULL,
                       from_place INTEGER NOT NULL, from_marks INTEGER NOT NULL,
                       PRIMARY KEY(box, name)) WITHOUT ROWID;
CREATE TABLE archive(box INTEGER NOT NULL REFERENCES box, sha256 TEXT NOT NULL,
                     identity TEXT NOT NULL, PRIMARY KEY(box, sha256)) WITHOUT ROWID;)"};
static_assert(k_steps.size() == Ledger::k_format);

constexpr std::int64_t k_format_with_mail = 2;

Result<std::int64_t> format_of(Database& database) {
  VSTATE_TRY_ASSIGN(const auto statement, database.prepare("PRAGMA user_version"));
  VSTATE_TRY_ASSIGN(const bool has_row, statement->step());
  return has_row ? statement->number(0) : 0;
}

Result<bool> is_there(const System& system, const std::string& path) {
  const auto info = system.info(path);
  if (!info && info.error().code != Errc::not_found) return tl::unexpected<Error>(info.error());
  return info.has_value();
}

tl::unexpected<Error> too_new(std::int64_t format) {
  return fail(Errc::unsupported,
              fmt::format("{}: was written by a newer vstate (format {}, this one knows {}); use "
                          "that one, or move the ledger away",
                          k_path, format, Ledger::k_format),
              Scope::run);
}

Status set_format(Database& database) {
  return database.execute(fmt::format("PRAGMA user_version = {}", Ledger::k_format).c_str());
}

Status migrate(Database& database, std::int64_t from) {
  if (from == Ledger::k_format) return {};
  return database.in_transaction([&]() -> Status {
    for (auto step = static_cast<std::size_t>(from); step < k_steps.size(); ++step)
      VSTATE_TRY(database.execute(k_steps.at(step)));
    if (from == 0) {
      VSTATE_TRY_ASSIGN(const auto insert, database.prepare("INSERT INTO meta VALUES('key', ?)"));
      const auto key = random_bytes(k_key_bytes);
      VSTATE_TRY(insert->bind_bytes(key).run());
    }
    return set_format(database);
  });
}

/// Not a part: says that the item is known, also when it has no part at all.
constexpr std::string_view k_item_itself;

}  // namespace

class Ledger::Deliveries final : public DeliveryLog {
 public:
  explicit Deliveries(Database& database) : database_(database) {}
  Status record(const std::vector<Record>&) override;
  Status withdraw(const std::vector<Record>&) override;

  /// Held by whoever uses the database while mail is delivered.
  [[nodiscard]] std::mutex& mutex() { return mutex_; }
  /// Tells the announcements of this process from those that a stopped one left.
  Status begin();
  Status settle();

 private:
  Database& database_;
  std::mutex mutex_;
  std::int64_t begun_ = 0;  ///< no earlier announcement is as late as this
};

Ledger::Ledger(std::unique_ptr<Database> database)
    : database_(std::move(database)), deliveries_(std::make_unique<Deliveries>(*database_)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<std::optional<Ledger>> Ledger::look(const System& system) {
  const auto info = system.info(k_path);
  if (!info && info.error().code == Errc::not_found) return std::optional<Ledger>();
  if (!info) return tl::unexpected<Error>(info.error());
  if (!info->is_regular())
    return fail(Errc::invalid, fmt::format("{}: is not a regular file", k_path), Scope::run);
  if (info->size == 0) return std::optional<Ledger>();  // a first run stopped right here
  VSTATE_TRY_ASSIGN(auto database, Database::open(system, k_path, Database::Mode::read));
  VSTATE_TRY_ASSIGN(const auto format, format_of(*database));
  if (format > k_format) return too_new(format);
  Ledger ledger(std::move(database));
  VSTATE_TRY_ASSIGN(ledger.has_journal_, is_there(system, k_journal));
  // Steps only add: what an older format lacks is read as nothing, and brought in when it is
  // written.
  ledger.keeps_mail_ = format >= k_format_with_mail;
  if (format == 0) return std::optional<Ledger>();
  return std::optional(std::move(ledger));
}

namespace {

/// A name beside the ledger that nothing has.
Result<std::string> damaged_name(const System& system) {
  for (int number = 1;; ++number) {
    auto name = fmt::format("{}/ledger.damaged-{}", path_parent(k_path), number);
    VSTATE_TRY_ASSIGN(const bool is_taken, is_there(system, name));
    if (!is_taken) return name;
  }
}

/// The journal goes after what it belongs to: SQLite drops one that is left alone.
Result<std::string> move_away(System& system) {
  VSTATE_TRY_ASSIGN(auto name, damaged_name(system));
  VSTATE_TRY(system.rename(k_path, name));
  VSTATE_TRY_ASSIGN(const bool has_journal, is_there(system, k_journal));
  if (has_journal) VSTATE_TRY(system.rename(k_journal, name + "-journal"));
  return name;
}

Result<std::unique_ptr<Database>> open_to_write(System& system) {
  VSTATE_TRY(system.before_step("record", k_path));
  VSTATE_TRY_ASSIGN(auto database, Database::open(system, k_path, Database::Mode::write));
  VSTATE_TRY_ASSIGN(const auto format, format_of(*database));
  if (format > Ledger::k_format) return too_new(format);
  database->announce_to(&system);
  VSTATE_TRY(migrate(*database, format));
  VSTATE_TRY_ASSIGN(const bool has_journal, is_there(system, k_journal));
  // SQLite leaves a journal alone that was not begun; the next transaction takes it away.
  if (has_journal) VSTATE_TRY(database->in_transaction([&] { return set_format(*database); }));
  return database;
}

}  // namespace

Result<Ledger> Ledger::open(System& system, Known known) {
  std::string moved;
  if (known == Known::damaged) {
    VSTATE_TRY_ASSIGN(moved, vstate::move_away(system));
  }
  const auto open_once = [&]() -> Result<Ledger> {
    VSTATE_TRY_ASSIGN(auto database, open_to_write(system));
    Ledger ledger(std::move(database));
    VSTATE_TRY(ledger.deliveries_->begin());
    return ledger;
  };
  auto ledger = open_once();
  if (!ledger && ledger.error().code == Errc::invalid) {
    VSTATE_TRY_ASSIGN(moved, vstate::move_away(system));
    ledger = open_once();
  }
  if (ledger) ledger->moved_to_ = std::move(moved);
  return ledger;
}

bool Ledger::is_damaged() const { return database_->is_damaged(); }

Result<std::string> Ledger::move_away(System& system) { return vstate::move_away(system); }

Result<std::string> Ledger::key() const {
  VSTATE_TRY_ASSIGN(const auto query,
                    database_->prepare("SELECT value FROM meta WHERE name = 'key'"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->step());
  if (!has_row) return database_->damaged("has no key");
  return query->text(0);
}

Result<std::optional<std::int64_t>> Ledger::find_domain(const DomainName& name) const {
  VSTATE_TRY_ASSIGN(const auto query,
                    database_->prepare("SELECT number FROM domain WHERE name = ?"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->bind(name.text()).step());
  return has_row ? std::optional(query->number(0)) : std::nullopt;
}

Result<std::int64_t> Ledger::domain_number(const DomainName& name) {
  VSTATE_TRY_ASSIGN(const auto insert,
                    database_->prepare("INSERT OR IGNORE INTO domain(name) VALUES(?)"));
  VSTATE_TRY(insert->bind(name.text()).run());
  VSTATE_TRY_ASSIGN(const auto number, find_domain(name));
  return *number;
}

Result<std::optional<Ledger::ItemParts>> Ledger::parts_of(std::int64_t domain,
                                                          const std::string& item) const {
  std::optional<ItemParts> parts;
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_->prepare("SELECT part, digest FROM part WHERE domain = ? AND item = ?"));
  query->bind(domain).bind(item);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) return parts;
    if (!parts) parts.emplace();
    if (query->bytes(0) != k_item_itself) parts->emplace(query->text(0), query->text(1));
  }
}

Result<Memory> Ledger::memory_of(const DomainName& name, const std::set<std::string>& items) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(name));
  if (!number || items.empty()) return Memory();
  VSTATE_TRY_ASSIGN(auto secret, key());
  RememberedParts known;
  for (const auto& item : items) {
    VSTATE_TRY_ASSIGN(auto parts, parts_of(*number, item));
    if (parts) known.emplace(item, *std::move(parts));
  }
  return Memory(std::move(secret), std::move(known));
}

namespace {

/// What is known of an item once an update is taken; nothing: it is forgotten.
std::optional<std::map<std::string, std::string>> updated(
    const std::map<std::string, std::optional<std::string>>& update,
    const std::optional<std::map<std::string, std::string>>& known, const std::string& key) {
  if (update.empty()) return std::nullopt;
  std::map<std::string, std::string> parts;
  for (const auto& [part, text] : update) {
    if (text) {
      parts.emplace(part, digest_of_part(key, *text));
      continue;
    }
    if (!known) continue;
    const auto old = known->find(part);
    if (old != known->end()) parts.emplace(part, old->second);
  }
  return parts;
}

}  // namespace

Result<bool> Ledger::is_news(const DomainName& name, const MemoryUpdate& update) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(name));
  if (!number) return !update.empty();
  VSTATE_TRY_ASSIGN(const auto secret, key());
  for (const auto& [item, parts] : update) {
    VSTATE_TRY_ASSIGN(const auto known, parts_of(*number, item));
    if (updated(parts, known, secret) != known) return true;
  }
  return false;
}

Status Ledger::remember(const DomainName& name, const MemoryUpdate& update,
                        const std::set<std::string>& failed, bool is_new) {
  return database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto number, domain_number(name));
    if (is_new) {
      VSTATE_TRY_ASSIGN(const auto forget, database_->prepare("DELETE FROM part WHERE domain = ?"));
      VSTATE_TRY(forget->bind(number).run());
    }
    VSTATE_TRY_ASSIGN(const auto secret, key());
    VSTATE_TRY_ASSIGN(const auto remove,
                      database_->prepare("DELETE FROM part WHERE domain = ? AND item = ?"));
    VSTATE_TRY_ASSIGN(const auto insert, database_->prepare("INSERT INTO part VALUES(?, ?, ?, ?)"));
    for (const auto& [item, parts] : update) {
      if (failed.contains(item)) continue;
      VSTATE_TRY_ASSIGN(const auto known, parts_of(number, item));
      const auto after = updated(parts, known, secret);
      if (after && after == known) continue;
      VSTATE_TRY(remove->bind(number).bind(item).run());
      if (!after) continue;
      VSTATE_TRY(insert->bind(number).bind(item).bind(k_item_itself).bind_bytes("").run());
      for (const auto& [part, digest] : *after)
        VSTATE_TRY(insert->bind(number).bind(item).bind(part).bind_bytes(digest).run());
    }
    return {};
  });
}

Result<std::int64_t> Ledger::begin_run(const std::string& command, const DomainName& name) {
  std::int64_t number = 0;
  VSTATE_TRY(database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(
        const auto insert,
        database_->prepare("INSERT INTO run(command, domain, started) VALUES(?, ?, ?)"));
    VSTATE_TRY(insert->bind(command).bind(name.text()).bind(std::time(nullptr)).run());
    number = database_->last_number();
    return {};
  }));
  return number;
}

Status Ledger::end_run(const Run& run) {
  return database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_->prepare("INSERT INTO change VALUES(?, ?, ?, ?)"));
    std::int64_t place = 0;
    for (const auto& change : run.changes)
      VSTATE_TRY(
          insert->bind(run.number).bind(++place).bind(change.address).bind(change.failure).run());
    VSTATE_TRY_ASSIGN(
        const auto update,
        database_->prepare("UPDATE run SET ended = ?, summary = ?, messages = ?, bytes = ? "
                           "WHERE number = ?"));
    return update->bind(std::time(nullptr))
        .bind(run.summary)
        .bind(static_cast<std::int64_t>(run.messages))
        .bind(static_cast<std::int64_t>(run.bytes))
        .bind(run.number)
        .run();
  });
}

Result<std::vector<Run>> Ledger::runs(const std::string& domain, std::size_t most,
                                      bool with_changes) const {
  std::vector<Run> runs;
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_->prepare("SELECT number, command, domain, started, ended, summary, messages, bytes "
                         "FROM run WHERE ?1 = '' OR domain = ?1 ORDER BY number DESC LIMIT ?2"));
  query->bind(domain).bind(static_cast<std::int64_t>(most));
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) break;
    runs.push_back({query->number(0),
                    query->text(1),
                    query->text(2),
                    query->number(3),
                    query->number(4),
                    query->text(5),
                    static_cast<std::uint64_t>(query->number(6)),
                    static_cast<std::uint64_t>(query->number(7)),
                    {}});
  }
  if (!with_changes) return runs;
  VSTATE_TRY_ASSIGN(
      const auto changes,
      database_->prepare("SELECT address, failure FROM change WHERE run = ? ORDER BY place"));
  for (auto& run : runs) {
    changes->rewind();
    changes->bind(run.number);
    while (true) {
      VSTATE_TRY_ASSIGN(const bool has_row, changes->step());
      if (!has_row) break;
      run.changes.push_back({changes->text(0), changes->text(1)});
    }
  }
  return runs;
}

namespace {

Result<std::optional<std::int64_t>> find_box(Database& database, std::int64_t domain,
                                             const std::string& kind, const std::string& name) {
  VSTATE_TRY_ASSIGN(
      const auto query,
      database.prepare("SELECT number FROM box WHERE domain = ? AND kind = ? AND name = ?"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->bind(domain).bind(kind).bind(name).step());
  return has_row ? std::optional(query->number(0)) : std::nullopt;
}

Result<MailMemory> read_box(Database& database, std::int64_t box) {
  VSTATE_TRY_ASSIGN(
      const auto query,
      database.prepare(
          "SELECT name, place, marks, pending FROM entry WHERE box = ? ORDER BY name"));
  query->bind(box);
  std::vector<MemoryEntry> entries;
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) break;
    entries.push_back({name_hash_of(query->bytes(0)),
                       {static_cast<std::uint64_t>(query->number(1)),
                        static_cast<std::uint64_t>(query->number(2))},
                       query->number(3)});
  }
  MailMemory memory(box, std::move(entries));
  VSTATE_TRY_ASSIGN(const auto changes,
                    database.prepare("SELECT name, place, marks, from_place, from_marks "
                                     "FROM announced WHERE box = ?"));
  changes->bind(box);
  MailMemory::Announced announced;
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, changes->step());
    if (!has_row) break;
    const auto state = [&](int column) {
      return EntryState{static_cast<std::uint64_t>(changes->number(column)),
                        static_cast<std::uint64_t>(changes->number(column + 1))};
    };
    announced.emplace(name_hash_of(changes->bytes(0)), MailMemory::Change{state(3), state(1)});
  }
  memory.set_announced(std::move(announced));
  return memory;
}

}  // namespace

Status Ledger::Deliveries::record(const std::vector<Record>& records) {
  if (records.empty()) return {};
  const std::scoped_lock lock(mutex_);
  // In the order of the table, which then grows at its end and not everywhere.
  std::vector<std::pair<std::string, const Record*>> sorted;
  sorted.reserve(records.size());
  for (const auto& record : records) sorted.emplace_back(to_bytes(record.key), &record);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second->box != b.second->box ? a.second->box < b.second->box : a.first < b.first;
  });
  const auto now = std::max(begun_, microseconds_now());
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_.prepare("INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?)"));
    VSTATE_TRY_ASSIGN(
        const auto announce,
        database_.prepare("INSERT OR REPLACE INTO announced VALUES(?, ?, ?, ?, ?, ?, ?)"));
    VSTATE_TRY_ASSIGN(const auto forget,
                      database_.prepare("DELETE FROM announced WHERE box = ? AND name = ?"));
    VSTATE_TRY_ASSIGN(const auto query, database_.prepare("SELECT 1 FROM announced LIMIT 1"));
    VSTATE_TRY_ASSIGN(const bool has_announced, query->step());
    query->rewind();
    for (const auto& [bytes, record] : sorted) {
      const bool is_announced = record->is_pending && record->is_change;
      auto& row = (is_announced ? announce : insert)
                      ->bind(record->box)
                      .bind_bytes(bytes)
                      .bind(static_cast<std::int64_t>(record->state.place))
                      .bind(static_cast<std::int64_t>(record->state.marks))
                      .bind(record->is_pending ? now : 0);
      if (is_announced)
        row.bind(static_cast<std::int64_t>(record->from.place))
            .bind(static_cast<std::int64_t>(record->from.marks));
      VSTATE_TRY(row.run());
      if (has_announced && !is_announced)
        VSTATE_TRY(forget->bind(record->box).bind_bytes(bytes).run());
    }
    return {};
  });
}

Status Ledger::Deliveries::withdraw(const std::vector<Record>& records) {
  if (records.empty()) return {};
  const std::scoped_lock lock(mutex_);
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto remove,
                      database_.prepare("DELETE FROM entry WHERE box = ? AND name = ?"));
    for (const auto& record : records)
      VSTATE_TRY(remove->bind(record.box).bind_bytes(to_bytes(record.key)).run());
    return {};
  });
}

DeliveryLog& Ledger::deliveries() { return *deliveries_; }

Status Ledger::Deliveries::begin() {
  begun_ = microseconds_now();
  for (const char* latest :
       {"SELECT max(pending) FROM entry WHERE pending != 0", "SELECT max(at) FROM announced"}) {
    VSTATE_TRY_ASSIGN(const auto query, database_.prepare(latest));
    VSTATE_TRY(query->step());
    begun_ = std::max(begun_, query->number(0) + 1);
  }
  return {};
}

Status Ledger::Deliveries::settle() {
  const std::scoped_lock lock(mutex_);
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_.prepare("SELECT EXISTS(SELECT 1 FROM entry WHERE pending != 0 AND pending >= ?1) "
                        "OR EXISTS(SELECT 1 FROM announced WHERE at >= ?1)"));
  VSTATE_TRY(query->bind(begun_).step());
  const bool has_any = query->number(0) != 0;
  query->rewind();
  if (!has_any) return {};
  return database_.in_transaction([&]() -> Status {
    for (const char* change :
         {"UPDATE entry SET pending = 0 WHERE pending != 0 AND pending >= ?",
          "INSERT OR REPLACE INTO entry SELECT box, name, place, marks, 0 FROM announced "
          "WHERE at >= ?",
          "DELETE FROM announced WHERE at >= ?"}) {
      VSTATE_TRY_ASSIGN(const auto statement, database_.prepare(change));
      VSTATE_TRY(statement->bind(begun_).run());
    }
    return {};
  });
}

Status Ledger::settle() { return deliveries_->settle(); }

Result<MailMemory> Ledger::mail_of(const DomainName& domain, const std::string& kind,
                                   const std::string& name) const {
  const std::scoped_lock lock(deliveries_->mutex());
  VSTATE_TRY_ASSIGN(const auto number, find_domain(domain));
  if (!number || !keeps_mail_) return MailMemory();
  VSTATE_TRY_ASSIGN(const auto box, find_box(*database_, *number, kind, name));
  return box ? read_box(*database_, *box) : MailMemory();
}

Result<std::vector<std::pair<std::string, std::string>>> Ledger::mail_boxes(
    const DomainName& domain) const {
  std::vector<std::pair<std::string, std::string>> boxes;
  VSTATE_TRY_ASSIGN(const auto number, find_domain(domain));
  if (!number || !keeps_mail_) return boxes;
  VSTATE_TRY_ASSIGN(const auto query,
                    database_->prepare("SELECT kind, name FROM box WHERE domain = ?"));
  query->bind(*number);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) return boxes;
    boxes.emplace_back(query->text(0), query->text(1));
  }
}

Result<std::int64_t> Ledger::open_box(const DomainName& domain, const std::string& kind,
                                      const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto known, find_domain(domain));
  if (known) {
    VSTATE_TRY_ASSIGN(const auto box, find_box(*database_, *known, kind, name));
    if (box) return *box;
  }
  std::int64_t box = 0;
  VSTATE_TRY(database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto number, domain_number(domain));
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_->prepare("INSERT INTO box(domain, kind, name) VALUES(?, ?, ?)"));
    VSTATE_TRY(insert->bind(number).bind(kind).bind(name).run());
    box = database_->last_number();
    return {};
  }));
  return box;
}

Result<MailMemory> Ledger::open_mail(const DomainName& domain, const std::string& kind,
                                     const std::string& name) {
  const std::scoped_lock lock(deliveries_->mutex());
  VSTATE_TRY_ASSIGN(const auto box, open_box(domain, kind, name));
  return read_box(*database_, box);
}

Status Ledger::forget_mail(const DomainName& domain, const std::string& kind,
                           const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(domain));
  if (!number) return {};
  VSTATE_TRY_ASSIGN(const auto box, find_box(*database_, *number, kind, name));
  if (!box) return {};
  return database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto entries, database_->prepare("DELETE FROM entry WHERE box = ?"));
    VSTATE_TRY(entries->bind(*box).run());
    VSTATE_TRY_ASSIGN(const auto announced,
                      database_->prepare("DELETE FROM announced WHERE box = ?"));
    VSTATE_TRY(announced->bind(*box).run());
    VSTATE_TRY_ASSIGN(const auto archives, database_->prepare("DELETE FROM archive WHERE box = ?"));
    return archives->bind(*box).run();
  });
}

Result<bool> Ledger::has_archive(const DomainName& domain, const std::string& kind,
                                 const std::string& name, const std::string& sha256,
                                 const std::string& identity) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(domain));
  if (!number || !keeps_mail_) return false;
  VSTATE_TRY_ASSIGN(const auto box, find_box(*database_, *number, kind, name));
  if (!box) return false;
  VSTATE_TRY_ASSIGN(const auto query,
                    database_->prepare("SELECT 1 FROM archive WHERE box = ? AND sha256 = ? AND "
                                       "identity = ?"));
  return query->bind(*box).bind(sha256).bind(identity).step();
}

Status Ledger::remember_archive(const DomainName& domain, const std::string& kind,
                                const std::string& name, const std::string& sha256,
                                const std::string& identity) {
  VSTATE_TRY_ASSIGN(const auto box, open_box(domain, kind, name));
  return database_->in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_->prepare("INSERT OR REPLACE INTO archive VALUES(?, ?, ?)"));
    return insert->bind(box).bind(sha256).bind(identity).run();
  });
}

}  // namespace vstate
