// Two ways to Dovecot: a passwd-file for those who leave vpopmail's tables, and queries for a
// Dovecot beside vpopmail, which read the same tables. The queries must refuse a login wherever
// vchkpw does: by the account's flags, by the domain's limits, and by the one override that cancels
// the limits.

#include <fmt/format.h>

#include "export/export.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::exports {

namespace {

/// An account that may use neither POP3 nor IMAP is in the file for its mail alone; one that may
/// use one of them is named above its line, since the file has no word for that.
std::string login_field(Flags flags) {
  constexpr Flags both = flag::no_pop | flag::no_imap;
  const bool is_closed = (flags & both) == both;
  return is_closed ? "nologin reason=closed" : "";
}

std::string quota_field(const Quota& quota) {
  if (quota.is_unlimited()) return "";
  std::string rule = "userdb_quota_rule=*";
  if (quota.bytes > 0) rule += fmt::format(":bytes={}", quota.bytes);
  if (quota.messages > 0) rule += fmt::format(":messages={}", quota.messages);
  return rule;
}

std::string extra_fields(Flags flags, const Quota& quota) {
  const auto login = login_field(flags), rule = quota_field(quota);
  return login + (login.empty() || rule.empty() ? "" : " ") + rule;
}

struct Words {
  std::string name, domain, protocol, remote;
};

/// The bits of pw_gid that close a login, as SQL: that of the protocol, and that of webmail for
/// logins from vpopmail's one webmail address (vchkpw.c).
std::string closing_bits(const Words& words) {
  return fmt::format(
      "(CASE '{}' WHEN 'imap' THEN 8 WHEN 'pop3' THEN 2 WHEN 'smtp' THEN 2048 ELSE 0 END + "
      "CASE '{}' WHEN '127.0.0.1' THEN 4 ELSE 0 END)",
      words.protocol, words.remote);
}

/// What the limits of a domain close, as SQL; empty if no limits close anything.
std::string domain_mask(const AccountTables& tables, const std::string& domain) {
  // With the table, limits are asked for at each log-in, and a change of them counts at once.
  if (!tables.limit_columns.empty()) {
    std::vector<std::string> bits;
    for (const auto& [column, bit] : tables.limit_columns)
      bits.push_back(fmt::format("CASE WHEN {} <> 0 THEN {} ELSE 0 END", column, bit));
    return fmt::format("COALESCE((SELECT {} FROM limits WHERE limits.domain = {}), {})",
                       join(bits, " + "), domain, tables.default_denials);
  }
  // Limits in files cannot be asked for by SQL, so what they close now is written into the query.
  std::string cases;
  for (const auto& [name, bits] : tables.domain_denials)
    if (bits != tables.default_denials) cases += fmt::format(" WHEN '{}' THEN {}", name, bits);
  if (!cases.empty())
    return fmt::format("(CASE {}{} ELSE {} END)", domain, cases, tables.default_denials);
  return tables.default_denials == 0 ? "" : std::to_string(tables.default_denials);
}

/// vlimits.c:vlimits_setflags: the domain's mask counts unless the account overrides it.
std::string is_open(const AccountTables& tables, const Words& words, const std::string& domain) {
  // A NULL in the flags is no flag, as vpopmail takes it.
  const std::string flags = "COALESCE(pw_gid, 0)", bits = closing_bits(words);
  auto condition = fmt::format("({} & {}) = 0", flags, bits);
  if (const auto mask = domain_mask(tables, domain); !mask.empty())
    condition += fmt::format(" AND (({} & {}) <> 0 OR ({} & {}) = 0)", flags, flag::override_limits,
                             mask, bits);
  return condition;
}

/// One SELECT over the table, or a part for each domain's own: none of their names is made of the
/// domain that is asked for.
std::string query(const AccountTables& tables, const Words& words, const std::string& columns,
                  bool is_login) {
  const auto select = [&](const std::string& table, const std::string& which,
                          const std::string& domain) {
    // Names of tables are made of domains and may need quotes, which differ between the databases.
    const char quote = tables.backend == "mysql" ? '`' : '"';
    return fmt::format(
        "SELECT {} FROM {}{}{} WHERE pw_name = '{}' AND {}{}", columns, quote, table, quote,
        words.name, which,
        is_login ? " AND pw_passwd <> '' AND " + is_open(tables, words, domain) : "");
  };
  if (tables.has_many_domains) {
    auto which = fmt::format("pw_domain = '{}'", words.domain);
    // Only the table tells a database of alias domains; vpopmail itself looks in users/cdb.
    if (tables.has_alias_domains)
      which =
          fmt::format("({} OR pw_domain = (SELECT domain FROM aliasdomains WHERE alias = '{}'))",
                      which, words.domain);
    return select("vpopmail", which, "pw_domain");
  }
  std::vector<std::string> parts;
  // Each domain has a table of its own: every part of the union answers for one domain, whose name
  // is written in.
  for (const auto& [domain, table] : tables.tables)
    parts.push_back(select(table, fmt::format("'{}' = '{}'", words.domain, domain),
                           fmt::format("'{}'", domain)));
  return join(parts, " UNION ALL ");
}

std::string iterate(const AccountTables& tables) {
  if (tables.has_many_domains)
    return "SELECT pw_name AS username, pw_domain AS domain FROM vpopmail";
  std::vector<std::string> parts;
  const char quote = tables.backend == "mysql" ? '`' : '"';
  for (const auto& [domain, table] : tables.tables)
    parts.push_back(fmt::format("SELECT pw_name AS username, '{}' AS domain FROM {}{}{}", domain,
                                quote, table, quote));
  return join(parts, " UNION ALL ");
}

struct Queries {
  std::string password, user, users;
};
Queries queries(const AccountTables& tables, const Words& words) {
  return {
      query(tables, words, "pw_passwd AS password", true),
      query(tables, words,
            fmt::format("pw_dir AS home, {} AS uid, {} AS gid", tables.owner.uid, tables.owner.gid),
            false),
      iterate(tables)};
}

std::string connect_23(const AccountTables& tables) {
  if (tables.backend == "sqlite") return tables.database;
  std::string host = tables.socket.empty() ? tables.host : tables.socket;
  if (host.empty()) host = "localhost";
  auto text = fmt::format("host={} dbname={} user={}", host, tables.database, tables.user);
  if (tables.port != 0) text += fmt::format(" port={}", tables.port);
  if (!tables.password.empty()) text += fmt::format(" password={}", tables.password.reveal());
  return text;
}

std::string connect_24(const AccountTables& tables) {
  if (tables.backend == "sqlite") return fmt::format("sqlite_path = {}\n", tables.database);
  std::string host = tables.socket.empty() ? tables.host : tables.socket;
  if (host.empty()) host = "localhost";
  std::string lines;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) lines += fmt::format("    {} = {}\n", key, value);
  };
  add("user", tables.user);
  add("password", tables.password.reveal());
  add("dbname", tables.database);
  add("port", tables.port == 0 ? "" : std::to_string(tables.port));
  return tables.backend == "mysql"
             ? fmt::format("mysql {} {{\n{}}}\n", host, lines)
             : fmt::format("pgsql {} {{\n  parameters {{\n{}  }}\n}}\n", host, lines);
}

}  // namespace

Files dovecot_users(const Input& input) {
  std::string text;
  // An account answers under each name of its domain, which the file can only say by one line each.
  std::vector<std::string> hosts{input.state.name.text()};
  for (const auto& alias : input.state.aliases) hosts.push_back(alias.text());
  const auto by_domain = denials_by(input.state.limits.value_or(Limits()));
  for (const auto& [name, mailbox] : input.state.mailboxes) {
    const auto home = input.homes.find(name.text());
    const auto& hash = mailbox.password.reveal();
    const auto address = fmt::format("{}@{}", name.text(), hosts.front());
    // A line that Dovecot could not use, or would read as another account, is a comment instead.
    if (hash.empty() || hash.find_first_of(":\n") != std::string::npos ||
        home == input.homes.end()) {
      text += fmt::format("# {}: {}, so nobody can log in\n", address,
                          home == input.homes.end() ? "has no home"
                          : hash.empty()            ? "has no password"
                                                    : "its hash cannot stand in this file");
      continue;
    }
    const bool overrides = (mailbox.flags & flag::override_limits) != 0;
    const auto flags = mailbox.flags | (overrides ? 0 : by_domain);
    if (const auto denials = denials_of(flags); !denials.empty())
      text += fmt::format("# {}: vpopmail refuses {}\n", address, join(denials, ", "));
    for (const auto& host : hosts)
      text += fmt::format("{}@{}:{}:{}:{}::{}::{}\n", name.text(), host,
                          with_scheme(mailbox.password), input.owner.uid, input.owner.gid,
                          home->second, extra_fields(flags, mailbox.quota));
  }
  return {{"users", text}};
}

Files dovecot_sql(const AccountTables& tables, DovecotVersion version) {
  if (version == DovecotVersion::v23) {
    const auto sql = queries(tables, {"%Ln", "%Ld", "%Ls", "%r"});
    return {{"dovecot-sql.conf.ext",
             fmt::format("driver = {}\nconnect = {}\ndefault_pass_scheme = CRYPT\n"
                         "password_query = {}\nuser_query = {}\niterate_query = {}\n",
                         tables.backend, connect_23(tables), sql.password, sql.user, sql.users)},
            {"auth-vpopmail.conf.ext",
             "passdb {\n  driver = sql\n  args = /etc/dovecot/dovecot-sql.conf.ext\n}\n"
             "userdb {\n  driver = sql\n  args = /etc/dovecot/dovecot-sql.conf.ext\n}\n"
             "mail_location = maildir:~/Maildir\n"}};
  }
  const auto sql = queries(tables, {"%{user | username | lower}", "%{user | domain | lower}",
                                    "%{protocol | lower}", "%{remote_ip}"});
  return {
      {"auth-vpopmail.conf.ext",
       fmt::format("sql_driver = {}\n{}passdb sql {{\n  passdb_default_password_scheme = CRYPT\n"
                   "  query = {}\n}}\nuserdb sql {{\n  query = {}\n  iterate_query = {}\n}}\n"
                   "mail_driver = maildir\nmail_path = ~/Maildir\n",
                   tables.backend, connect_24(tables), sql.password, sql.user, sql.users)}};
}

}  // namespace vstate::exports
