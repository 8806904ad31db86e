// What the real tables cannot hold of a State, by column, with the statement that would mend it.

#include <algorithm>

#include <fmt/format.h>

#include "format/assign.h"
#include "store/sql_store.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// Gathers, for each column, whose values do not fit and how wide it would have to be.
class MisfitFinder {
 public:
  explicit MisfitFinder(sql::Database& database) : database_(database) {}

  /// `usual` is the width that 5.6 gives the column.
  Status check(const sql::Table& table, const char* name, const std::string& subject,
               const std::string& value, std::size_t usual = 0) {
    const auto* column = table.find(name);
    if (column == nullptr) return {};
    auto what = sql::misfit_of(*column, value);
    bool needs_charset = false;
    if (what.empty() && column->kind == sql::Kind::text) {
      VSTATE_TRY_ASSIGN(const bool is_kept, database_.keeps(*column, value));
      needs_charset = !is_kept;
      if (needs_charset)
        what = column->charset.empty()
                   ? "has bytes that the database does not take"
                   : fmt::format("has characters that {} does not have", column->charset);
    }
    if (what.empty()) return {};
    auto& entry = entries_[{table.name, name}];
    entry.table = table;
    entry.subjects.push_back(subject);
    if (entry.what.empty()) entry.what = std::move(what);
    entry.width = std::max({entry.width, column->width, usual, value.size()});
    entry.needs_charset = entry.needs_charset || needs_charset;
    entry.has_nul = entry.has_nul || value.find('\0') != std::string::npos || !is_utf8(value);
    return {};
  }

  /// A column that an INSERT would have to fill, and that is not vpopmail's.
  void check_foreign(const sql::Table& table, const std::vector<std::string>& known) {
    for (const auto& column : table.columns) {
      if (column.is_nullable || column.has_default ||
          std::find(known.begin(), known.end(), column.name) != known.end())
        continue;
      const auto* value = column.kind == sql::Kind::integer ? "0" : "''";
      misfits_.push_back(
          {{"table " + table.name},
           fmt::format("its column {} wants a value, and has no default", column.name),
           database_.dialect() == sql::Dialect::sqlite
               ? ""
               : fmt::format("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}",
                             database_.quote(table.name), database_.quote(column.name), value)});
    }
  }

  void add(Misfit misfit) { misfits_.push_back(std::move(misfit)); }

  std::vector<Misfit> result() {
    for (auto& [key, entry] : entries_) {
      const auto& column = *entry.table.find(key.second);
      misfits_.push_back(
          {entry.subjects,
           fmt::format("{} for column {} of table {}", entry.what, column.name, key.first),
           entry.has_nul ? "" : remedy(entry, column)});
    }
    return std::move(misfits_);
  }

 private:
  struct Entry {
    sql::Table table;
    std::vector<std::string> subjects;
    std::string what;
    std::size_t width = 0;
    bool needs_charset = false, has_nul = false;
  };

  [[nodiscard]] std::string remedy(const Entry& entry, const sql::Column& column) const {
    if (column.kind == sql::Kind::integer)
      return database_.alter(entry.table, column, column.maximum <= INT32_MAX ? "int" : "bigint");
    if (database_.dialect() == sql::Dialect::pgsql && entry.needs_charset) return "";
    auto type = fmt::format("varchar({})", entry.width);
    if (entry.needs_charset) type += " CHARACTER SET utf8mb4";
    return database_.alter(entry.table, column, type);
  }

  sql::Database& database_;
  std::map<std::pair<std::string, std::string>, Entry> entries_;
  std::vector<Misfit> misfits_;
};

constexpr std::size_t k_name_width = 64, k_hash_width = 128, k_gecos_width = 64, k_home_width = 160,
                      k_address_width = 39;

}  // namespace

Result<std::vector<Misfit>> SqlStore::find_misfits(const DomainLocation& domain, const State& state,
                                                   const Paths& paths) {
  MisfitFinder finder(*database_);
  const auto users = layout_.users(domain.name);
  const auto logins = layout_.lastauth();
  const char* user = logins.find("user") != nullptr ? "user" : "userid";
  VSTATE_TRY(finder.check(users, "pw_domain", "domain " + domain.name.text(), domain.name.text()));
  for (const auto& [name, mailbox] : state.mailboxes) {
    const auto subject = "mailbox " + name.text();
    const auto account = to_account(name.text(), mailbox, home_of(domain, name.text(), paths));
    VSTATE_TRY(finder.check(users, "pw_name", subject, account.name, k_name_width));
    VSTATE_TRY(finder.check(users, "pw_passwd", subject, account.password.reveal(), k_hash_width));
    VSTATE_TRY(finder.check(users, "pw_gid", subject, std::to_string(account.flags)));
    VSTATE_TRY(finder.check(users, "pw_gecos", subject, account.gecos, k_gecos_width));
    VSTATE_TRY(finder.check(users, "pw_dir", subject, account.home, k_home_width));
    VSTATE_TRY(finder.check(users, "pw_shell", subject, account.quota));
    if (account.clear_password)
      VSTATE_TRY(finder.check(users, "pw_clear_passwd", subject, account.clear_password->reveal(),
                              k_hash_width));
    if (!mailbox.last_login) continue;
    VSTATE_TRY(finder.check(logins, user, subject, account.name, k_name_width));
    VSTATE_TRY(
        finder.check(logins, "remote_ip", subject, mailbox.last_login->from, k_address_width));
    VSTATE_TRY(finder.check(logins, "timestamp", subject, std::to_string(mailbox.last_login->at)));
  }
  if (const auto limits = layout_.limits(); limits && state.limits)
    for (const auto& name : limit_names())
      if (const auto found = state.limits->find(std::string(name.file_key));
          found != state.limits->end())
        VSTATE_TRY(finder.check(*limits, std::string(name.column).c_str(), "limits",
                                std::to_string(found->second)));
  if (users.exists && !state.mailboxes.empty())
    finder.check_foreign(users, {"pw_name", "pw_domain", "pw_passwd", "pw_uid", "pw_gid",
                                 "pw_gecos", "pw_dir", "pw_shell", "pw_clear_passwd"});
  if (layout_.has_many_domains()) return finder.result();
  if (const auto broken = sql::broken_table_rule(database_->dialect(), users.name); !broken.empty())
    finder.add({{"domain " + domain.name.text()},
                fmt::format("the name of its table, {}, {}", users.name, broken),
                ""});
  VSTATE_TRY_ASSIGN(const auto bytes,
                    system().read_if_there(path_join(qmail_dir_, "users/assign")));
  const auto assign = AssignFile::parse(bytes.value_or(".\n"));
  for (const auto& [name, entry] : assign.domains()) {
    const auto other = DomainName::parse(entry.user);
    if (name != to_lower(entry.user) || !other || *other == domain.name) continue;
    if (sql::table_of_domain(*other) == users.name)
      finder.add({{"domain " + domain.name.text()},
                  fmt::format("its table {} is that of {} already", users.name, name),
                  ""});
  }
  return finder.result();
}

Status SqlStore::alter(const DomainLocation& domain, const std::string& remedy) {
  std::vector<sql::Table> tables{layout_.users(domain.name), layout_.lastauth()};
  if (const auto limits = layout_.limits()) tables.push_back(*limits);
  VSTATE_TRY(make_tables(tables));
  return write_schema(remedy);
}

}  // namespace vstate
