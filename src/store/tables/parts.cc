#include "store/tables/parts.h"

namespace vstate::sql {

Result<std::uint64_t> Tables::write(const std::string& statement, const Values& parameters) {
  VSTATE_TRY(system_.before_step("sql", statement));
  return database_->run(statement, parameters);
}

Status Tables::write_schema(const std::string& statement) {
  VSTATE_TRY(write(statement, {}));
  return layout_.refresh(*database_);
}

Status Tables::commit(Transaction& transaction) {
  VSTATE_TRY(system_.before_step("sql", "COMMIT"));
  return transaction.commit();
}

Status Tables::make(const std::vector<Table>& tables) {
  for (const auto& table : tables)
    if (!table.exists && layout_.existing(table.name) == nullptr)
      VSTATE_TRY(write_schema(create_statement(*database_, table)));
  return {};
}

}  // namespace vstate::sql
