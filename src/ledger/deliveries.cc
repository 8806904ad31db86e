// The log of deliveries. A file is announced here before it is renamed to its place, and on the
// disk when that call returns: a run that is killed between the two leaves a row that says so, and
// the next pass looks whether the file arrived. So no message comes twice, and none that never
// arrived is taken for one that its owner deleted.

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
  // A clock that was set back must not give an announcement the time of one that an earlier run
  // left: settle() tells them by it.
  const auto now = std::max(begun_, microseconds_now());
  return certain(database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_.prepare("INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?)"));
    VSTATE_TRY_ASSIGN(
        const auto announce,
        database_.prepare("INSERT OR REPLACE INTO announced VALUES(?, ?, ?, ?, ?, ?, ?)"));
    VSTATE_TRY_ASSIGN(const auto forget,
                      database_.prepare("DELETE FROM announced WHERE box = ? AND name = ?"));
    // Most runs announce no change at all; without this look each new message would cost a second
    // statement.
    VSTATE_TRY_ASSIGN(const auto query, database_.prepare("SELECT 1 FROM announced LIMIT 1"));
    VSTATE_TRY_ASSIGN(const bool has_announced, query->step());
    query->rewind();
    for (const auto& [bytes, record] : sorted) {
      // A change leaves the entry as it was until the change is certain: whoever looks after a stop
      // needs the state before and the one after.
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

// An arrival whose rename failed is taken back, or the message would count as one that came and was
// deleted here.
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
  // Whatever a stopped run left is older than this, also where the clock has gone back since.
  begun_ = microseconds_now();
  for (const char* latest :
       {"SELECT max(pending) FROM entry WHERE pending != 0", "SELECT max(at) FROM announced"}) {
    VSTATE_TRY_ASSIGN(const auto query, database_.prepare(latest));
    VSTATE_TRY(query->step());
    begun_ = std::max(begun_, query->number(0) + 1);
  }
  return {};
}

// Called once the renames of this run are on the disk. Where any write failed, it is not known
// which of the announcements were carried out, and all of them stay open for the next pass.
Status Deliveries::settle() {
  const std::scoped_lock lock(mutex_);
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_.prepare("SELECT EXISTS(SELECT 1 FROM entry WHERE pending != 0 AND pending >= ?1) "
                        "OR EXISTS(SELECT 1 FROM announced WHERE at >= ?1)"));
  VSTATE_TRY(query->bind(begun_).step());
  // A transaction costs a write of the disk, which a run that delivered nothing need not pay.
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
