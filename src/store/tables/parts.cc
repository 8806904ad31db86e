// Every statement that changes something goes through here, so that it is announced to the System
// first: a plan's system refuses it, and a signal ends the run before it and not in its midst.

#include "store/tables/parts.h"

namespace vstate::sql {

Result<std::uint64_t> Tables::write(const std::string& statement, const Values& parameters) {
  VSTATE_TRY(system_.before_step("sql", statement));
  return database_->run(statement, parameters);
}

Status Tables::write_schema(const std::string& statement) {
  VSTATE_TRY(write(statement, {}));
  // What was changed is read back: the columns of a table decide how the statements after this one
  // are written.
  return layout_.refresh(*database_);
}

Status Tables::commit(Transaction& transaction) {
  VSTATE_TRY(system_.before_step("sql", "COMMIT"));
  return transaction.commit();
}

Status Tables::make(const std::vector<Table>& tables) {
  for (const auto& table : tables)
    // The caller's table is a copy, which an earlier call may have made meanwhile.
    if (!table.exists && layout_.existing(table.name) == nullptr)
      VSTATE_TRY(write_schema(create_statement(*database_, table)));
  return {};
}

}  // namespace vstate::sql
