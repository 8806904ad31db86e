#include "backends_impl.h"

namespace vstate {

namespace {

struct Backend {
  std::string_view name;
  Result<std::unique_ptr<AccountStore>> (*open)(System&, const Server&);
};

constexpr Backend k_backends[] = {
    {"cdb", open_cdb_store},
#ifdef VSTATE_HAS_MYSQL
    {"mysql", open_mysql_store},
#endif
#ifdef VSTATE_HAS_PGSQL
    {"pgsql", open_pgsql_store},
#endif
#ifdef VSTATE_HAS_SQLITE
    {"sqlite", open_sqlite_store},
#endif
};

}  // namespace

Result<std::unique_ptr<AccountStore>> open_store(System& system, const Server& server) {
  for (const auto& backend : k_backends)
    if (backend.name == server.backend) return backend.open(system, server);
  return fail(Errc::unsupported,
              "this server keeps its accounts in " + server.backend +
                  ", which this build of vstate was compiled without",
              Scope::run);
}

std::vector<std::string> compiled_backends() {
  std::vector<std::string> names;
  for (const auto& backend : k_backends) names.emplace_back(backend.name);
  return names;
}

}  // namespace vstate
