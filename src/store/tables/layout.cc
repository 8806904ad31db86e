// Which of vpopmail's tables this server uses is decided when vpopmail is compiled, and stands
// nowhere in the database. What was told of the build counts first; where it says nothing, the
// tables that are there do. A table that is there is taken with the columns that it has, as sites
// add and change them.

#include "store/tables/layout.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::sql {

std::string table_of_domain(const DomainName& domain) {
  auto table = domain.text();
  std::replace_if(
      table.begin(), table.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return table;
}

std::string broken_table_rule(Dialect dialect, const std::string& table) {
  // MySQL refuses a longer name, and PostgreSQL cuts it, so that two domains could get one table.
  constexpr std::size_t longest_mysql = 64, longest_pgsql = 63;
  const auto longest = dialect == Dialect::mysql ? longest_mysql : longest_pgsql;
  if (dialect != Dialect::sqlite && table.size() > longest)
    return fmt::format("has {} characters, the database takes {}", table.size(), longest);
  const auto digits = table.find_first_not_of("0123456789");
  // vpopmail does not quote the name.
  if (digits > 0 && dialect != Dialect::mysql)
    return "begins with a digit, which vpopmail's statements do not survive";
  // 1e5_com begins with a number and its exponent, which MySQL reads as one.
  if (digits > 0 && digits + 1 < table.size() && table[digits] == 'e' &&
      is_digits(table.substr(digits + 1, 1)))
    return "reads as a number, which vpopmail's statements do not survive";
  return "";
}

const Table* Layout::existing(const std::string& name) const {
  const auto found = schema_.find(name);
  return found == schema_.end() ? nullptr : &found->second;
}

std::vector<Table> Layout::tables() const {
  constexpr std::array names{"dir_control", "lastauth", "valias", "limits", "aliasdomains"};
  std::vector<Table> found;
  for (const auto& [name, table] : schema_)
    // A domain's own table is known by its columns, as its name may be any.
    if (table.find("pw_name") != nullptr ||
        std::find(names.begin(), names.end(), name) != names.end())
      found.push_back(table);
  return found;
}

Table Layout::get(const std::string& name) const {
  const auto* table = existing(name);
  return table != nullptr ? *table : new_tables_.named(name);
}

Table Layout::users(const DomainName& domain) const {
  const auto name = many_domains_ ? std::string("vpopmail") : table_of_domain(domain);
  const auto* table = existing(name);
  return table != nullptr ? *table : new_tables_.users(name, many_domains_);
}

void Layout::decide() {
  // `users` holds accounts without a domain and says nothing about the layout. A database without
  // any table is one for all domains, as vpopmail is built by default.
  const auto* one = existing("vpopmail");
  const bool has_own_tables = std::any_of(schema_.begin(), schema_.end(), [](const auto& entry) {
    const auto& [name, table] = entry;
    return name != "users" && table.find("pw_name") != nullptr &&
           table.find("pw_domain") == nullptr;
  });
  many_domains_ = options_.many_domains.value_or(one != nullptr || !has_own_tables);
  uses_valias_ = options_.valias.value_or(existing("valias") != nullptr);
  // vpopmail keeps limits and alias domains in tables with MySQL only.
  uses_limits_ =
      dialect_ == Dialect::mysql && options_.limits.value_or(existing("limits") != nullptr);
  uses_alias_domains_ = dialect_ == Dialect::mysql &&
                        options_.alias_domains.value_or(existing("aliasdomains") != nullptr);
}

namespace {

/// Fails for a table of vpopmail's name that lacks one of its columns.
Status check_columns(const Schema& schema, bool has_many_domains) {
  struct Demand {
    const char* table;
    std::vector<const char*> columns;
  };
  // Only what all versions have is demanded; statements ask for the other columns before they name
  // one.
  static const std::array demands{
      Demand{"vpopmail",
             {"pw_name", "pw_domain", "pw_passwd", "pw_uid", "pw_gid", "pw_gecos", "pw_dir",
              "pw_shell"}},
      Demand{"dir_control", {"domain", "cur_users", "level_cur", "level_max", "the_dir"}},
      Demand{"lastauth", {"domain", "remote_ip", "timestamp"}},
      Demand{"valias", {"alias", "domain", "valias_line"}},
      Demand{"aliasdomains", {"alias", "domain"}}};
  for (const auto& demand : demands) {
    const auto found = schema.find(demand.table);
    if (found == schema.end() ||
        (!has_many_domains && demand.table == std::string_view("vpopmail")))
      continue;
    const auto& table = found->second;
    for (const auto* name : demand.columns)
      if (table.find(name) == nullptr)
        return fail(
            Errc::invalid,
            fmt::format("table {} has no column {}: it is not vpopmail's", table.name, name),
            Scope::run);
  }
  return {};
}

}  // namespace

Status Layout::refresh(Database& database) {
  VSTATE_TRY_ASSIGN(schema_, database.read_schema());
  decide();
  return check_columns(schema_, many_domains_);
}

Result<Layout> Layout::discover(Database& database, const Server& server) {
  Layout layout(database.dialect(), server);
  VSTATE_TRY(layout.refresh(database));
  return layout;
}

}  // namespace vstate::sql
