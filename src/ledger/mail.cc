#include <algorithm>
#include <ctime>

#include "ledger/deliveries.h"

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
  return certain(database_.in_transaction([&]() -> Status {
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
      const bool is_announced = record->kind == Kind::change;
      auto& row = (is_announced ? announce : insert)
                      ->bind(record->box)
                      .bind_bytes(bytes)
                      .bind(static_cast<std::int64_t>(record->state.place))
                      .bind(static_cast<std::int64_t>(record->state.marks))
                      .bind(record->kind == Kind::certain ? 0 : now);
      if (is_announced)
        row.bind(static_cast<std::int64_t>(record->from.place))
            .bind(static_cast<std::int64_t>(record->from.marks));
      VSTATE_TRY(row.run());
      if (has_announced && !is_announced)
        VSTATE_TRY(forget->bind(record->box).bind_bytes(bytes).run());
    }
    return {};
  }));
}

Status Ledger::Deliveries::withdraw(const std::vector<Record>& records) {
  if (records.empty()) return {};
  const std::scoped_lock lock(mutex_);
  return certain(database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto remove,
                      database_.prepare("DELETE FROM entry WHERE box = ? AND name = ?"));
    for (const auto& record : records)
      VSTATE_TRY(remove->bind(record.box).bind_bytes(to_bytes(record.key)).run());
    return {};
  }));
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
  if (!has_any || !is_certain_) return {};
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
