/// \file
/// Where the accounts of a SQL server stand, for other programs that shall read them there.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "vstate/model/flags.h"
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

  // What a domain's limits close to its accounts.

  /// The columns of the table `limits` that close a service, and which; empty without the table.
  std::map<std::string, Flags> limit_columns;
  std::map<std::string, Flags> domain_denials;  ///< by domain, of limits that are in files
  Flags default_denials = 0;  ///< of vlimits.default, for domains without limits of their own
};

}  // namespace vstate
