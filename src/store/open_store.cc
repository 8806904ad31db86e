#include "store/backends.h"
#include "store/file_store.h"
#include "store/sql_parts.h"

namespace vstate {

namespace {

struct Backend {
  std::string_view name;
  /// Null for accounts in files.
  Result<std::unique_ptr<sql::Database>> (*open)(System&, const Server&);
};

constexpr Backend k_backends[] = {
    {"cdb", nullptr},
#ifdef VSTATE_HAS_MYSQL
    {"mysql", open_mysql},
#endif
#ifdef VSTATE_HAS_PGSQL
    {"pgsql", open_pgsql},
#endif
#ifdef VSTATE_HAS_SQLITE
    {"sqlite", open_sqlite},
#endif
};

}  // namespace

Result<std::unique_ptr<sql::Database>> open_database(System& system, const Server& server) {
  for (const auto& backend : k_backends) {
    if (backend.name != server.backend) continue;
    if (backend.open == nullptr) return std::unique_ptr<sql::Database>();
    return backend.open(system, server);
  }
  return fail(Errc::unsupported,
              "this server keeps its accounts in " + server.backend +
                  ", which this build of vstate was compiled without",
              Scope::run);
}

Result<std::unique_ptr<AccountStore>> open_store(System& system, const Server& server) {
  VSTATE_TRY_ASSIGN(auto database, open_database(system, server));
  if (!database) return open_cdb_store(system, server);
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
  std::vector<std::string> names;
  for (const auto& backend : k_backends) names.emplace_back(backend.name);
  return names;
}

}  // namespace vstate
