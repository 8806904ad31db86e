/// \file
/// One maker for each kind of database; which of them are compiled in, CMake decides.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/database.h"
#include "sys/system.h"
#include "vstate/model/server.h"

namespace vstate {

[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_mysql(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_pgsql(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_sqlite(System&, const Server&);

/// The database of a server that keeps its accounts in one. `unsupported` for a kind that this
/// build is without.
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_database(System&, const Server&);
/// The kinds that this build has.
[[nodiscard]] std::vector<std::string> compiled_databases();

}  // namespace vstate
