/// \file
/// One maker for each back-end; which of them are compiled in, CMake decides.
#pragma once

#include <memory>

#include "vstate/store/account_store.h"

namespace vstate {

/// vpasswd and vpasswd.cdb below the domain's directory (vcdb.c).
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_cdb_store(System&, const Server&);
/// The table `vpopmail`, or one for each domain (vmysql.c, vpgsql.c, vsqlite.c).
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_mysql_store(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_pgsql_store(System&, const Server&);
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_sqlite_store(System&, const Server&);

}  // namespace vstate
