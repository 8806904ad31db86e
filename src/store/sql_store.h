/// \file
/// vpopmail's SQL back-ends over any Database: which statements make which change. The layout tells
/// where; a back-end's own file only opens the connection.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/file_store.h"
#include "store/sql.h"
#include "store/sql_layout.h"

namespace vstate {

class SqlStore final : public FileStore {
 public:
  /// Reads the schema; fails if the database is not one of vpopmail's.
  static Result<std::unique_ptr<AccountStore>> open(System&, const Server&,
                                                    std::unique_ptr<sql::Database>);

  // sql_store.cc
  Status mend() override;
  Result<std::vector<Account>> read_accounts(const DomainLocation&) override;
  Result<std::map<std::string, Account>> read_index(const DomainLocation&) override;
  [[nodiscard]] std::string index_name(const DomainLocation&) const override;
  Result<std::vector<std::string>> index_problems(const DomainLocation&) override {
    return std::vector<std::string>();
  }
  Status rebuild_index(const DomainLocation&) override { return {}; }
  Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                              const std::vector<AccountChange>&,
                                              const Placement* placement) override;
  Status finish(const DomainLocation&) override;

  // sql_counters.cc
  Result<Placement> read_placement(const DomainLocation&) override;
  Result<DirControl> read_domains_counter(const Owner&) override;
  Status write_domains_counter(const Owner&, const DirControl&) override;

  // sql_rows.cc
  Result<std::optional<Limits>> read_limits(const DomainLocation&) override;
  Status write_limits(const DomainLocation&, const std::optional<Limits>& before,
                      const std::optional<Limits>& after) override;
  Result<std::map<std::string, StoredLogin>> read_last_logins(const DomainLocation&,
                                                              const std::vector<Account>&) override;
  Result<std::vector<AccountConflict>> write_last_logins(const DomainLocation&,
                                                         const std::vector<LoginChange>&) override;

  // sql_aliases.cc
  Result<AliasRows> read_alias_rows(const DomainLocation&) override;
  Result<bool> takes_alias_rows(const DomainLocation&, const std::string& name,
                                const std::vector<std::string>& lines) override;
  Status write_alias_rows(const DomainLocation&, const std::string& name,
                          const std::vector<std::string>& before,
                          const std::vector<std::string>& after) override;
  Result<std::optional<std::set<std::string>>> read_alias_domains(const DomainLocation&) override;
  Status write_alias_domain(const DomainLocation&, const std::string& alias,
                            bool is_listed) override;
  Result<std::vector<std::string>> remarks(const DomainLocation&,
                                           const std::set<DomainName>& aliases) override;

  // sql_misfits.cc
  Result<std::vector<Misfit>> find_misfits(const DomainLocation&, const State&,
                                           const Paths&) override;
  Result<std::string> write_obstacle() override { return database_->write_obstacle(); }
  Status alter(const DomainLocation&, const std::string& remedy) override;

  [[nodiscard]] std::optional<OwnFile> own_file(std::string_view name) const override;
  [[nodiscard]] std::optional<OwnFile> own_home_file(std::string_view name) const override;

 private:
  SqlStore(System& system, const Server& server, std::unique_ptr<sql::Database> database,
           sql::Layout layout)
      : FileStore(system, server),
        qmail_dir_(server.qmail_dir),
        database_(std::move(database)),
        layout_(std::move(layout)) {}

  /// Every change is a step of the System, so that what may not change a server cannot.
  Result<std::uint64_t> write(const std::string& statement, const sql::Values& parameters);
  Status write_schema(const std::string& statement);
  Status commit(sql::Transaction&);
  /// Makes the tables that are missing, as vpopmail does when a query fails for the lack of one.
  Status make_tables(const std::vector<sql::Table>&);
  [[nodiscard]] std::string quote(std::string_view name) const { return database_->quote(name); }

  // Accounts.
  struct Condition {
    std::string text;  ///< " WHERE ..."
    sql::Values parameters;
  };
  [[nodiscard]] Condition all_of(const sql::Table&, const DomainName&) const;
  [[nodiscard]] Condition one_of(const sql::Table&, const DomainName&,
                                 const std::string& name) const;
  Status select_accounts(const sql::Table&, const Condition&, std::string_view suffix,
                         std::map<std::string, Account>&);
  Result<std::map<std::string, Account>> locked_accounts(const DomainLocation&, const sql::Table&,
                                                         const std::vector<AccountChange>&,
                                                         const sql::Transaction&);
  Status insert_account(const DomainLocation&, const sql::Table&, const Account&);
  Status delete_account(const DomainLocation&, const sql::Table&, const std::string& name);
  /// False if a field that the change names was changed to something else meanwhile.
  Result<bool> update_account(const DomainLocation&, const sql::Table&, const Account& now,
                              const AccountChange&);
  [[nodiscard]] Status check(const std::vector<AccountChange>&) const;
  Result<std::string> make_change(const DomainLocation&, const sql::Table&, const AccountChange&,
                                  const std::map<std::string, Account>& now);

  // Counters.
  Result<std::optional<DirControl>> read_counter(const std::string& key);
  Status write_counter(const std::string& key, const DirControl&);

  // Aliases.
  Result<std::vector<std::string>> rows_of(const std::string& domain, const std::string& name,
                                           const sql::Table&, std::string_view suffix);
  Status insert_rows(const std::string& domain, const std::string& name, const sql::Table&,
                     const std::vector<std::string>& lines);
  Status replace_rows(const std::string& domain, const std::string& name, const sql::Table&,
                      bool has_rows, const std::vector<std::string>& lines);

  // sql_journal.cc: a change of an alias's rows where the engine has no transactions. It stands in
  // a file below the domains' directory from before the first row goes until after the last one is
  // there; from then on it counts as made, and `mend` makes it.
  struct RowsChange {
    std::string directory, domain, name;  ///< the domain's directory and name, the alias
    std::vector<std::string> before, after;
  };
  [[nodiscard]] std::string rows_journal() const;
  Status begin_rows(const RowsChange&, const Ownership&);
  Status end_rows();
  Result<std::optional<RowsChange>> pending_rows();
  /// True if rows are some of those before the change or of those after it: then nobody else
  /// changed them since it was stopped.
  [[nodiscard]] static bool may_finish(const RowsChange&, const std::vector<std::string>& now);
  Status finish_rows();

  std::string qmail_dir_;
  std::unique_ptr<sql::Database> database_;
  sql::Layout layout_;
};

}  // namespace vstate
