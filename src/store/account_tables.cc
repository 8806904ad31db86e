// For `export` to Dovecot: which tables a Dovecot on this server has to ask for accounts, and how
// it gets to them. It is read from the server as it is, by the rules that the store itself goes by,
// and nothing is changed.

#include "store/account_tables.h"

#include "sql/backends.h"
#include "sql/connection.h"
#include "store/cdb_store.h"
#include "store/tables/layout.h"
#include "vstate/model/limits.h"

namespace vstate {

Result<std::optional<AccountTables>> read_account_tables(System& system, const Server& server,
                                                         const std::vector<DomainName>& domains) {
  if (server.backend == k_cdb) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto database, open_database(system, server));
  VSTATE_TRY_ASSIGN(const auto layout, sql::Layout::discover(*database, server));
  AccountTables out;
  out.backend = server.backend;
  out.owner = server.owner;
  out.has_many_domains = layout.has_many_domains();
  out.has_alias_domains = layout.alias_domains() && layout.alias_domains()->exists;
  // Of the limits only the denials of services concern a login. A query may not name a column that
  // this table lacks.
  if (const auto limits = layout.limits(); limits && limits->exists)
    for (const auto& name : limit_names())
      if (const auto denied = denial_named(name.document_key);
          name.kind == LimitKind::denial && denied && limits->find(name.column) != nullptr)
        out.limit_columns.emplace(name.column, *denied);
  // A query of a table that is not there yet would be an error at each login.
  for (const auto& domain : domains)
    if (const auto table = layout.users(domain); table.exists)
      out.tables.emplace(domain.text(), table.name);
  if (server.backend == "sqlite") {
    out.database = path_join(server.domains_dir, "_vpopmail.sqlite");
    return std::optional(std::move(out));
  }
  const bool is_mysql = server.backend == "mysql";
  VSTATE_TRY_ASSIGN(
      const auto file,
      read_connection_file(system, server, is_mysql ? "vpopmail.mysql" : "vpopmail.pgsql"));
  // vpopmail takes built-in values for PostgreSQL when the file is missing; for MySQL it needs the
  // file, and opening the database has failed by now.
  auto connection = default_pgsql_connection();
  if (file.bytes) {
    VSTATE_TRY_ASSIGN(connection, is_mysql ? parse_mysql_connection(*file.bytes)
                                           : parse_pgsql_connection(*file.bytes));
  }
  out.host = connection.host;
  out.socket = connection.socket;
  out.port = connection.port;
  out.user = connection.user;
  out.password = connection.password;
  out.database = connection.database;
  return std::optional(std::move(out));
}

}  // namespace vstate
