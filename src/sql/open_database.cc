// The kinds of databases that this build has. Each client library is an optional package; without
// it the kind is missing from this table and from nothing else.

#include "sql/backends.h"

namespace vstate {

namespace {

struct Kind {
  std::string_view name;
  Result<std::unique_ptr<sql::Database>> (*open)(System&, const Server&);
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
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
  return all;
}

}  // namespace

Result<std::unique_ptr<sql::Database>> open_database(System& system, const Server& server) {
  for (const auto& kind : kinds())
    if (kind.name == server.backend) return kind.open(system, server);
  // The server was detected all the same: a person needs to hear that its accounts cannot be read,
  // and not that it has none.
  return fail(Errc::unsupported,
              "this server keeps its accounts in " + server.backend +
                  ", which this build of vstate was compiled without",
              Scope::run);
}

std::vector<std::string> compiled_databases() {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace vstate
