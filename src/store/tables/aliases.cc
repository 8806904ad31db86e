// Rows of `valias` and `aliasdomains`. vdelivermail takes the rows of an alias as the database
// gives them, and asks for no order; so after each change they are read back the same way, and must
// stand in the order that was meant. Where the engine has no transactions, a journal beside the
// domains holds a change of rows until all of it is there.

#include <algorithm>

#include <fmt/format.h>

#include "store/file_store.h"
#include "store/tables/alias_journal.h"
#include "store/tables/parts.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"

namespace vstate::sql {

namespace {

std::string order_by(const std::string& order) { return order.empty() ? "" : " ORDER BY " + order; }

Status insert_rows(Tables& tables, const Table& table, const std::string& domain,
                   const std::string& name, const std::vector<std::string>& lines) {
  std::vector<std::string> columns{tables.quote("alias"), tables.quote("domain"),
                                   tables.quote("valias_line")};
  const bool has_type = table.find("valias_type") != nullptr;
  if (has_type) columns.push_back(tables.quote("valias_type"));
  const auto insert = fmt::format("INSERT INTO {} ({}) VALUES ({})", tables.quote(table.name),
                                  join(columns, ", "), placeholders(columns.size()));
  for (const auto& line : lines) {
    Values values{name, domain, line};
    // vpopmail 5.6 marks a program with 0 and a forward with 1 in this column.
    if (has_type) values.emplace_back(line.starts_with('|') ? "0" : "1");
    VSTATE_TRY(tables.write(insert, values));
  }
  return {};
}

class SqlAliases final : public AliasStore {
 public:
  explicit SqlAliases(Tables& tables) : tables_(tables), journal_(tables) {}
  Result<AliasRows> read_rows(const DomainLocation&) const override;
  Result<bool> takes_rows(const DomainLocation&, const std::string& name,
                          const std::vector<std::string>& lines) const override;
  Status write_rows(const DomainLocation&, const std::string& name,
                    const std::vector<std::string>& before,
                    const std::vector<std::string>& after) override;
  Result<std::optional<std::set<std::string>>> read_domains(
      const DomainLocation& domain) const override {
    return alias_domains_of(tables_, domain.name);
  }
  Status write_domain(const DomainLocation&, const std::string& alias, bool is_listed) override;

 private:
  Tables& tables_;
  RowsJournal journal_;
};

Result<AliasRows> SqlAliases::read_rows(const DomainLocation& domain) const {
  AliasRows rows;
  const auto table = tables_.layout().valias();
  if (!table || !table->exists) return rows;
  const auto order =
      table->find("id") != nullptr ? tables_.quote("id") : tables_.database().row_order();
  VSTATE_TRY(tables_.database().run(
      fmt::format("SELECT {}, {} FROM {} WHERE {} = ?{}", tables_.quote("alias"),
                  tables_.quote("valias_line"), tables_.quote(table->name), tables_.quote("domain"),
                  order_by(order)),
      {domain.name.text()},
      [&](const Values& row) { rows[row[0].value_or("")].push_back(row[1].value_or("")); }));
  if (table->is_transactional) return rows;
  VSTATE_TRY_ASSIGN(const auto pending, journal_.pending());
  if (!pending || pending->domain != domain.name.text()) return rows;
  // What the next apply's mend() makes of it, before anything is compared.
  if (auto& now = rows[pending->name]; RowsJournal::may_finish(*pending, now)) now = pending->after;
  if (rows[pending->name].empty()) rows.erase(pending->name);
  return rows;
}

Result<bool> SqlAliases::takes_rows(const DomainLocation&, const std::string& name,
                                    const std::vector<std::string>& lines) const {
  const auto table = tables_.layout().valias();
  if (!table || lines.empty() || !misfit_of(*table->find("alias"), name).empty()) return false;
  // A database cuts or refuses what its column does not hold; such an alias stays a file.
  const auto& column = *table->find("valias_line");
  // vdelivermail, run from .qmail-default, has another $DEFAULT than a file of this name.
  if (name.ends_with("-default") && runs_program(lines)) return false;
  for (const auto& line : lines) {
    if (!is_read_alike(line) || !misfit_of(column, line).empty()) return false;
    // What the column's character set lacks would not come back as it went in.
    VSTATE_TRY_ASSIGN(const bool is_kept, tables_.database().keeps(column, line));
    if (!is_kept) return false;
  }
  return true;
}

Status SqlAliases::write_rows(const DomainLocation& domain, const std::string& name,
                              const std::vector<std::string>& before,
                              const std::vector<std::string>& after) {
  VSTATE_ASSERT(tables_.layout().valias().has_value());
  VSTATE_TRY(tables_.make({*tables_.layout().valias()}));
  const auto table = *tables_.layout().valias();
  VSTATE_TRY_ASSIGN(auto transaction, Transaction::begin(tables_.database(), {&table}));
  VSTATE_TRY_ASSIGN(const auto now,
                    rows_of(tables_, table, domain.name.text(), name, transaction.for_update()));
  // A stopped run, or somebody here, made the same change before.
  if (now == after) return tables_.commit(transaction);
  // Without transactions a stopped run may have left the first rows of those that were meant.
  const bool is_part = !table.is_transactional && now.size() < after.size() &&
                       std::equal(now.begin(), now.end(), after.begin());
  if (now != before && !is_part)
    return fail(Errc::conflict, "its rows were changed by somebody else meanwhile");
  // Rows that are only added need no journal: the first of them are told from the rest.
  const bool is_journaled = !table.is_transactional && !now.empty();
  if (is_journaled)
    VSTATE_TRY(
        journal_.begin({domain.directory, domain.name.text(), name, before, after}, owned(domain)));
  VSTATE_TRY(replace_rows(tables_, table, domain.name.text(), name, !now.empty(), after));
  VSTATE_TRY(tables_.commit(transaction));
  return is_journaled ? journal_.end() : Status();
}

Status SqlAliases::write_domain(const DomainLocation& domain, const std::string& alias,
                                bool is_listed) {
  VSTATE_TRY_ASSIGN(const auto listed, read_domains(domain));
  if (!listed || listed->contains(alias) == is_listed) return {};
  VSTATE_TRY(tables_.make({*tables_.layout().alias_domains()}));
  const auto table = *tables_.layout().alias_domains();
  // A row that gives the name to another domain is out of date: users/assign has been asked.
  VSTATE_TRY(tables_.write(
      fmt::format("DELETE FROM {} WHERE {} = ?", tables_.quote(table.name), tables_.quote("alias")),
      {alias}));
  if (is_listed)
    VSTATE_TRY(tables_.write(
        fmt::format("INSERT INTO {} ({}, {}) VALUES (?, ?)", tables_.quote(table.name),
                    tables_.quote("alias"), tables_.quote("domain")),
        {alias, domain.name.text()}));
  return {};
}

}  // namespace

Result<std::vector<std::string>> rows_of(const Tables& tables, const Table& table,
                                         const std::string& domain, const std::string& name,
                                         std::string_view suffix) {
  std::vector<std::string> lines;
  const auto order =
      table.find("id") != nullptr ? tables.quote("id") : tables.database().row_order();
  VSTATE_TRY(tables.database().run(
      fmt::format("SELECT {} FROM {} WHERE {} = ? AND {} = ?{}{}", tables.quote("valias_line"),
                  tables.quote(table.name), tables.quote("alias"), tables.quote("domain"),
                  order_by(order), suffix),
      {name, domain}, [&](const Values& row) { lines.push_back(row[0].value_or("")); }));
  return lines;
}

Status replace_rows(Tables& tables, const Table& table, const std::string& domain,
                    const std::string& name, bool has_rows, const std::vector<std::string>& lines) {
  const auto remove =
      fmt::format("DELETE FROM {} WHERE {} = ? AND {} = ?", tables.quote(table.name),
                  tables.quote("alias"), tables.quote("domain"));
  if (has_rows) VSTATE_TRY(tables.write(remove, {name, domain}));
  VSTATE_TRY(insert_rows(tables, table, domain, name, lines));
  VSTATE_TRY_ASSIGN(auto written, rows_of(tables, table, domain, name, ""));
  if (written != lines && !table.is_transactional) {
    // MyISAM fills the holes that deleted rows left, the last one first.
    VSTATE_TRY(tables.write(remove, {name, domain}));
    VSTATE_TRY(tables.write("OPTIMIZE TABLE " + tables.quote(table.name), {}));
    VSTATE_TRY(insert_rows(tables, table, domain, name, lines));
    VSTATE_TRY_ASSIGN(written, rows_of(tables, table, domain, name, ""));
  }
  if (written == lines) return {};
  return fail(Errc::io, "the database gives its rows back in another order; run it again");
}

Result<std::optional<std::set<std::string>>> alias_domains_of(const Tables& tables,
                                                              const DomainName& domain) {
  const auto table = tables.layout().alias_domains();
  if (!table) return std::nullopt;
  std::set<std::string> names;
  if (table->exists)
    VSTATE_TRY(tables.database().run(
        fmt::format("SELECT {} FROM {} WHERE {} = ?", tables.quote("alias"),
                    tables.quote(table->name), tables.quote("domain")),
        {domain.text()}, [&](const Values& row) { names.insert(to_lower(row[0].value_or(""))); }));
  return std::optional(std::move(names));
}

std::unique_ptr<AliasStore> make_aliases(Tables& tables) {
  return std::make_unique<SqlAliases>(tables);
}

}  // namespace vstate::sql
