// Limits and last logins where they are rows. vpopmail takes no lock for either and writes all
// columns of a row at once; so the row is read again within the transaction that changes it, and
// what came meanwhile is not overwritten.

#include <fmt/format.h>

#include "format/limits_file.h"
#include "store/tables/parts.h"
#include "vstate/base/text.h"

namespace vstate::sql {

namespace {

std::int64_t to_signed(const Value& value, std::int64_t otherwise) {
  // A column of a site's own table may be NULL, and then says nothing.
  if (!value || value->empty()) return otherwise;
  const bool is_negative = value->front() == '-';
  const auto size = to_number(is_negative ? value->substr(1) : *value);
  if (!size) return otherwise;
  return is_negative ? -static_cast<std::int64_t>(*size) : static_cast<std::int64_t>(*size);
}

class SqlLimits final : public LimitsStore {
 public:
  explicit SqlLimits(Tables& tables) : tables_(tables) {}
  Result<std::optional<Limits>> read(const DomainLocation&) const override;
  Status write(const DomainLocation&, const std::optional<Limits>& before,
               const std::optional<Limits>& after) override;

 private:
  Tables& tables_;
};

class SqlLogins final : public LoginStore {
 public:
  explicit SqlLogins(Tables& tables) : tables_(tables) {}
  Result<std::map<std::string, StoredLogin>> read(const DomainLocation&,
                                                  const std::vector<Account>&) const override;
  Result<std::vector<AccountConflict>> write(const DomainLocation&,
                                             const std::vector<LoginChange>&) override;

 private:
  Tables& tables_;
};

Result<std::optional<Limits>> SqlLimits::read(const DomainLocation& domain) const {
  const auto table = tables_.layout().limits();
  std::optional<Limits> limits;
  if (!table->exists) return limits;
  std::vector<const LimitName*> names;
  std::vector<std::string> columns{tables_.quote("domain")};
  for (const auto& name : limit_names()) {
    // A site's table may be older than some of the limits.
    if (table->find(name.column) == nullptr) continue;
    names.push_back(&name);
    columns.push_back(tables_.quote(name.column));
  }
  VSTATE_TRY(tables_.database().run(
      fmt::format("SELECT {} FROM {} WHERE {} = ?", join(columns, ", "), tables_.quote(table->name),
                  tables_.quote("domain")),
      {domain.name.text()}, [&](const Values& row) {
        limits.emplace();
        for (std::size_t at = 0; at < names.size(); ++at) {
          const auto stored = to_signed(row[at + 1], names[at]->unset);
          const auto value =
              stored == names[at]->unset ? std::nullopt : kept_limit(*names[at], stored);
          // A limit at its default says the same as one that is not set, so that a row and a file
          // compare equal.
          if (value && *value != names[at]->unset) limits->emplace(names[at]->file_key, *value);
        }
      }));
  return limits;
}

Status SqlLimits::write(const DomainLocation& domain, const std::optional<Limits>& before,
                        const std::optional<Limits>& after) {
  VSTATE_TRY(tables_.make({*tables_.layout().limits()}));
  const auto table = *tables_.layout().limits();
  VSTATE_TRY_ASSIGN(auto transaction, Transaction::begin(tables_.database(), {&table}));
  VSTATE_TRY_ASSIGN(const auto now, read(domain));
  // A stopped run may have made the change already.
  if (now == after) return tables_.commit(transaction);
  if (now != before) return fail(Errc::conflict, "was changed by somebody else meanwhile");
  const auto condition = fmt::format(" WHERE {} = ?", tables_.quote("domain"));
  if (!after) {
    VSTATE_TRY(tables_.write("DELETE FROM " + tables_.quote(table.name) + condition,
                             {domain.name.text()}));
    return tables_.commit(transaction);
  }
  // All of vpopmail's columns are written, since a limit that the file leaves out must not stay. A
  // column of a site's own keeps its value.
  std::vector<std::string> columns, assignments;
  Values values;
  for (const auto& name : limit_names()) {
    const auto found = after->find(std::string(name.file_key));
    const auto value = found == after->end() ? name.unset : found->second;
    if (table.find(name.column) == nullptr) {
      // A column that is not there says the default.
      if (value == name.unset) continue;
      return fail(Errc::unsupported,
                  fmt::format("table {} has no column {}", table.name, name.column));
    }
    columns.push_back(tables_.quote(name.column));
    assignments.push_back(tables_.quote(name.column) + " = ?");
    values.emplace_back(std::to_string(value));
  }
  values.emplace_back(domain.name.text());
  columns.push_back(tables_.quote("domain"));
  if (now)
    VSTATE_TRY(tables_.write(fmt::format("UPDATE {} SET {}{}", tables_.quote(table.name),
                                         join(assignments, ", "), condition),
                             values));
  else
    VSTATE_TRY(
        tables_.write(fmt::format("INSERT INTO {} ({}) VALUES ({})", tables_.quote(table.name),
                                  join(columns, ", "), placeholders(columns.size())),
                      values));
  return tables_.commit(transaction);
}

Result<std::map<std::string, StoredLogin>> SqlLogins::read(const DomainLocation& domain,
                                                           const std::vector<Account>&) const {
  std::map<std::string, StoredLogin> logins;
  const auto table = tables_.layout().lastauth();
  if (!table.exists) return logins;
  VSTATE_TRY(tables_.database().run(
      fmt::format("SELECT {}, {}, {} FROM {} WHERE {} = ?", tables_.quote(user_column(table)),
                  tables_.quote("remote_ip"), tables_.quote("timestamp"), tables_.quote(table.name),
                  tables_.quote("domain")),
      {domain.name.text()}, [&](const Values& row) {
        logins.emplace(
            row[0].value_or(""),
            StoredLogin{{std::chrono::sys_seconds(std::chrono::seconds(to_signed(row[2], 0))),
                         row[1].value_or("")},
                        {}});
      }));
  return logins;
}

Result<std::vector<AccountConflict>> SqlLogins::write(const DomainLocation& domain,
                                                      const std::vector<LoginChange>& changes) {
  std::vector<AccountConflict> none;
  if (changes.empty()) return none;
  VSTATE_TRY(tables_.make({tables_.layout().lastauth()}));
  const auto table = tables_.layout().lastauth();
  const auto user = tables_.quote(user_column(table));
  VSTATE_TRY_ASSIGN(auto transaction, Transaction::begin(tables_.database(), {&table}));
  // A login at this very moment writes the same row.
  VSTATE_TRY_ASSIGN(const auto now, read(domain, {}));
  for (const auto& change : changes) {
    const Values values{change.login.from,
                        std::to_string(change.login.at.time_since_epoch().count()), change.name,
                        domain.name.text()};
    const auto found = now.find(change.name);
    // A login that happened meanwhile is the later one.
    if (found != now.end() && found->second.login.at >= change.login.at) continue;
    VSTATE_TRY(tables_.write(
        found != now.end() ? fmt::format("UPDATE {} SET {} = ?, {} = ? WHERE {} = ? AND {} = ?",
                                         tables_.quote(table.name), tables_.quote("remote_ip"),
                                         tables_.quote("timestamp"), user, tables_.quote("domain"))
                           : fmt::format("INSERT INTO {} ({}, {}, {}, {}) VALUES (?, ?, ?, ?)",
                                         tables_.quote(table.name), tables_.quote("remote_ip"),
                                         tables_.quote("timestamp"), user, tables_.quote("domain")),
        values));
  }
  VSTATE_TRY(tables_.commit(transaction));
  return none;
}

}  // namespace

const char* user_column(const Table& logins) {
  // The table that is there decides, and not the database: a site may have made it by hand.
  return logins.find("user") != nullptr ? "user" : "userid";
}

std::unique_ptr<LimitsStore> make_limits(Tables& tables) {
  return std::make_unique<SqlLimits>(tables);
}

std::unique_ptr<LoginStore> make_logins(Tables& tables) {
  return std::make_unique<SqlLogins>(tables);
}

}  // namespace vstate::sql
