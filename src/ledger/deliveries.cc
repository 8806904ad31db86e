#include "ledger/deliveries.h"

#include <algorithm>

#include "ledger/database.h"

namespace vstate {

Status Deliveries::record(const std::vector<Record>& records) {
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

Status Deliveries::withdraw(const std::vector<Record>& records) {
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

Status Deliveries::begin() {
  begun_ = microseconds_now();
  for (const char* latest :
       {"SELECT max(pending) FROM entry WHERE pending != 0", "SELECT max(at) FROM announced"}) {
    VSTATE_TRY_ASSIGN(const auto query, database_.prepare(latest));
    VSTATE_TRY(query->step());
    begun_ = std::max(begun_, query->number(0) + 1);
  }
  return {};
}

Status Deliveries::settle() {
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

}  // namespace vstate
