// Accounts in the table of all domains or in the domain's own. vpopmail takes no locks and writes
// all fields of an account at once, whoever was last; so a change reads its row under the
// transaction's lock, and names only the columns that it changes. Columns of a site's own are never
// touched.

#include <algorithm>

#include <fmt/format.h>

#include "store/file_store.h"
#include "store/tables/parts.h"
#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate::sql {

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
    // vpopmail writes an empty text and no NULL.
    fields.emplace_back(k_clear, account.clear_password ? account.clear_password->reveal() : "");
  return fields;
}

/// vpopmail reads a gid_t, whatever the sign of the column.
std::uint64_t to_flags(const std::string& text) {
  if (text.starts_with('-'))
    return static_cast<std::uint32_t>(-to_number(text.substr(1)).value_or(0));
  return to_number(text).value_or(0);
}

Account to_account(const Values& row) {
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

/// What no database keeps is refused before the first account of a batch is written.
Status check(const std::vector<AccountChange>& changes) {
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

class SqlAccounts final : public Accounts {
 public:
  explicit SqlAccounts(Tables& tables) : tables_(tables) {}
  Result<std::vector<Account>> read(const DomainLocation&) const override;
  Result<std::vector<BadRecord>> bad_records(const DomainLocation&) const override {
    return std::vector<BadRecord>();
  }
  Result<std::map<std::string, Account>> read_index(const DomainLocation&) const override;
  [[nodiscard]] std::string index_name(const DomainLocation&) const override;
  Result<std::vector<std::string>> index_problems(const DomainLocation&) const override {
    return std::vector<std::string>();
  }
  Status rebuild_index(const DomainLocation&) override { return {}; }
  Result<Placement> read_placement(const DomainLocation&) const override;
  Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                              const std::vector<AccountChange>&,
                                              const PlacementChange* placement) override;
  Result<bool> is_unfinished(const DomainLocation& domain) const override {
    return PendingCommit::is_there(tables_.system(), domain);
  }
  Status finish(const DomainLocation&) override;

 private:
  struct Condition {
    std::string text;  ///< " WHERE ..."
    Values parameters;
  };
  [[nodiscard]] Condition all_of(const Table&, const DomainName&) const;
  [[nodiscard]] Condition one_of(const Table&, const DomainName&, const std::string& name) const;
  Status select_accounts(const Table&, const Condition&, std::string_view suffix,
                         std::map<std::string, Account>&) const;
  Result<std::map<std::string, Account>> locked_accounts(const DomainLocation&, const Table&,
                                                         const std::vector<AccountChange>&,
                                                         const Transaction&) const;
  Status insert_account(const DomainLocation&, const Table&, const Account&);
  Status delete_account(const DomainLocation&, const Table&, const std::string& name);
  /// False if a field that the change names was changed to something else meanwhile.
  Result<bool> update_account(const DomainLocation&, const Table&, const Account& now,
                              const AccountChange&);
  Result<std::string> make_change(const DomainLocation&, const Table&, const AccountChange&,
                                  const std::map<std::string, Account>& now);

  Tables& tables_;
};

Result<Placement> SqlAccounts::read_placement(const DomainLocation& domain) const {
  Placement placement;
  VSTATE_TRY_ASSIGN(const auto counter, read_counter(tables_, domain.name.text()));
  placement.counter = counter.value_or(DirControl{});
  VSTATE_TRY_ASSIGN(placement.free_directories, read_free_directories(tables_.system(), domain));
  return placement;
}

SqlAccounts::Condition SqlAccounts::all_of(const Table& table, const DomainName& domain) const {
  // A domain's own table holds nobody else.
  if (table.find(k_domain) == nullptr) return {};
  return {fmt::format(" WHERE {} = ?", tables_.quote(k_domain)), {domain.text()}};
}

SqlAccounts::Condition SqlAccounts::one_of(const Table& table, const DomainName& domain,
                                           const std::string& name) const {
  auto condition = all_of(table, domain);
  condition.text +=
      fmt::format("{} {} = ?", condition.text.empty() ? " WHERE" : " AND", tables_.quote(k_name));
  condition.parameters.emplace_back(name);
  return condition;
}

Status SqlAccounts::select_accounts(const Table& table, const Condition& condition,
                                    std::string_view suffix,
                                    std::map<std::string, Account>& accounts) const {
  std::vector<std::string> columns{tables_.quote(k_name)};
  for (const auto& [column, value] : fields_of({}, table.find(k_clear) != nullptr))
    columns.push_back(tables_.quote(column));
  // Columns are named, as sites add some and order them as they like.
  const auto statement = fmt::format("SELECT {} FROM {}{}{}", join(columns, ", "),
                                     tables_.quote(table.name), condition.text, suffix);
  VSTATE_TRY(tables_.database().run(statement, condition.parameters, [&](const Values& row) {
    auto account = to_account(row);
    // MySQL compares without blanks at the end, so that is the name that vpopmail finds.
    if (tables_.database().dialect() == Dialect::mysql)
      account.name.erase(account.name.find_last_not_of(' ') + 1);
    accounts.emplace(account.name, std::move(account));
  }));
  return {};
}

Result<std::map<std::string, Account>> SqlAccounts::read_index(const DomainLocation& domain) const {
  std::map<std::string, Account> accounts;
  const auto table = tables_.layout().users(domain.name);
  if (table.exists) VSTATE_TRY(select_accounts(table, all_of(table, domain.name), "", accounts));
  return accounts;
}

Result<std::vector<Account>> SqlAccounts::read(const DomainLocation& domain) const {
  VSTATE_TRY_ASSIGN(auto index, read_index(domain));
  std::vector<Account> accounts;
  accounts.reserve(index.size());
  for (auto& [name, account] : index) accounts.push_back(std::move(account));
  return accounts;
}

std::string SqlAccounts::index_name(const DomainLocation& domain) const {
  return "the table " + tables_.layout().users(domain.name).name;
}

Result<std::map<std::string, Account>> SqlAccounts::locked_accounts(
    const DomainLocation& domain, const Table& table, const std::vector<AccountChange>& changes,
    const Transaction& transaction) const {
  std::map<std::string, Account> accounts;
  // A lock of the whole domain holds logins up that write to it, so that a few changes take only
  // their own rows.
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

Status SqlAccounts::insert_account(const DomainLocation& domain, const Table& table,
                                   const Account& account) {
  std::vector<std::string> columns{tables_.quote(k_name)};
  Values values{account.name};
  if (table.find(k_domain) != nullptr) {
    columns.push_back(tables_.quote(k_domain));
    values.emplace_back(domain.name.text());
  }
  for (auto& [column, value] : fields_of(account, table.find(k_clear) != nullptr)) {
    columns.push_back(tables_.quote(column));
    values.emplace_back(std::move(value));
  }
  VSTATE_TRY(tables_.write(fmt::format("INSERT INTO {} ({}) VALUES ({})", tables_.quote(table.name),
                                       join(columns, ", "), placeholders(columns.size())),
                           values));
  return {};
}

Status SqlAccounts::delete_account(const DomainLocation& domain, const Table& table,
                                   const std::string& name) {
  const auto condition = one_of(table, domain.name, name);
  VSTATE_TRY(
      tables_.write(fmt::format("DELETE FROM {}{}", tables_.quote(table.name), condition.text),
                    condition.parameters));
  // A row that stayed would be the last login of a new account of that name.
  const auto logins = tables_.layout().lastauth();
  if (!logins.exists) return {};
  const auto* user = logins.find("user") != nullptr ? "user" : "userid";
  VSTATE_TRY(tables_.write(
      fmt::format("DELETE FROM {} WHERE {} = ? AND {} = ?", tables_.quote(logins.name),
                  tables_.quote(user), tables_.quote("domain")),
      {name, domain.name.text()}));
  return {};
}

/// Brings the fields that differ between before and after into the row, and leaves the others as
/// somebody else may have changed them meanwhile.
Result<bool> SqlAccounts::update_account(const DomainLocation& domain, const Table& table,
                                         const Account& now, const AccountChange& change) {
  const bool has_clear = table.find(k_clear) != nullptr;
  auto before = *change.before;
  // One quota has many spellings; what counts is its meaning.
  if (parse_quota(now.quota) == parse_quota(before.quota)) before.quota = now.quota;
  const auto old_fields = fields_of(before, has_clear);
  const auto new_fields = fields_of(*change.after, has_clear);
  const auto now_fields = fields_of(now, has_clear);
  std::vector<std::string> assignments;
  Values values;
  for (std::size_t at = 0; at < old_fields.size(); ++at) {
    const auto& [column, value] = new_fields[at];
    if (old_fields[at].second == value || now_fields[at].second == value) continue;
    // A clear-text password only follows its hash, which was compared.
    if (now_fields[at].second != old_fields[at].second && column != k_clear) return false;
    assignments.push_back(tables_.quote(column) + " = ?");
    values.emplace_back(value);
  }
  if (assignments.empty()) return true;
  const auto condition = one_of(table, domain.name, change.name);
  values.insert(values.end(), condition.parameters.begin(), condition.parameters.end());
  VSTATE_TRY_ASSIGN(const auto found,
                    tables_.write(fmt::format("UPDATE {} SET {}{}", tables_.quote(table.name),
                                              join(assignments, ", "), condition.text),
                                  values));
  return found > 0;
}

/// What is in the way of one change; empty if it is made.
Result<std::string> SqlAccounts::make_change(const DomainLocation& domain, const Table& table,
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

Result<std::vector<AccountConflict>> SqlAccounts::commit(const DomainLocation& domain,
                                                         const std::vector<AccountChange>& changes,
                                                         const PlacementChange* placement) {
  VSTATE_TRY(check(changes));
  // Tables are made before the transaction: MySQL ends one silently at each CREATE TABLE.
  VSTATE_TRY(tables_.make({tables_.layout().users(domain.name), tables_.layout().dir_control()}));
  const auto table = tables_.layout().users(domain.name);
  const auto counters = tables_.layout().dir_control(), logins = tables_.layout().lastauth();
  // Without transactions all tables are locked together, and those that are not named could not be
  // asked meanwhile.
  std::vector<const Table*> tables{&table, &counters};
  if (logins.exists) tables.push_back(&logins);
  // The free directories are a file, which no transaction covers, so the note of them comes before
  // it and goes after they are written.
  PendingCommit pending(tables_.system(), domain);
  std::optional<HeldPlacement> held;
  if (placement != nullptr) {
    const auto moved = [&](const Placement& now) {
      return std::optional(rebased(*placement, now, changes));
    };
    VSTATE_TRY_ASSIGN(held, HeldPlacement::take(tables_.system(), domain, *this, moved));
    VSTATE_TRY(pending.begin(changes, held->value()));
  }
  std::vector<AccountConflict> conflicts;
  VSTATE_TRY_ASSIGN(auto transaction, Transaction::begin(tables_.database(), tables));
  VSTATE_TRY_ASSIGN(const auto now, locked_accounts(domain, table, changes, transaction));
  for (const auto& change : changes) {
    auto conflict = make_change(domain, table, change, now);
    if (!conflict) return tl::unexpected<Error>(conflict.error().in("account " + change.name));
    if (!conflict->empty()) conflicts.push_back({change.name, *std::move(conflict)});
  }
  if (held) VSTATE_TRY(write_counter(tables_, domain.name.text(), held->value().counter));
  VSTATE_TRY(tables_.commit(transaction));
  if (held) {
    VSTATE_TRY(write_free_directories(tables_.system(), domain, held->value().free_directories));
    VSTATE_TRY(pending.end());
  }
  return conflicts;
}

Status SqlAccounts::finish(const DomainLocation& domain) {
  PendingCommit pending(tables_.system(), domain);
  // The accounts that the database has say which additions and removals of the stopped commit came
  // to pass.
  VSTATE_TRY_ASSIGN(const auto accounts, read_index(domain));
  VSTATE_TRY_ASSIGN(const auto settled, pending.settle(*this, [&](const std::string& name) {
    return accounts.contains(name);
  }));
  if (settled) {
    VSTATE_TRY(tables_.make({tables_.layout().dir_control()}));
    VSTATE_TRY(write_counter(tables_, domain.name.text(), settled->value().counter));
    VSTATE_TRY(write_free_directories(tables_.system(), domain, settled->value().free_directories));
  }
  return pending.end();
}

}  // namespace

std::unique_ptr<Accounts> make_accounts(Tables& tables) {
  return std::make_unique<SqlAccounts>(tables);
}

}  // namespace vstate::sql
