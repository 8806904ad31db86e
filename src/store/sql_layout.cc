#include "store/sql_layout.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/model/limits.h"

namespace vstate::sql {

namespace {

constexpr std::size_t k_domain_width = 96;

Column column(std::string name, std::string type) {
  Column out;
  out.name = std::move(name);
  out.type = std::move(type);
  read_type(out);
  const auto lower = to_lower(out.type);
  out.is_nullable = lower.find("not null") == std::string::npos;
  out.has_default = lower.find("default") != std::string::npos ||
                    lower.find("auto_increment") != std::string::npos;
  return out;
}

}  // namespace

std::string table_of_domain(const DomainName& domain) {
  auto table = domain.text();
  std::replace_if(
      table.begin(), table.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return table;
}

std::string broken_table_rule(Dialect dialect, const std::string& table) {
  constexpr std::size_t longest_mysql = 64, longest_pgsql = 63;
  const auto longest = dialect == Dialect::mysql ? longest_mysql : longest_pgsql;
  if (dialect != Dialect::sqlite && table.size() > longest)
    return fmt::format("has {} characters, the database takes {}", table.size(), longest);
  const auto digits = table.find_first_not_of("0123456789");
  // vpopmail does not quote the name.
  if (digits > 0 && dialect != Dialect::mysql)
    return "begins with a digit, which vpopmail's statements do not survive";
  if (digits > 0 && digits + 1 < table.size() && table[digits] == 'e' &&
      is_digits(table.substr(digits + 1, 1)))
    return "reads as a number, which vpopmail's statements do not survive";
  return "";
}

std::string Layout::text(std::size_t in_54, std::size_t in_56) const {
  if (dialect_ == Dialect::sqlite) return "text";
  if (dialect_ == Dialect::mysql && version_ == VpopmailVersion::v54)
    return fmt::format("char({})", in_54);
  return fmt::format("varchar({})", version_ == VpopmailVersion::v54 ? in_54 : in_56);
}

Table Layout::made_users(const std::string& name) const {
  Table table{name, false, true, {}, {}};
  auto& columns = table.columns;
  const std::string number = dialect_ == Dialect::sqlite ? "integer" : "int";
  columns.push_back(column("pw_name", text(32, 64) + " NOT NULL"));
  if (many_domains_)
    columns.push_back(column("pw_domain", text(k_domain_width, k_domain_width) + " NOT NULL"));
  columns.push_back(column("pw_passwd", text(40, 128)));
  columns.push_back(column("pw_uid", number));
  columns.push_back(column("pw_gid", number));
  columns.push_back(column("pw_gecos", text(48, 64)));
  columns.push_back(column("pw_dir", text(160, 160)));
  columns.push_back(column("pw_shell", text(20, 20)));
  if (stores_clear_passwords_) columns.push_back(column("pw_clear_passwd", text(16, 128)));
  table.more = many_domains_ ? "PRIMARY KEY (pw_name, pw_domain)" : "PRIMARY KEY (pw_name)";
  return table;
}

Table Layout::made(const std::string& name) const {
  Table table{name, false, true, {}, {}};
  auto& columns = table.columns;
  const bool is_mysql = dialect_ == Dialect::mysql, is_54 = version_ == VpopmailVersion::v54;
  const std::string number = dialect_ == Dialect::sqlite ? "integer" : "int";
  const auto add = [&](std::string column_name, std::string type) {
    columns.push_back(column(std::move(column_name), std::move(type)));
  };
  const auto domain = text(k_domain_width, k_domain_width) + " NOT NULL";
  if (name == "dir_control") {
    add("domain", domain);
    for (const auto* part : {"cur_users", "level_cur", "level_max"}) add(part, number);
    for (const auto* part : {"level_start", "level_end", "level_mod", "level_index"})
      for (const auto* level : {"0", "1", "2"}) add(std::string(part) + level, number);
    add("the_dir", text(160, 160));
    table.more = "PRIMARY KEY (domain)";
  } else if (name == "lastauth") {
    const std::string user = dialect_ == Dialect::pgsql ? "userid" : "user";
    add(user, text(32, 32) + " NOT NULL");
    add("domain", domain);
    add("remote_ip", text(18, is_mysql ? 39 : 18) + " NOT NULL");
    add("timestamp", (is_mysql && !is_54            ? "int"
                      : dialect_ == Dialect::sqlite ? "integer"
                                                    : "bigint") +
                         std::string(" DEFAULT 0 NOT NULL"));
    table.more = fmt::format("PRIMARY KEY ({}, domain)", is_mysql ? "`user`" : "\"" + user + "\"");
  } else if (name == "valias") {
    if (is_mysql && !is_54) add("id", "int NOT NULL AUTO_INCREMENT");
    add("alias", text(32, 32) + " NOT NULL");
    add("domain", domain);
    add("valias_line", dialect_ == Dialect::pgsql ? "varchar(160) NOT NULL" : "text NOT NULL");
    if (is_mysql && !is_54 && options_.default_delivery) {
      add("valias_type", "tinyint(1) NOT NULL DEFAULT 1");
      add("copy", "tinyint(1) NOT NULL DEFAULT 0");
    }
    if (is_mysql)
      table.more = is_54 ? "INDEX (alias, domain)" : "PRIMARY KEY (id), INDEX (alias, domain)";
  } else if (name == "limits") {
    add("domain", text(k_domain_width, k_domain_width) + " NOT NULL");
    for (const auto& limit : limit_names()) {
      const std::string limit_name(limit.column);
      switch (limit.kind) {
        case LimitKind::count:
          add(limit_name, "int(10) NOT NULL DEFAULT -1");
          break;
        case LimitKind::amount:
          add(limit_name, "bigint unsigned NOT NULL DEFAULT 0");
          break;
        case LimitKind::denial:
          add(limit_name, "tinyint(1) NOT NULL DEFAULT 0");
          break;
        case LimitKind::permission:
          add(limit_name, limit_name == "perm_maillist" ? "tinyint(4) NOT NULL DEFAULT 0"
                                                        : "tinyint(2) NOT NULL DEFAULT 0");
          break;
      }
    }
    table.more = "PRIMARY KEY (domain)";
  } else if (name == "aliasdomains") {
    add("alias", "varchar(100) NOT NULL");
    add("domain", "varchar(100) NOT NULL");
    table.more = "PRIMARY KEY (alias)";
  } else {
    VSTATE_ASSERT(name == "known table");
  }
  return table;
}

const Table* Layout::existing(const std::string& name) const {
  const auto found = schema_.find(name);
  return found == schema_.end() ? nullptr : &found->second;
}

std::vector<Table> Layout::tables() const {
  constexpr std::array names{"dir_control", "lastauth", "valias", "limits", "aliasdomains"};
  std::vector<Table> found;
  for (const auto& [name, table] : schema_)
    if (table.find("pw_name") != nullptr ||
        std::find(names.begin(), names.end(), name) != names.end())
      found.push_back(table);
  return found;
}

Table Layout::get(const std::string& name) const {
  const auto* table = existing(name);
  return table != nullptr ? *table : made(name);
}

Table Layout::users(const DomainName& domain) const {
  const auto name = many_domains_ ? std::string("vpopmail") : table_of_domain(domain);
  const auto* table = existing(name);
  return table != nullptr ? *table : made_users(name);
}

void Layout::decide() {
  const auto* one = existing("vpopmail");
  const bool has_own_tables = std::any_of(schema_.begin(), schema_.end(), [](const auto& entry) {
    const auto& [name, table] = entry;
    return name != "users" && table.find("pw_name") != nullptr &&
           table.find("pw_domain") == nullptr;
  });
  many_domains_ = options_.many_domains.value_or(one != nullptr || !has_own_tables);
  uses_valias_ = options_.valias.value_or(existing("valias") != nullptr);
  uses_limits_ =
      dialect_ == Dialect::mysql && options_.limits.value_or(existing("limits") != nullptr);
  uses_alias_domains_ = dialect_ == Dialect::mysql &&
                        options_.alias_domains.value_or(existing("aliasdomains") != nullptr);
}

Status Layout::check() const {
  struct Demand {
    const char* table;
    std::vector<const char*> columns;
  };
  static const std::array demands{
      Demand{"vpopmail",
             {"pw_name", "pw_domain", "pw_passwd", "pw_uid", "pw_gid", "pw_gecos", "pw_dir",
              "pw_shell"}},
      Demand{"dir_control", {"domain", "cur_users", "level_cur", "level_max", "the_dir"}},
      Demand{"lastauth", {"domain", "remote_ip", "timestamp"}},
      Demand{"valias", {"alias", "domain", "valias_line"}},
      Demand{"aliasdomains", {"alias", "domain"}}};
  for (const auto& demand : demands) {
    const auto* table = existing(demand.table);
    if (table == nullptr || (!many_domains_ && demand.table == std::string_view("vpopmail")))
      continue;
    for (const auto* name : demand.columns)
      if (table->find(name) == nullptr)
        return fail(
            Errc::invalid,
            fmt::format("table {} has no column {}: it is not vpopmail's", table->name, name),
            Scope::run);
  }
  return {};
}

Status Layout::refresh(Database& database) {
  VSTATE_TRY_ASSIGN(schema_, database.read_schema());
  decide();
  return check();
}

Result<Layout> Layout::discover(Database& database, const Server& server) {
  Layout layout(database.dialect(), server.version, server.stores_clear_passwords, server.tables);
  VSTATE_TRY(layout.refresh(database));
  return layout;
}

}  // namespace vstate::sql
