/// \file
/// vpopmail's database connections: etc/vpopmail.mysql and etc/vpopmail.pgsql below its home.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vstate/base/result.h"
#include "vstate/model/secret.h"

namespace vstate {

struct DatabaseConnection {
  std::string host;    ///< empty is this machine; for PostgreSQL also a socket's directory
  std::uint16_t port;  ///< 0 is the usual one
  std::string socket;  ///< path of MySQL's socket; empty for TCP, or the library's own
  std::string user;
  Secret password;
  std::string database;
};

/// Reads as vmysql.c:load_connection_info does: comments and empty lines are skipped; the first of
/// the others is for reading, the second, if there is one, for updates, and that one is returned.
/// "host|port-or-socket|user|password|database", split as strtok(3) does, so that an empty field
/// is none at all.
///
/// Fails with `invalid`, naming the line and never its content, where vpopmail would go on with
/// something else than what stands there: other than five fields, a line of more than 255 bytes, a
/// port that is no number, a NUL.
[[nodiscard]] Result<DatabaseConnection> parse_mysql_connection(std::string_view bytes);

/// Reads as vpgsql.c:load_connection_info does: "host|port|user|password|database" in the first
/// line that is no comment; empty fields have that program's defaults. Fails as above.
[[nodiscard]] Result<DatabaseConnection> parse_pgsql_connection(std::string_view bytes);
/// What 5.4 has compiled in: user postgres, database vpopmail, on this machine.
[[nodiscard]] DatabaseConnection default_pgsql_connection();

}  // namespace vstate
