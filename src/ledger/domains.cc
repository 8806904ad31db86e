// All tables of the ledger name a domain by a number, so that its name stands in one row. Whoever
// only reads must not enter a domain that the ledger does not know; who writes must, within the
// transaction of what is written.

#include "ledger/domains.h"

#include "ledger/database.h"

namespace vstate {

Result<std::optional<std::int64_t>> find_domain(Database& database, const Subject& name) {
  VSTATE_TRY_ASSIGN(const auto query, database.prepare("SELECT number FROM domain WHERE name = ?"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->bind(name.text()).step());
  return has_row ? std::optional(query->number(0)) : std::nullopt;
}

Result<std::int64_t> domain_number(Database& database, const Subject& name) {
  VSTATE_TRY_ASSIGN(const auto insert,
                    database.prepare("INSERT OR IGNORE INTO domain(name) VALUES(?)"));
  VSTATE_TRY(insert->bind(name.text()).run());
  // SQLite's last row number would be another row's where the insertion was ignored.
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database, name));
  return *number;
}

}  // namespace vstate
