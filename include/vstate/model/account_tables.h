/// \file
/// Where the accounts of a SQL server stand, for other programs that shall read them there.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "vstate/model/secret.h"
#include "vstate/model/server.h"

namespace vstate {

struct AccountTables {
  std::string backend;  ///< "mysql", "pgsql", "sqlite"
  /// How vpopmail connects; for SQLite `database` is the file.
  std::string host, socket, user, database;
  std::uint16_t port = 0;
  Secret password;
  bool has_many_domains = true;               ///< one table with a column pw_domain
  bool has_alias_domains = false;             ///< the table `aliasdomains` is kept
  std::map<std::string, std::string> tables;  ///< real domain -> table
  Owner owner;                                ///< of the mail
};

}  // namespace vstate
