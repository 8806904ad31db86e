/// \file
/// Which tables a vpopmail of this build uses in this database, as they are, or as it would make
/// them.
#pragma once

#include <optional>
#include <string>

#include "sql/database.h"
#include "store/tables/new_tables.h"
#include "vstate/model/names.h"
#include "vstate/model/server.h"

namespace vstate::sql {

class Layout {
 public:
  /// Fails with `invalid` if a table that accounts are kept in lacks one of vpopmail's columns.
  static Result<Layout> discover(Database&, const Server&);

  /// True for one table `vpopmail` for all domains, false for a table each.
  [[nodiscard]] bool has_many_domains() const { return many_domains_; }
  [[nodiscard]] Table users(const DomainName&) const;
  [[nodiscard]] Table dir_control() const { return get("dir_control"); }
  [[nodiscard]] Table lastauth() const { return get("lastauth"); }
  [[nodiscard]] std::optional<Table> valias() const { return used(uses_valias_, "valias"); }
  [[nodiscard]] std::optional<Table> limits() const { return used(uses_limits_, "limits"); }
  [[nodiscard]] std::optional<Table> alias_domains() const {
    return used(uses_alias_domains_, "aliasdomains");
  }
  /// All tables that are there and vpopmail's.
  [[nodiscard]] std::vector<Table> tables() const;
  /// A table that is only looked at; nothing if it is not there.
  [[nodiscard]] const Table* existing(const std::string& name) const;
  /// The schema, read again after it was changed.
  Status refresh(Database&);

 private:
  Layout(Dialect dialect, const Server& server)
      : dialect_(dialect), options_(server.tables), new_tables_(dialect, server) {}
  void decide();
  [[nodiscard]] std::optional<Table> used(bool is_used, const char* name) const {
    return is_used ? std::optional(get(name)) : std::nullopt;
  }
  [[nodiscard]] Table get(const std::string& name) const;

  Dialect dialect_;
  TableOptions options_;
  NewTables new_tables_;
  Schema schema_;
  bool many_domains_ = true, uses_valias_ = false, uses_limits_ = false,
       uses_alias_domains_ = false;
};

/// The name of a domain's own table: "." and "-" become "_" (vmysql.c:vauth_munch_domain). Several
/// domains may have the same, so it is never turned back.
[[nodiscard]] std::string table_of_domain(const DomainName&);
/// Why vpopmail cannot work with a domain's own table, in a database of this kind; empty if it can.
[[nodiscard]] std::string broken_table_rule(Dialect, const std::string& table);

}  // namespace vstate::sql
