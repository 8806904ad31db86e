#include "ledger/ledger.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ledger/deliveries.h"
#include "ledger/schema.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {

constexpr const char* k_path = "/var/lib/vstate/ledger.sqlite";
constexpr const char* k_journal = "/var/lib/vstate/ledger.sqlite-journal";
constexpr std::size_t k_key_bytes = 32;

static_assert(k_steps.size() == Ledger::k_format);

constexpr std::int64_t k_format_with_mail = 2;

Result<std::int64_t> format_of(Database& database) {
  VSTATE_TRY_ASSIGN(const auto statement, database.prepare("PRAGMA user_version"));
  VSTATE_TRY_ASSIGN(const bool has_row, statement->step());
  return has_row ? statement->number(0) : 0;
}

Result<bool> is_there(const System& system, const std::string& path) {
  const auto info = system.info(path);
  if (!info && info.error().code != Errc::not_found) return propagate(info);
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

Ledger::Ledger(std::unique_ptr<Database> database)
    : database_(std::move(database)), deliveries_(std::make_unique<Deliveries>(*database_)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

Result<std::optional<Ledger>> Ledger::look(const System& system) {
  const auto info = system.info(k_path);
  if (!info && info.error().code == Errc::not_found) return std::nullopt;
  if (!info) return propagate(info);
  if (!info->is_regular())
    return fail(Errc::invalid, fmt::format("{}: is not a regular file", k_path), Scope::run);
  if (info->size == 0) return std::nullopt;  // a first run stopped right here
  VSTATE_TRY_ASSIGN(auto database, Database::open(system, k_path, Database::Mode::read));
  VSTATE_TRY_ASSIGN(const auto format, format_of(*database));
  if (format > k_format) return too_new(format);
  Ledger ledger(std::move(database));
  VSTATE_TRY_ASSIGN(ledger.has_journal_, is_there(system, k_journal));
  // Steps only add: what an older format lacks is read as nothing, and brought in when it is
  // written.
  ledger.keeps_mail_ = format >= k_format_with_mail;
  if (format == 0) return std::nullopt;
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
  VSTATE_TRY(database_->in_one_look([&]() -> Status {
    for (const auto& item : items) {
      VSTATE_TRY_ASSIGN(auto parts, parts_of(*number, item));
      if (parts) known.emplace(item, *std::move(parts));
    }
    return {};
  }));
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
  bool is_news = false;
  VSTATE_TRY(database_->in_one_look([&]() -> Status {
    for (const auto& [item, parts] : update) {
      VSTATE_TRY_ASSIGN(const auto known, parts_of(*number, item));
      is_news = updated(parts, known, secret) != known;
      if (is_news) break;
    }
    return {};
  }));
  return is_news;
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

}  // namespace vstate
