#include "ledger/domains.h"

#include "ledger/database.h"

namespace vstate {

Result<std::optional<std::int64_t>> find_domain(Database& database, const DomainName& name) {
  VSTATE_TRY_ASSIGN(const auto query, database.prepare("SELECT number FROM domain WHERE name = ?"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->bind(name.text()).step());
  return has_row ? std::optional(query->number(0)) : std::nullopt;
}

Result<std::int64_t> domain_number(Database& database, const DomainName& name) {
  VSTATE_TRY_ASSIGN(const auto insert,
                    database.prepare("INSERT OR IGNORE INTO domain(name) VALUES(?)"));
  VSTATE_TRY(insert->bind(name.text()).run());
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database, name));
  return *number;
}

}  // namespace vstate
