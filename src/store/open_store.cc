// Puts a store together from its parts. The cdb back-end is files throughout. For a database, the
// layout says whether this vpopmail keeps limits in a table; where it does not, they are a file of
// each domain, as with cdb.

#include "sql/backends.h"
#include "store/cdb_store.h"
#include "store/file_store.h"
#include "store/tables/parts.h"

namespace vstate {

Result<std::unique_ptr<AccountStore>> open_store(System& system, const Server& server) {
  if (server.backend == k_cdb) return open_cdb_store(system, server);
  VSTATE_TRY_ASSIGN(auto database, open_database(system, server));
  VSTATE_TRY_ASSIGN(auto layout, sql::Layout::discover(*database, server));
  auto tables =
      std::make_shared<sql::Tables>(system, server, std::move(database), std::move(layout));
  const bool has_limits = tables->layout().limits().has_value();
  return std::make_unique<AccountStore>(
      AccountStore::Parts{
          .held = tables,
          .accounts = sql::make_accounts(*tables),
          .domains_counter = sql::make_counter(*tables),
          .limits = has_limits ? sql::make_limits(*tables) : std::make_unique<FileLimits>(system),
          .logins = sql::make_logins(*tables),
          .aliases = sql::make_aliases(*tables),
          .backend = sql::make_backend(*tables)},
      DomainDirectories(system, server.domains_dir));
}

std::vector<std::string> compiled_backends() {
  std::vector<std::string> names{k_cdb};
  for (auto& name : compiled_databases()) names.push_back(std::move(name));
  return names;
}

}  // namespace vstate
