/// \file
/// vpopmail's SQL back-ends over any Database, in parts: which statements make which change. The
/// layout says where; a back-end's own file only opens the connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/database.h"
#include "store/account_store.h"
#include "store/tables/layout.h"

namespace vstate::sql {

/// vpopmail's tables in one database, which all parts of a store share.
class Tables {
 public:
  Tables(System& system, const Server& server, std::unique_ptr<Database> database, Layout layout)
      : system_(system),
        server_(server),
        database_(std::move(database)),
        layout_(std::move(layout)) {}

  [[nodiscard]] System& system() const { return system_; }
  [[nodiscard]] const Server& server() const { return server_; }
  [[nodiscard]] Database& database() const { return *database_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] std::string quote(std::string_view name) const { return database_->quote(name); }
  /// Every change is a step of the System, so that what may not change a server cannot.
  Result<std::uint64_t> write(const std::string& statement, const Values& parameters);
  Status write_schema(const std::string& statement);
  Status commit(Transaction&);
  /// Makes the tables that are missing, as vpopmail does when a query fails for the lack of one.
  Status make(const std::vector<Table>&);

 private:
  System& system_;
  Server server_;
  std::unique_ptr<Database> database_;
  Layout layout_;
};

/// A row of dir_control: of a domain by its name, of an owner's domains by "dom_UID".
Result<std::optional<DirControl>> read_counter(const Tables&, const std::string& key);
Status write_counter(Tables&, const std::string& key, const DirControl&);

/// Accounts in the table of all domains or in the domain's own.
[[nodiscard]] std::unique_ptr<Accounts> make_accounts(Tables&);
[[nodiscard]] std::unique_ptr<DomainsCounter> make_counter(Tables&);
[[nodiscard]] std::unique_ptr<LimitsStore> make_limits(Tables&);
[[nodiscard]] std::unique_ptr<LoginStore> make_logins(Tables&);
[[nodiscard]] std::unique_ptr<AliasStore> make_aliases(Tables&);
[[nodiscard]] std::unique_ptr<Backend> make_backend(Tables&);

/// The rows of `aliasdomains` for a domain; nullopt where vpopmail keeps no such table.
Result<std::optional<std::set<std::string>>> alias_domains_of(const Tables&, const DomainName&);

/// vmysql.h and vpgsql.h do not agree on the name.
[[nodiscard]] const char* user_column(const Table& logins);

/// The rows of one alias in `valias`, in the order in which they take effect.
Result<std::vector<std::string>> rows_of(const Tables&, const Table& valias,
                                         const std::string& domain, const std::string& alias,
                                         std::string_view suffix);
Status replace_rows(Tables&, const Table& valias, const std::string& domain,
                    const std::string& alias, bool has_rows, const std::vector<std::string>& lines);

}  // namespace vstate::sql
