// What plans and inspections must know of a database: what its real tables cannot hold of a State,
// by column, with the statement that would mend it.

#include <algorithm>

#include <fmt/format.h>

#include "format/assign.h"
#include "store/file_store.h"
#include "store/tables/alias_journal.h"
#include "store/tables/parts.h"
#include "vstate/base/text.h"

namespace vstate::sql {

namespace {

/// Gathers, for each column, whose values do not fit and how wide it would have to be.
class MisfitFinder {
 public:
  explicit MisfitFinder(Database& database) : database_(database) {}

  /// `usual` is the width that 5.6 gives the column.
  Status check(const Table& table, const char* name, const std::string& subject,
               const std::string& value, std::size_t usual = 0) {
    const auto* column = table.find(name);
    if (column == nullptr) return {};
    // A plan has to say it: the database itself would refuse the value only in the midst of an
    // apply. vpopmail's own connection lets MySQL cut it and say nothing.
    auto what = misfit_of(*column, value);
    bool needs_charset = false;
    if (what.empty() && column->kind == Kind::text) {
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
    // There is one misfit for each column: made wide enough for the longest value, it holds them
    // all.
    if (entry.what.empty()) entry.what = std::move(what);
    entry.width = std::max({entry.width, column->width, usual, value.size()});
    entry.needs_charset = entry.needs_charset || needs_charset;
    // A wider column would not take such a value either, so no statement is offered for it.
    entry.has_nul = entry.has_nul || value.find('\0') != std::string::npos || !is_utf8(value);
    return {};
  }

  /// A column that an INSERT would have to fill, and that is not vpopmail's.
  void check_foreign(const Table& table, const std::vector<std::string>& known) {
    for (const auto& column : table.columns) {
      if (column.is_nullable || column.has_default ||
          std::find(known.begin(), known.end(), column.name) != known.end())
        continue;
      const auto* value = column.kind == Kind::integer ? "0" : "''";
      misfits_.push_back(
          {{"table " + table.name},
           fmt::format("its column {} wants a value, and has no default", column.name),
           database_.dialect() == Dialect::sqlite
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
    Table table;
    std::vector<std::string> subjects;
    std::string what;
    std::size_t width = 0;
    bool needs_charset = false, has_nul = false;
  };

  [[nodiscard]] std::string remedy(const Entry& entry, const Column& column) const {
    if (column.kind == Kind::integer)
      return database_.alter(entry.table, column, column.maximum <= INT32_MAX ? "int" : "bigint");
    // PostgreSQL has one character set for the whole database, which is chosen when it is made.
    if (database_.dialect() == Dialect::pgsql && entry.needs_charset) return "";
    auto type = fmt::format("varchar({})", entry.width);
    if (entry.needs_charset) type += " CHARACTER SET utf8mb4";
    return database_.alter(entry.table, column, type);
  }

  Database& database_;
  std::map<std::pair<std::string, std::string>, Entry> entries_;
  std::vector<Misfit> misfits_;
};

// The widths that 5.6 has: a column that is changed at all is made as wide as these.
constexpr std::size_t k_name_width = 64, k_hash_width = 128, k_gecos_width = 64, k_home_width = 160,
                      k_address_width = 39;

class SqlBackend final : public Backend {
 public:
  explicit SqlBackend(Tables& tables) : tables_(tables) {}
  Status mend() override;
  Result<std::vector<Misfit>> find_misfits(const DomainLocation&, const State&,
                                           const Paths&) const override;
  Result<std::string> write_obstacle() const override {
    return tables_.database().write_obstacle();
  }
  Status alter(const DomainLocation&, const std::string& remedy) override;
  Result<std::vector<std::string>> remarks(const DomainLocation&,
                                           const std::set<DomainName>& aliases) const override;
  [[nodiscard]] std::optional<OwnFile> own_file(std::string_view name) const override;
  [[nodiscard]] std::optional<OwnFile> own_home_file(std::string_view name) const override;

 private:
  [[nodiscard]] Result<std::uint64_t> count(const std::string& table, const std::string& condition,
                                            const std::string& value) const;
  /// What valias has that the file cannot say.
  [[nodiscard]] Status remark_rows(const Table& valias, const DomainName&,
                                   const std::set<DomainName>& aliases,
                                   std::vector<std::string>& remarks) const;

  Tables& tables_;
};

Result<std::vector<Misfit>> SqlBackend::find_misfits(const DomainLocation& domain,
                                                     const State& state, const Paths& paths) const {
  MisfitFinder finder(tables_.database());
  const auto users = tables_.layout().users(domain.name);
  const auto logins = tables_.layout().lastauth();
  const char* user = user_column(logins);
  VSTATE_TRY(finder.check(users, "pw_domain", "domain " + domain.name.text(), domain.name.text()));
  for (const auto& [name, mailbox] : state.mailboxes) {
    const auto subject = "mailbox " + name.text();
    const auto account =
        to_account(name.text(), mailbox,
                   home_of(domain, name.text(), paths, tables_.server().hashes_directories));
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
    VSTATE_TRY(finder.check(logins, "timestamp", subject,
                            std::to_string(mailbox.last_login->at.time_since_epoch().count())));
  }
  if (const auto limits = tables_.layout().limits(); limits && state.limits)
    for (const auto& name : limit_names())
      if (const auto found = state.limits->find(std::string(name.file_key));
          found != state.limits->end())
        VSTATE_TRY(finder.check(*limits, std::string(name.column).c_str(), "limits",
                                std::to_string(found->second)));
  if (users.exists && !state.mailboxes.empty())
    finder.check_foreign(users, {"pw_name", "pw_domain", "pw_passwd", "pw_uid", "pw_gid",
                                 "pw_gecos", "pw_dir", "pw_shell", "pw_clear_passwd"});
  // What follows is about tables that are named for their domains.
  if (tables_.layout().has_many_domains()) return finder.result();
  if (const auto broken = broken_table_rule(tables_.database().dialect(), users.name);
      !broken.empty())
    finder.add({{"domain " + domain.name.text()},
                fmt::format("the name of its table, {}, {}", users.name, broken),
                ""});
  VSTATE_TRY_ASSIGN(const auto bytes, tables_.system().read_if_there(
                                          path_join(tables_.server().qmail_dir, "users/assign")));
  const auto assign = AssignFile::parse(bytes.value_or(".\n"));
  for (const auto& [name, entry] : assign.domains()) {
    const auto other = DomainName::parse(entry.user);
    // An alias domain has no table of its own.
    if (name != to_lower(entry.user) || !other || *other == domain.name) continue;
    // a-b.com and a.b.com have one name: the accounts of both would be in one table.
    if (table_of_domain(*other) == users.name)
      finder.add({{"domain " + domain.name.text()},
                  fmt::format("its table {} is that of {} already", users.name, name),
                  ""});
  }
  return finder.result();
}

Status SqlBackend::alter(const DomainLocation& domain, const std::string& remedy) {
  std::vector<Table> tables{tables_.layout().users(domain.name), tables_.layout().lastauth()};
  if (const auto limits = tables_.layout().limits()) tables.push_back(*limits);
  // The remedy may name a table that vpopmail has not made yet.
  VSTATE_TRY(tables_.make(tables));
  return tables_.write_schema(remedy);
}

// A MyISAM table that its server was killed over may lose rows to the next INSERT, so it is
// repaired before an apply reads anything from it.
Status SqlBackend::mend() {
  for (const auto& table : tables_.layout().tables()) {
    if (table.is_transactional) continue;
    VSTATE_TRY_ASSIGN(const bool is_damaged, tables_.database().is_damaged(table));
    if (!is_damaged) continue;
    VSTATE_TRY(tables_.write("REPAIR TABLE " + tables_.quote(table.name), {}));
    VSTATE_TRY_ASSIGN(const bool is_still, tables_.database().is_damaged(table));
    if (is_still)
      return fail(Errc::invalid,
                  fmt::format("{}: the table {} is damaged, and REPAIR TABLE does not mend it",
                              tables_.database().description(), table.name),
                  Scope::run);
  }
  // Only now the rows are what they seem, and can be compared with the journal's.
  return RowsJournal(tables_).finish();
}

Result<std::uint64_t> SqlBackend::count(const std::string& table, const std::string& condition,
                                        const std::string& value) const {
  std::uint64_t found = 0;
  VSTATE_TRY(tables_.database().run(
      fmt::format("SELECT COUNT(*) FROM {} WHERE {}", tables_.quote(table), condition), {value},
      [&](const Values& row) { found = to_number(row[0].value_or("")).value_or(0); }));
  return found;
}

Status SqlBackend::remark_rows(const Table& valias, const DomainName& domain,
                               const std::set<DomainName>& aliases,
                               std::vector<std::string>& remarks) const {
  const auto of_domain = tables_.quote("domain") + " = ?";
  for (const auto& alias : aliases) {
    VSTATE_TRY_ASSIGN(const auto dead, count("valias", of_domain, alias.text()));
    if (dead > 0)
      remarks.push_back(
          fmt::format("valias has {} row{} under the alias domain {}, where "
                      "vdelivermail never looks; not carried",
                      dead, dead == 1 ? "" : "s", alias.text()));
  }
  if (valias.find("copy") == nullptr) return {};
  VSTATE_TRY_ASSIGN(
      const auto copies,
      count("valias", of_domain + " AND " + tables_.quote("copy") + " <> 0", domain.text()));
  if (copies > 0)
    remarks.push_back(fmt::format("{} row{} of valias {} \"copy\" set, which the file cannot say",
                                  copies, copies == 1 ? "" : "s", copies == 1 ? "has" : "have"));
  return {};
}

Result<std::vector<std::string>> SqlBackend::remarks(const DomainLocation& domain,
                                                     const std::set<DomainName>& aliases) const {
  std::vector<std::string> remarks;
  if (const auto valias = tables_.layout().valias(); valias && valias->exists)
    VSTATE_TRY(remark_rows(*valias, domain.name, aliases, remarks));
  if (tables_.layout().existing("ip_alias_map") != nullptr) {
    VSTATE_TRY(tables_.database().run(
        fmt::format("SELECT {} FROM {} WHERE {} = ?", tables_.quote("ip_addr"),
                    tables_.quote("ip_alias_map"), tables_.quote("domain")),
        {domain.name.text()}, [&](const Values& row) {
          remarks.push_back(
              fmt::format("the table ip_alias_map gives it the address {}, which is not carried",
                          visible(trim_end(row[0].value_or("")))));
        }));
  }
  // vpopmail only mirrors alias domains into this table; users/assign decides what they are.
  VSTATE_TRY_ASSIGN(const auto listed, alias_domains_of(tables_, domain.name));
  for (const auto& name : listed.value_or(std::set<std::string>())) {
    const auto parsed = DomainName::parse(name);
    if (!parsed || !aliases.contains(*parsed))
      remarks.push_back(fmt::format(
          "the table aliasdomains has {}, which users/assign does not give to it", visible(name)));
  }
  return remarks;
}

std::optional<OwnFile> SqlBackend::own_file(std::string_view name) const {
  if (name == "vpasswd" || name == "vpasswd.cdb")
    return OwnFile{false, "accounts are in the database; vpopmail does not read it"};
  // The file is of use where this vpopmail keeps no limits in the database.
  if (name == ".qmailadmin-limits" && tables_.layout().limits())
    return OwnFile{false, "limits are in the database; vpopmail does not read it"};
  return own_file_of_any(name);
}

std::optional<OwnFile> SqlBackend::own_home_file(std::string_view name) const {
  if (name == "lastauth")
    return OwnFile{false, "last logins are in the database; vpopmail does not read it"};
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Backend> make_backend(Tables& tables) {
  return std::make_unique<SqlBackend>(tables);
}

}  // namespace vstate::sql
