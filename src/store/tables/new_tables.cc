// The tables that vpopmail makes on first use, with its own columns, widths and keys, which differ
// between 5.4 and 5.6 and between the databases. A table made here is one that vpopmail's programs
// go on using, so it must be what they would have made.

#include "store/tables/new_tables.h"

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
  // MySQL numbers an AUTO_INCREMENT by itself, which counts as a default: nobody need give a value.
  out.has_default = lower.find("default") != std::string::npos ||
                    lower.find("auto_increment") != std::string::npos;
  return out;
}

Table table_of(const std::string& name, std::vector<std::pair<std::string, std::string>> columns,
               std::string keys) {
  Table table{name, false, true, {}, std::move(keys)};
  table.columns.reserve(columns.size());
  for (auto& item : columns)
    table.columns.push_back(column(std::move(item.first), std::move(item.second)));
  return table;
}

// Only MySQL has the table, so these are types of MySQL.
std::string type_of(const LimitName& limit) {
  switch (limit.kind) {
    case LimitKind::count:
      return "int(10) NOT NULL DEFAULT -1";
    case LimitKind::amount:
      return "bigint unsigned NOT NULL DEFAULT 0";
    case LimitKind::denial:
      return "tinyint(1) NOT NULL DEFAULT 0";
    case LimitKind::permission:
      return limit.column == "perm_maillist" ? "tinyint(4) NOT NULL DEFAULT 0"
                                             : "tinyint(2) NOT NULL DEFAULT 0";
  }
  return {};
}

}  // namespace

std::string NewTables::text(std::size_t in_54, std::size_t in_56) const {
  if (dialect_ == Dialect::sqlite) return "text";
  // 5.4 makes columns of char in MySQL, which cut blanks at the end of a value.
  if (dialect_ == Dialect::mysql && version_ == VpopmailVersion::v54)
    return fmt::format("char({})", in_54);
  return fmt::format("varchar({})", version_ == VpopmailVersion::v54 ? in_54 : in_56);
}

std::string NewTables::domain() const { return text(k_domain_width, k_domain_width) + " NOT NULL"; }

std::string NewTables::number() const { return dialect_ == Dialect::sqlite ? "integer" : "int"; }

Table NewTables::users(const std::string& name, bool many_domains) const {
  std::vector<std::pair<std::string, std::string>> columns{{"pw_name", text(32, 64) + " NOT NULL"}};
  if (many_domains) columns.emplace_back("pw_domain", domain());
  columns.insert(columns.end(), {{"pw_passwd", text(40, 128)},
                                 {"pw_uid", number()},
                                 {"pw_gid", number()},
                                 {"pw_gecos", text(48, 64)},
                                 {"pw_dir", text(160, 160)},
                                 {"pw_shell", text(20, 20)}});
  if (stores_clear_passwords_) columns.emplace_back("pw_clear_passwd", text(16, 128));
  return table_of(name, std::move(columns),
                  many_domains ? "PRIMARY KEY (pw_name, pw_domain)" : "PRIMARY KEY (pw_name)");
}

Table NewTables::dir_control() const {
  std::vector<std::pair<std::string, std::string>> columns{{"domain", domain()}};
  for (const auto* part : {"cur_users", "level_cur", "level_max"})
    columns.emplace_back(part, number());
  for (const auto* part : {"level_start", "level_end", "level_mod", "level_index"})
    for (const auto* level : {"0", "1", "2"})
      columns.emplace_back(std::string(part) + level, number());
  columns.emplace_back("the_dir", text(160, 160));
  return table_of("dir_control", std::move(columns), "PRIMARY KEY (domain)");
}

Table NewTables::lastauth() const {
  const bool is_mysql = dialect_ == Dialect::mysql;
  // `user` is a word of PostgreSQL's own, so vpgsql.h calls the column otherwise.
  const std::string user = dialect_ == Dialect::pgsql ? "userid" : "user";
  const std::string time = is_mysql && version_ != VpopmailVersion::v54 ? "int"
                           : dialect_ == Dialect::sqlite                ? "integer"
                                                                        : "bigint";
  return table_of(
      "lastauth",
      {{user, text(32, 32) + " NOT NULL"},
       {"domain", domain()},
       {"remote_ip", text(18, is_mysql ? 39 : 18) + " NOT NULL"},
       {"timestamp", time + " DEFAULT 0 NOT NULL"}},
      fmt::format("PRIMARY KEY ({}, domain)", is_mysql ? "`user`" : "\"" + user + "\""));
}

Table NewTables::valias() const {
  const bool is_mysql = dialect_ == Dialect::mysql;
  // Only vpopmail 5.6 with MySQL numbers the rows. The other tables give them back as they were
  // stored.
  const bool is_numbered = is_mysql && version_ != VpopmailVersion::v54;
  std::vector<std::pair<std::string, std::string>> columns;
  if (is_numbered) columns.emplace_back("id", "int NOT NULL AUTO_INCREMENT");
  columns.emplace_back("alias", text(32, 32) + " NOT NULL");
  columns.emplace_back("domain", domain());
  columns.emplace_back("valias_line",
                       dialect_ == Dialect::pgsql ? "varchar(160) NOT NULL" : "text NOT NULL");
  // These two columns come with --enable-defaultdelivery.
  if (is_numbered && has_default_delivery_) {
    columns.emplace_back("valias_type", "tinyint(1) NOT NULL DEFAULT 1");
    columns.emplace_back("copy", "tinyint(1) NOT NULL DEFAULT 0");
  }
  // vpgsql.h asks for an index too, but its CREATE INDEX fails each time, so that real tables have
  // none.
  std::string keys;
  if (is_mysql)
    keys = is_numbered ? "PRIMARY KEY (id), INDEX (alias, domain)" : "INDEX (alias, domain)";
  return table_of("valias", std::move(columns), std::move(keys));
}

Table NewTables::limits() const {
  std::vector<std::pair<std::string, std::string>> columns{{"domain", domain()}};
  for (const auto& limit : limit_names())
    columns.emplace_back(std::string(limit.column), type_of(limit));
  return table_of("limits", std::move(columns), "PRIMARY KEY (domain)");
}

Table NewTables::named(const std::string& name) const {
  if (name == "dir_control") return dir_control();
  if (name == "lastauth") return lastauth();
  if (name == "valias") return valias();
  if (name == "limits") return limits();
  VSTATE_ASSERT(name == "aliasdomains");
  return table_of(name, {{"alias", "varchar(100) NOT NULL"}, {"domain", "varchar(100) NOT NULL"}},
                  "PRIMARY KEY (alias)");
}

}  // namespace vstate::sql
