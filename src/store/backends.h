/// \file
/// One maker for each back-end; which of them are compiled in, CMake decides.
#pragma once

#include <memory>

#include "store/account_store.h"
#include "store/sql.h"

namespace vstate {

/// vpasswd and vpasswd.cdb below the domain's directory (vcdb.c).
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_cdb_store(System&, const Server&);
/// The table `vpopmail`, or one for each domain (vmysql.c, vpgsql.c, vsqlite.c).
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_mysql(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_pgsql(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_sqlite(System&, const Server&);

/// The database of a server; null for a back-end without one.
[[nodiscard]] Result<std::unique_ptr<sql::Database>> open_database(System&, const Server&);

}  // namespace vstate
