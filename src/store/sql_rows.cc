// Limits and last logins.

#include <fmt/format.h>

#include "format/limits_file.h"
#include "store/sql_store.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// vmysql.h and vpgsql.h do not agree on the name.
const char* user_column(const sql::Table& table) {
  return table.find("user") != nullptr ? "user" : "userid";
}

std::int64_t to_signed(const sql::Value& value, std::int64_t otherwise) {
  if (!value || value->empty()) return otherwise;
  const bool is_negative = value->front() == '-';
  const auto size = to_number(is_negative ? value->substr(1) : *value);
  if (!size) return otherwise;
  return is_negative ? -static_cast<std::int64_t>(*size) : static_cast<std::int64_t>(*size);
}

}  // namespace

Result<std::optional<Limits>> SqlStore::read_limits(const DomainLocation& domain) {
  const auto table = layout_.limits();
  if (!table) return FileStore::read_limits(domain);
  std::optional<Limits> limits;
  if (!table->exists) return limits;
  std::vector<const LimitName*> names;
  std::vector<std::string> columns{quote("domain")};
  for (const auto& name : limit_names()) {
    if (table->find(name.column) == nullptr) continue;
    names.push_back(&name);
    columns.push_back(quote(name.column));
  }
  VSTATE_TRY(database_->run(fmt::format("SELECT {} FROM {} WHERE {} = ?", join(columns, ", "),
                                        quote(table->name), quote("domain")),
                            {domain.name.text()}, [&](const sql::Values& row) {
                              limits.emplace();
                              for (std::size_t at = 0; at < names.size(); ++at) {
                                const auto stored = to_signed(row[at + 1], names[at]->unset);
                                const auto value = stored == names[at]->unset
                                                       ? std::nullopt
                                                       : kept_limit(*names[at], stored);
                                if (value && *value != names[at]->unset)
                                  limits->emplace(names[at]->file_key, *value);
                              }
                            }));
  return limits;
}

Status SqlStore::write_limits(const DomainLocation& domain, const std::optional<Limits>& before,
                              const std::optional<Limits>& after) {
  if (!layout_.limits()) return FileStore::write_limits(domain, before, after);
  VSTATE_TRY(make_tables({*layout_.limits()}));
  const auto table = *layout_.limits();
  VSTATE_TRY_ASSIGN(auto transaction, sql::Transaction::begin(*database_, {&table}));
  VSTATE_TRY_ASSIGN(const auto now, read_limits(domain));
  if (now == after) return commit(transaction);
  if (now != before) return fail(Errc::conflict, "was changed by somebody else meanwhile");
  const auto condition = fmt::format(" WHERE {} = ?", quote("domain"));
  if (!after) {
    VSTATE_TRY(write("DELETE FROM " + quote(table.name) + condition, {domain.name.text()}));
    return commit(transaction);
  }
  std::vector<std::string> columns, assignments;
  sql::Values values;
  for (const auto& name : limit_names()) {
    const auto found = after->find(std::string(name.file_key));
    const auto value = found == after->end() ? name.unset : found->second;
    if (table.find(name.column) == nullptr) {
      if (value == name.unset) continue;
      return fail(Errc::unsupported,
                  fmt::format("table {} has no column {}", table.name, name.column));
    }
    columns.push_back(quote(name.column));
    assignments.push_back(quote(name.column) + " = ?");
    values.emplace_back(std::to_string(value));
  }
  values.emplace_back(domain.name.text());
  columns.push_back(quote("domain"));
  if (now)
    VSTATE_TRY(write(
        fmt::format("UPDATE {} SET {}{}", quote(table.name), join(assignments, ", "), condition),
        values));
  else
    VSTATE_TRY(write(fmt::format("INSERT INTO {} ({}) VALUES ({})", quote(table.name),
                                 join(columns, ", "), sql::placeholders(columns.size())),
                     values));
  return commit(transaction);
}

Result<std::map<std::string, StoredLogin>> SqlStore::read_last_logins(const DomainLocation& domain,
                                                                      const std::vector<Account>&) {
  std::map<std::string, StoredLogin> logins;
  const auto table = layout_.lastauth();
  if (!table.exists) return logins;
  VSTATE_TRY(database_->run(
      fmt::format("SELECT {}, {}, {} FROM {} WHERE {} = ?", quote(user_column(table)),
                  quote("remote_ip"), quote("timestamp"), quote(table.name), quote("domain")),
      {domain.name.text()}, [&](const sql::Values& row) {
        logins.emplace(row[0].value_or(""),
                       StoredLogin{{to_signed(row[2], 0), row[1].value_or("")}, {}});
      }));
  return logins;
}

Result<std::vector<AccountConflict>> SqlStore::write_last_logins(
    const DomainLocation& domain, const std::vector<LoginChange>& changes) {
  std::vector<AccountConflict> none;
  if (changes.empty()) return none;
  VSTATE_TRY(make_tables({layout_.lastauth()}));
  const auto table = layout_.lastauth();
  const auto user = quote(user_column(table));
  VSTATE_TRY_ASSIGN(auto transaction, sql::Transaction::begin(*database_, {&table}));
  VSTATE_TRY_ASSIGN(const auto now, read_last_logins(domain, {}));
  for (const auto& change : changes) {
    const sql::Values values{change.login.from, std::to_string(change.login.at), change.name,
                             domain.name.text()};
    const auto found = now.find(change.name);
    // A login that happened meanwhile is the later one.
    if (found != now.end() && found->second.login.at >= change.login.at) continue;
    VSTATE_TRY(write(
        found != now.end()
            ? fmt::format("UPDATE {} SET {} = ?, {} = ? WHERE {} = ? AND {} = ?", quote(table.name),
                          quote("remote_ip"), quote("timestamp"), user, quote("domain"))
            : fmt::format("INSERT INTO {} ({}, {}, {}, {}) VALUES (?, ?, ?, ?)", quote(table.name),
                          quote("remote_ip"), quote("timestamp"), user, quote("domain")),
        values));
  }
  VSTATE_TRY(commit(transaction));
  return none;
}

}  // namespace vstate
