// What came to a mailbox is one box of rows: an entry for each message or file, and the announced
// changes of messages whose end is not certain. A pass reads all of a box into memory at its start,
// since it asks of every message of the source; what it delivers goes to the ledger by Deliveries,
// batch by batch.

#include "ledger/delivered_mail.h"

#include "ledger/database.h"
#include "ledger/deliveries.h"
#include "ledger/domains.h"

namespace vstate {

namespace {

Result<std::optional<std::int64_t>> find_box(Database& database, std::int64_t domain,
                                             const std::string& kind, const std::string& name) {
  VSTATE_TRY_ASSIGN(
      const auto query,
      database.prepare("SELECT number FROM box WHERE domain = ? AND kind = ? AND name = ?"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->bind(domain).bind(kind).bind(name).step());
  return has_row ? std::optional(query->number(0)) : std::nullopt;
}

/// The entries come sorted by their keys, in the order in which the memory searches them.
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
  // Under an announced change the message may stand as it was before or as it is after; the pass
  // looks at the mailbox to tell.
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

DeliveredMail::DeliveredMail(Database& database, bool is_kept)
    : database_(database), is_kept_(is_kept), deliveries_(std::make_unique<Deliveries>(database)) {}
DeliveredMail::~DeliveredMail() = default;

Status DeliveredMail::begin() { return deliveries_->begin(); }
DeliveryLog& DeliveredMail::deliveries() { return *deliveries_; }
Status DeliveredMail::settle() { return deliveries_->settle(); }

// A plan asks for many boxes while nothing may be written, so a box that is not known is an empty
// memory and is not entered.
Result<MailMemory> DeliveredMail::memory_of(const DomainName& domain, const std::string& kind,
                                            const std::string& name) const {
  // Threads that deliver to other mailboxes write through the same connection meanwhile.
  const std::scoped_lock lock(deliveries_->mutex());
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, domain));
  if (!number || !is_kept_) return MailMemory();
  VSTATE_TRY_ASSIGN(const auto box, find_box(database_, *number, kind, name));
  return box ? read_box(database_, *box) : MailMemory();
}

Result<std::vector<std::pair<std::string, std::string>>> DeliveredMail::boxes(
    const DomainName& domain) const {
  std::vector<std::pair<std::string, std::string>> boxes;
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, domain));
  if (!number || !is_kept_) return boxes;
  VSTATE_TRY_ASSIGN(const auto query,
                    database_.prepare("SELECT kind, name FROM box WHERE domain = ?"));
  query->bind(*number);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) return boxes;
    boxes.emplace_back(query->text(0), query->text(1));
  }
}

// Enters the box where it is missing: its number must be known before the first delivery to it can
// be announced.
Result<std::int64_t> DeliveredMail::open_box(const DomainName& domain, const std::string& kind,
                                             const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto known, find_domain(database_, domain));
  if (known) {
    VSTATE_TRY_ASSIGN(const auto box, find_box(database_, *known, kind, name));
    if (box) return *box;
  }
  std::int64_t box = 0;
  VSTATE_TRY(database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto number, domain_number(database_, domain));
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_.prepare("INSERT INTO box(domain, kind, name) VALUES(?, ?, ?)"));
    VSTATE_TRY(insert->bind(number).bind(kind).bind(name).run());
    box = database_.last_number();
    return {};
  }));
  return box;
}

Result<MailMemory> DeliveredMail::open(const DomainName& domain, const std::string& kind,
                                       const std::string& name) {
  const std::scoped_lock lock(deliveries_->mutex());
  VSTATE_TRY_ASSIGN(const auto box, open_box(domain, kind, name));
  return read_box(database_, box);
}

Status DeliveredMail::forget(const DomainName& domain, const std::string& kind,
                             const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, domain));
  if (!number) return {};
  VSTATE_TRY_ASSIGN(const auto box, find_box(database_, *number, kind, name));
  if (!box) return {};
  // The archives go with the entries: one that still counted as taken in would not be read again
  // for the mailbox that is made anew.
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto entries, database_.prepare("DELETE FROM entry WHERE box = ?"));
    VSTATE_TRY(entries->bind(*box).run());
    VSTATE_TRY_ASSIGN(const auto announced,
                      database_.prepare("DELETE FROM announced WHERE box = ?"));
    VSTATE_TRY(announced->bind(*box).run());
    VSTATE_TRY_ASSIGN(const auto archives, database_.prepare("DELETE FROM archive WHERE box = ?"));
    return archives->bind(*box).run();
  });
}

Result<bool> DeliveredMail::has_archive(const DomainName& domain, const std::string& kind,
                                        const std::string& name, const std::string& sha256,
                                        const std::string& identity) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, domain));
  if (!number || !is_kept_) return false;
  VSTATE_TRY_ASSIGN(const auto box, find_box(database_, *number, kind, name));
  if (!box) return false;
  VSTATE_TRY_ASSIGN(const auto query,
                    database_.prepare("SELECT 1 FROM archive WHERE box = ? AND sha256 = ? AND "
                                      "identity = ?"));
  return query->bind(*box).bind(sha256).bind(identity).step();
}

Status DeliveredMail::remember_archive(const DomainName& domain, const std::string& kind,
                                       const std::string& name, const std::string& sha256,
                                       const std::string& identity) {
  // A file that was copied or touched has another identity under the same digest; the newer one
  // counts.
  VSTATE_TRY_ASSIGN(const auto box, open_box(domain, kind, name));
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_.prepare("INSERT OR REPLACE INTO archive VALUES(?, ?, ?)"));
    return insert->bind(box).bind(sha256).bind(identity).run();
  });
}

}  // namespace vstate
