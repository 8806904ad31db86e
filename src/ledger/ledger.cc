// The ledger's file: its format, its key, and what becomes of one that is damaged. A reader never
// changes it, since a plan runs on servers that it may not write to. A writer brings it to the
// present format first. As the ledger is only a memory, a damaged one is kept aside for people, and
// the run goes on with a new one.

#include "ledger/ledger.h"

#include <array>

#include <fmt/format.h>

#include "ledger/database.h"
#include "ledger/schema.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {

constexpr const char* k_path = "/var/lib/vstate/ledger.sqlite";
// The name is SQLite's: it rolls back a database by the journal that stands beside it under this
// name.
constexpr const char* k_journal = "/var/lib/vstate/ledger.sqlite-journal";
constexpr std::size_t k_key_bytes = 32;

static_assert(k_steps.size() == Ledger::k_format);

// Before it there are no tables of mail to ask.
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

/// A newer format may mean something else by the same columns, so it is not even read.
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
  // The tables, the key, and the number of the format come together: a run that is killed here
  // leaves the older format whole.
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

}  // namespace

struct Ledger::Tables {
  Tables(std::unique_ptr<Database> file, bool keeps_mail)
      : database(std::move(file)),
        domains(*database),
        runs(*database),
        mail(*database, keeps_mail) {}

  std::unique_ptr<Database> database;
  DomainMemory domains;
  RunHistory runs;
  DeliveredMail mail;
};

Ledger::Ledger(std::unique_ptr<Database> database, bool keeps_mail)
    : tables_(std::make_unique<Tables>(std::move(database), keeps_mail)) {}
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
  // Steps only add: what an older format lacks is read as nothing, and brought in when it is
  // written.
  Ledger ledger(std::move(database), format >= k_format_with_mail);
  VSTATE_TRY_ASSIGN(ledger.has_journal_, is_there(system, k_journal));
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
  // Opening for writing makes the file, so it is announced like every other change; a system that
  // may not be changed refuses here.
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
    Ledger ledger(std::move(database), true);
    VSTATE_TRY(ledger.mail().begin());
    return ledger;
  };
  auto ledger = open_once();
  // This is done once: where a new ledger is damaged at once, another would fare no better.
  if (!ledger && ledger.error().code == Errc::invalid) {
    VSTATE_TRY_ASSIGN(moved, vstate::move_away(system));
    ledger = open_once();
  }
  if (ledger) ledger->moved_to_ = std::move(moved);
  return ledger;
}

bool Ledger::is_damaged() const { return tables_->database->is_damaged(); }
const DomainMemory& Ledger::domains() const { return tables_->domains; }
DomainMemory& Ledger::domains() { return tables_->domains; }
const RunHistory& Ledger::runs() const { return tables_->runs; }
RunHistory& Ledger::runs() { return tables_->runs; }
const DeliveredMail& Ledger::mail() const { return tables_->mail; }
DeliveredMail& Ledger::mail() { return tables_->mail; }

Result<std::string> Ledger::move_away(System& system) { return vstate::move_away(system); }

}  // namespace vstate
