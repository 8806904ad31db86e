// Accounts in the table of all domains or in the domain's own.

#include "store/sql_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate {

namespace {

/// Up to so many changes, rows are locked one by one; beyond, the whole domain at once.
constexpr std::size_t k_few = 100;

constexpr std::string_view k_name = "pw_name";
constexpr std::string_view k_domain = "pw_domain";
constexpr std::string_view k_clear = "pw_clear_passwd";

/// An account's fields by column, without its name.
std::vector<std::pair<std::string_view, std::string>> fields_of(const Account& account,
                                                                bool has_clear) {
  std::vector<std::pair<std::string_view, std::string>> fields{
      {"pw_passwd", account.password.reveal()},
      {"pw_uid", account.is_apop ? "1" : "0"},
      {"pw_gid", std::to_string(account.flags)},
      {"pw_gecos", account.gecos},
      {"pw_dir", account.home},
      {"pw_shell", account.quota}};
  if (has_clear)
    fields.emplace_back(k_clear, account.clear_password ? account.clear_password->reveal() : "");
  return fields;
}

/// vpopmail reads a gid_t, whatever the sign of the column.
std::uint64_t to_flags(const std::string& text) {
  if (text.starts_with('-'))
    return static_cast<std::uint32_t>(-to_number(text.substr(1)).value_or(0));
  return to_number(text).value_or(0);
}

Account to_account(const sql::Values& row) {
  const auto text = [&](std::size_t at) {
    return at < row.size() ? row[at].value_or(std::string()) : std::string();
  };
  Account account;
  account.name = text(0);
  account.password = Secret(text(1));
  // A row that came from a cdb server may still have that back-end's 2.
  account.is_apop = text(2) == "1" || text(2) == "2";
  account.flags = to_flags(text(3));
  account.gecos = text(4);
  account.home = text(5);
  account.quota = text(6);
  if (auto clear = text(7); !clear.empty()) account.clear_password = Secret(std::move(clear));
  return account;
}

}  // namespace

Result<std::unique_ptr<AccountStore>> SqlStore::open(System& system, const Server& server,
                                                     std::unique_ptr<sql::Database> database) {
  VSTATE_TRY_ASSIGN(auto layout, sql::Layout::discover(*database, server));
  return std::unique_ptr<AccountStore>(
      new SqlStore(system, server, std::move(database), std::move(layout)));
}

Result<std::uint64_t> SqlStore::write(const std::string& statement, const sql::Values& parameters) {
  VSTATE_TRY(system().before_step("sql", statement));
  return database_->run(statement, parameters);
}

Status SqlStore::write_schema(const std::string& statement) {
  VSTATE_TRY(write(statement, {}));
  return layout_.refresh(*database_);
}

Status SqlStore::commit(sql::Transaction& transaction) {
  VSTATE_TRY(system().before_step("sql", "COMMIT"));
  return transaction.commit();
}

Status SqlStore::make_tables(const std::vector<sql::Table>& tables) {
  for (const auto& table : tables)
    if (!table.exists && layout_.existing(table.name) == nullptr)
      VSTATE_TRY(write_schema(sql::create_statement(*database_, table)));
  return {};
}

Status SqlStore::mend() {
  for (const auto& table : layout_.tables()) {
    if (table.is_transactional) continue;
    VSTATE_TRY_ASSIGN(const bool is_damaged, database_->is_damaged(table));
    if (!is_damaged) continue;
    VSTATE_TRY(write("REPAIR TABLE " + quote(table.name), {}));
    VSTATE_TRY_ASSIGN(const bool is_still, database_->is_damaged(table));
    if (is_still)
      return fail(Errc::invalid,
                  fmt::format("{}: the table {} is damaged, and REPAIR TABLE does not mend it",
                              database_->description(), table.name),
                  Scope::run);
  }
  return finish_rows();
}

SqlStore::Condition SqlStore::all_of(const sql::Table& table, const DomainName& domain) const {
  if (table.find(k_domain) == nullptr) return {};
  return {fmt::format(" WHERE {} = ?", quote(k_domain)), {domain.text()}};
}

SqlStore::Condition SqlStore::one_of(const sql::Table& table, const DomainName& domain,
                                     const std::string& name) const {
  auto condition = all_of(table, domain);
  condition.text +=
      fmt::format("{} {} = ?", condition.text.empty() ? " WHERE" : " AND", quote(k_name));
  condition.parameters.emplace_back(name);
  return condition;
}

Status SqlStore::select_accounts(const sql::Table& table, const Condition& condition,
                                 std::string_view suffix,
                                 std::map<std::string, Account>& accounts) {
  std::vector<std::string> columns{quote(k_name)};
  for (const auto& [column, value] : fields_of({}, table.find(k_clear) != nullptr))
    columns.push_back(quote(column));
  const auto statement = fmt::format("SELECT {} FROM {}{}{}", join(columns, ", "),
                                     quote(table.name), condition.text, suffix);
  VSTATE_TRY(database_->run(statement, condition.parameters, [&](const sql::Values& row) {
    auto account = to_account(row);
    // MySQL compares without blanks at the end, so that is the name that vpopmail finds.
    if (database_->dialect() == sql::Dialect::mysql)
      account.name.erase(account.name.find_last_not_of(' ') + 1);
    accounts.emplace(account.name, std::move(account));
  }));
  return {};
}

Result<std::map<std::string, Account>> SqlStore::read_index(const DomainLocation& domain) {
  std::map<std::string, Account> accounts;
  const auto table = layout_.users(domain.name);
  if (table.exists) VSTATE_TRY(select_accounts(table, all_of(table, domain.name), "", accounts));
  return accounts;
}

Result<std::vector<Account>> SqlStore::read_accounts(const DomainLocation& domain) {
  VSTATE_TRY_ASSIGN(auto index, read_index(domain));
  std::vector<Account> accounts;
  accounts.reserve(index.size());
  for (auto& [name, account] : index) accounts.push_back(std::move(account));
  return accounts;
}

std::string SqlStore::index_name(const DomainLocation& domain) const {
  return "the table " + layout_.users(domain.name).name;
}

Result<std::map<std::string, Account>> SqlStore::locked_accounts(
    const DomainLocation& domain, const sql::Table& table,
    const std::vector<AccountChange>& changes, const sql::Transaction& transaction) {
  std::map<std::string, Account> accounts;
  if (changes.size() > k_few) {
    VSTATE_TRY(
        select_accounts(table, all_of(table, domain.name), transaction.for_update(), accounts));
    return accounts;
  }
  for (const auto& change : changes)
    VSTATE_TRY(select_accounts(table, one_of(table, domain.name, change.name),
                               transaction.for_update(), accounts));
  return accounts;
}

Status SqlStore::insert_account(const DomainLocation& domain, const sql::Table& table,
                                const Account& account) {
  std::vector<std::string> columns{quote(k_name)};
  sql::Values values{account.name};
  if (table.find(k_domain) != nullptr) {
    columns.push_back(quote(k_domain));
    values.emplace_back(domain.name.text());
  }
  for (auto& [column, value] : fields_of(account, table.find(k_clear) != nullptr)) {
    columns.push_back(quote(column));
    values.emplace_back(std::move(value));
  }
  VSTATE_TRY(write(fmt::format("INSERT INTO {} ({}) VALUES ({})", quote(table.name),
                               join(columns, ", "), sql::placeholders(columns.size())),
                   values));
  return {};
}

Status SqlStore::delete_account(const DomainLocation& domain, const sql::Table& table,
                                const std::string& name) {
  const auto condition = one_of(table, domain.name, name);
  VSTATE_TRY(write(fmt::format("DELETE FROM {}{}", quote(table.name), condition.text),
                   condition.parameters));
  const auto logins = layout_.lastauth();
  if (!logins.exists) return {};
  const auto* user = logins.find("user") != nullptr ? "user" : "userid";
  VSTATE_TRY(write(fmt::format("DELETE FROM {} WHERE {} = ? AND {} = ?", quote(logins.name),
                               quote(user), quote("domain")),
                   {name, domain.name.text()}));
  return {};
}

/// Brings the fields that differ between before and after into the row, and leaves the others as
/// somebody else may have changed them meanwhile.
Result<bool> SqlStore::update_account(const DomainLocation& domain, const sql::Table& table,
                                      const Account& now, const AccountChange& change) {
  const bool has_clear = table.find(k_clear) != nullptr;
  auto before = *change.before;
  // One quota has many spellings; what counts is its meaning.
  if (parse_quota(now.quota) == parse_quota(before.quota)) before.quota = now.quota;
  const auto old_fields = fields_of(before, has_clear);
  const auto new_fields = fields_of(*change.after, has_clear);
  const auto now_fields = fields_of(now, has_clear);
  std::vector<std::string> assignments;
  sql::Values values;
  for (std::size_t at = 0; at < old_fields.size(); ++at) {
    const auto& [column, value] = new_fields[at];
    if (old_fields[at].second == value || now_fields[at].second == value) continue;
    // A clear-text password only follows its hash, which was compared.
    if (now_fields[at].second != old_fields[at].second && column != k_clear) return false;
    assignments.push_back(quote(column) + " = ?");
    values.emplace_back(value);
  }
  if (assignments.empty()) return true;
  const auto condition = one_of(table, domain.name, change.name);
  values.insert(values.end(), condition.parameters.begin(), condition.parameters.end());
  VSTATE_TRY_ASSIGN(const auto found, write(fmt::format("UPDATE {} SET {}{}", quote(table.name),
                                                        join(assignments, ", "), condition.text),
                                            values));
  return found > 0;
}

/// What is in the way of one change; empty if it is made.
Result<std::string> SqlStore::make_change(const DomainLocation& domain, const sql::Table& table,
                                          const AccountChange& change,
                                          const std::map<std::string, Account>& now) {
  const auto found = now.find(change.name);
  if (!change.after) {
    if (found != now.end()) VSTATE_TRY(delete_account(domain, table, change.name));
    return std::string();
  }
  if (!change.before) {
    if (found == now.end()) {
      VSTATE_TRY(insert_account(domain, table, *change.after));
      return std::string();
    }
    return std::string(fields_of(found->second, true) == fields_of(*change.after, true)
                           ? ""
                           : "was created by somebody else meanwhile");
  }
  if (found == now.end()) return std::string("was removed by somebody else meanwhile");
  VSTATE_TRY_ASSIGN(const bool is_made, update_account(domain, table, found->second, change));
  return std::string(is_made ? "" : "was changed by somebody else meanwhile");
}

/// What no database keeps is refused before the first account of a batch is written.
Status SqlStore::check(const std::vector<AccountChange>& changes) const {
  for (const auto& change : changes) {
    if (!change.after) continue;
    auto fields = fields_of(*change.after, true);
    fields.emplace_back(k_name, change.name);
    for (const auto& [column, value] : fields)
      if (value.find('\0') != std::string::npos)
        return fail(Errc::invalid, fmt::format("account {}: {} holds a NUL", change.name, column));
  }
  return {};
}

Result<std::vector<AccountConflict>> SqlStore::commit(const DomainLocation& domain,
                                                      const std::vector<AccountChange>& changes,
                                                      const Placement* placement) {
  VSTATE_TRY(check(changes));
  VSTATE_TRY(make_tables({layout_.users(domain.name), layout_.dir_control()}));
  const auto table = layout_.users(domain.name);
  const auto counters = layout_.dir_control(), logins = layout_.lastauth();
  std::vector<const sql::Table*> tables{&table, &counters};
  if (logins.exists) tables.push_back(&logins);
  if (placement != nullptr) VSTATE_TRY(begin_commit(domain, changes, *placement));
  std::vector<AccountConflict> conflicts;
  VSTATE_TRY_ASSIGN(auto transaction, sql::Transaction::begin(*database_, tables));
  VSTATE_TRY_ASSIGN(const auto now, locked_accounts(domain, table, changes, transaction));
  for (const auto& change : changes) {
    auto conflict = make_change(domain, table, change, now);
    if (!conflict) return tl::unexpected<Error>(conflict.error().in("account " + change.name));
    if (!conflict->empty()) conflicts.push_back({change.name, *std::move(conflict)});
  }
  if (placement != nullptr) VSTATE_TRY(write_counter(domain.name.text(), placement->counter));
  VSTATE_TRY(commit(transaction));
  if (placement != nullptr) {
    VSTATE_TRY(write_free_directories(domain, placement->free_directories));
    VSTATE_TRY(end_commit(domain));
  }
  return conflicts;
}

Status SqlStore::finish(const DomainLocation& domain) {
  VSTATE_TRY_ASSIGN(const auto accounts, read_index(domain));
  VSTATE_TRY_ASSIGN(const auto now, read_placement(domain));
  VSTATE_TRY_ASSIGN(const auto settled, settle_commit(domain, now, [&](const std::string& name) {
                      return accounts.contains(name);
                    }));
  if (settled) {
    VSTATE_TRY(make_tables({layout_.dir_control()}));
    VSTATE_TRY(write_counter(domain.name.text(), settled->counter));
    VSTATE_TRY(write_free_directories(domain, settled->free_directories));
  }
  return end_commit(domain);
}

std::optional<OwnFile> SqlStore::own_file(std::string_view name) const {
  if (name == "vpasswd" || name == "vpasswd.cdb")
    return OwnFile{false, "accounts are in the database; vpopmail does not read it"};
  if (name == ".qmailadmin-limits" && layout_.limits())
    return OwnFile{false, "limits are in the database; vpopmail does not read it"};
  return FileStore::own_file(name);
}

std::optional<OwnFile> SqlStore::own_home_file(std::string_view name) const {
  if (name == "lastauth")
    return OwnFile{false, "last logins are in the database; vpopmail does not read it"};
  return std::nullopt;
}

}  // namespace vstate
