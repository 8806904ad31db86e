// A run is entered before its first change and completed after its last: one that was killed in
// between has no end, and a person sees that it was stopped. No plan depends on these rows; they
// are for people, by `vstate history`.

#include "ledger/run_history.h"

#include <ctime>

#include "ledger/database.h"

namespace vstate {

namespace {

/// The tables hold seconds since 1970.
std::chrono::sys_seconds time_of(std::int64_t seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

}  // namespace

Result<std::int64_t> RunHistory::begin(const std::string& command, const Subject& name) {
  std::int64_t number = 0;
  VSTATE_TRY(database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(
        const auto insert,
        database_.prepare("INSERT INTO run(command, domain, started) VALUES(?, ?, ?)"));
    VSTATE_TRY(insert->bind(command).bind(name.text()).bind(std::time(nullptr)).run());
    number = database_.last_number();
    return {};
  }));
  return number;
}

Status RunHistory::end(const Run& run) {
  // The end of a run and what it did come in one transaction: a run that has an end has all of its
  // changes.
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto insert,
                      database_.prepare("INSERT INTO change VALUES(?, ?, ?, ?)"));
    std::int64_t place = 0;
    for (const auto& change : run.changes)
      VSTATE_TRY(
          insert->bind(run.number).bind(++place).bind(change.address).bind(change.failure).run());
    VSTATE_TRY_ASSIGN(
        const auto update,
        database_.prepare("UPDATE run SET ended = ?, summary = ?, messages = ?, bytes = ? "
                          "WHERE number = ?"));
    return update->bind(std::time(nullptr))
        .bind(run.summary)
        .bind(static_cast<std::int64_t>(run.messages))
        .bind(static_cast<std::int64_t>(run.bytes))
        .bind(run.number)
        .run();
  });
}

Result<std::vector<Run>> RunHistory::latest(const std::string& domain, std::size_t most,
                                            bool with_changes) const {
  // A later run has a higher number, also where the clock was set back between the two.
  std::vector<Run> runs;
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_.prepare("SELECT number, command, domain, started, ended, summary, messages, bytes "
                        "FROM run WHERE ?1 = '' OR domain = ?1 ORDER BY number DESC LIMIT ?2"));
  query->bind(domain).bind(static_cast<std::int64_t>(most));
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) break;
    runs.push_back({query->number(0),
                    query->text(1),
                    query->text(2),
                    time_of(query->number(3)),
                    query->number(4) == 0 ? std::nullopt : std::optional(time_of(query->number(4))),
                    query->text(5),
                    static_cast<std::uint64_t>(query->number(6)),
                    static_cast<std::uint64_t>(query->number(7)),
                    {}});
  }
  if (!with_changes) return runs;
  VSTATE_TRY_ASSIGN(
      const auto changes,
      database_.prepare("SELECT address, failure FROM change WHERE run = ? ORDER BY place"));
  for (auto& run : runs) {
    // One statement serves all runs, and SQLite takes a new value only once it was reset.
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

}  // namespace vstate
