/// \file
/// Tables as a vpopmail of this build would make them (vmysql.h, vpgsql.h, vsqlite.h).
#pragma once

#include <string>

#include "sql/database.h"
#include "vstate/model/server.h"

namespace vstate::sql {

class NewTables {
 public:
  NewTables(Dialect dialect, const Server& server)
      : dialect_(dialect),
        version_(server.version),
        stores_clear_passwords_(server.stores_clear_passwords),
        has_default_delivery_(server.tables.default_delivery) {}

  /// One table for all domains, or a domain's own, which needs no column for its name.
  [[nodiscard]] Table users(const std::string& name, bool many_domains) const;
  /// One of the tables that hold all domains: dir_control, lastauth, valias, limits, aliasdomains.
  [[nodiscard]] Table named(const std::string& name) const;

 private:
  [[nodiscard]] Table dir_control() const;
  [[nodiscard]] Table lastauth() const;
  [[nodiscard]] Table valias() const;
  [[nodiscard]] Table limits() const;
  /// A text column of these widths in 5.4 and 5.6.
  [[nodiscard]] std::string text(std::size_t in_54, std::size_t in_56) const;
  [[nodiscard]] std::string domain() const;
  [[nodiscard]] std::string number() const;

  Dialect dialect_;
  VpopmailVersion version_;
  bool stores_clear_passwords_, has_default_delivery_;
};

}  // namespace vstate::sql
