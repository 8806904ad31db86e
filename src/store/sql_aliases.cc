// Rows of `valias` and `aliasdomains`, and what the database says of a domain besides.

#include <algorithm>

#include <fmt/format.h>

#include "store/sql_store.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"

namespace vstate {

namespace {

std::string order_by(const std::string& order) { return order.empty() ? "" : " ORDER BY " + order; }

}  // namespace

Result<AliasRows> SqlStore::read_alias_rows(const DomainLocation& domain) {
  AliasRows rows;
  const auto table = layout_.valias();
  if (!table || !table->exists) return rows;
  const auto order = table->find("id") != nullptr ? quote("id") : database_->row_order();
  VSTATE_TRY(database_->run(
      fmt::format("SELECT {}, {} FROM {} WHERE {} = ?{}", quote("alias"), quote("valias_line"),
                  quote(table->name), quote("domain"), order_by(order)),
      {domain.name.text()},
      [&](const sql::Values& row) { rows[row[0].value_or("")].push_back(row[1].value_or("")); }));
  if (table->is_transactional) return rows;
  VSTATE_TRY_ASSIGN(const auto pending, pending_rows());
  if (!pending || pending->domain != domain.name.text()) return rows;
  // What the next apply's mend() makes of it, before anything is compared.
  if (auto& now = rows[pending->name]; may_finish(*pending, now)) now = pending->after;
  if (rows[pending->name].empty()) rows.erase(pending->name);
  return rows;
}

Result<std::vector<std::string>> SqlStore::rows_of(const std::string& domain,
                                                   const std::string& name, const sql::Table& table,
                                                   std::string_view suffix) {
  std::vector<std::string> lines;
  const auto order = table.find("id") != nullptr ? quote("id") : database_->row_order();
  VSTATE_TRY(database_->run(
      fmt::format("SELECT {} FROM {} WHERE {} = ? AND {} = ?{}{}", quote("valias_line"),
                  quote(table.name), quote("alias"), quote("domain"), order_by(order), suffix),
      {name, domain}, [&](const sql::Values& row) { lines.push_back(row[0].value_or("")); }));
  return lines;
}

Result<bool> SqlStore::takes_alias_rows(const DomainLocation&, const std::string& name,
                                        const std::vector<std::string>& lines) {
  const auto table = layout_.valias();
  if (!table || lines.empty() || !sql::misfit_of(*table->find("alias"), name).empty()) return false;
  const auto& column = *table->find("valias_line");
  // vdelivermail, run from .qmail-default, has another $DEFAULT than a file of this name.
  if (name.ends_with("-default") && runs_program(lines)) return false;
  for (const auto& line : lines) {
    if (!is_read_alike(line) || !sql::misfit_of(column, line).empty()) return false;
    VSTATE_TRY_ASSIGN(const bool is_kept, database_->keeps(column, line));
    if (!is_kept) return false;
  }
  return true;
}

Status SqlStore::insert_rows(const std::string& domain, const std::string& name,
                             const sql::Table& table, const std::vector<std::string>& lines) {
  std::vector<std::string> columns{quote("alias"), quote("domain"), quote("valias_line")};
  const bool has_type = table.find("valias_type") != nullptr;
  if (has_type) columns.push_back(quote("valias_type"));
  const auto insert = fmt::format("INSERT INTO {} ({}) VALUES ({})", quote(table.name),
                                  join(columns, ", "), sql::placeholders(columns.size()));
  for (const auto& line : lines) {
    sql::Values values{name, domain, line};
    if (has_type) values.emplace_back(line.starts_with('|') ? "0" : "1");
    VSTATE_TRY(write(insert, values));
  }
  return {};
}

Status SqlStore::replace_rows(const std::string& domain, const std::string& name,
                              const sql::Table& table, bool has_rows,
                              const std::vector<std::string>& lines) {
  const auto remove = fmt::format("DELETE FROM {} WHERE {} = ? AND {} = ?", quote(table.name),
                                  quote("alias"), quote("domain"));
  if (has_rows) VSTATE_TRY(write(remove, {name, domain}));
  VSTATE_TRY(insert_rows(domain, name, table, lines));
  VSTATE_TRY_ASSIGN(auto written, rows_of(domain, name, table, ""));
  if (written != lines && !table.is_transactional) {
    // MyISAM fills the holes that deleted rows left, the last one first.
    VSTATE_TRY(write(remove, {name, domain}));
    VSTATE_TRY(write("OPTIMIZE TABLE " + quote(table.name), {}));
    VSTATE_TRY(insert_rows(domain, name, table, lines));
    VSTATE_TRY_ASSIGN(written, rows_of(domain, name, table, ""));
  }
  if (written == lines) return {};
  return fail(Errc::io, "the database gives its rows back in another order; run it again");
}

Status SqlStore::write_alias_rows(const DomainLocation& domain, const std::string& name,
                                  const std::vector<std::string>& before,
                                  const std::vector<std::string>& after) {
  VSTATE_ASSERT(layout_.valias().has_value());
  VSTATE_TRY(make_tables({*layout_.valias()}));
  const auto table = *layout_.valias();
  VSTATE_TRY_ASSIGN(auto transaction, sql::Transaction::begin(*database_, {&table}));
  VSTATE_TRY_ASSIGN(const auto now,
                    rows_of(domain.name.text(), name, table, transaction.for_update()));
  if (now == after) return commit(transaction);
  // Without transactions a stopped run may have left the first rows of those that were meant.
  const bool is_part = !table.is_transactional && now.size() < after.size() &&
                       std::equal(now.begin(), now.end(), after.begin());
  if (now != before && !is_part)
    return fail(Errc::conflict, "its rows were changed by somebody else meanwhile");
  // Rows that are only added need no journal: the first of them are told from the rest.
  const bool is_journaled = !table.is_transactional && !now.empty();
  if (is_journaled)
    VSTATE_TRY(
        begin_rows({domain.directory, domain.name.text(), name, before, after}, owned(domain)));
  VSTATE_TRY(replace_rows(domain.name.text(), name, table, !now.empty(), after));
  VSTATE_TRY(commit(transaction));
  return is_journaled ? end_rows() : Status();
}

Result<std::optional<std::set<std::string>>> SqlStore::read_alias_domains(
    const DomainLocation& domain) {
  const auto table = layout_.alias_domains();
  if (!table) return std::optional<std::set<std::string>>();
  std::set<std::string> names;
  if (table->exists)
    VSTATE_TRY(database_->run(fmt::format("SELECT {} FROM {} WHERE {} = ?", quote("alias"),
                                          quote(table->name), quote("domain")),
                              {domain.name.text()}, [&](const sql::Values& row) {
                                names.insert(to_lower(row[0].value_or("")));
                              }));
  return std::optional(std::move(names));
}

Status SqlStore::write_alias_domain(const DomainLocation& domain, const std::string& alias,
                                    bool is_listed) {
  VSTATE_TRY_ASSIGN(const auto listed, read_alias_domains(domain));
  if (!listed || listed->contains(alias) == is_listed) return {};
  VSTATE_TRY(make_tables({*layout_.alias_domains()}));
  const auto table = *layout_.alias_domains();
  // A row that gives the name to another domain is out of date: users/assign has been asked.
  VSTATE_TRY(write(fmt::format("DELETE FROM {} WHERE {} = ?", quote(table.name), quote("alias")),
                   {alias}));
  if (is_listed)
    VSTATE_TRY(write(fmt::format("INSERT INTO {} ({}, {}) VALUES (?, ?)", quote(table.name),
                                 quote("alias"), quote("domain")),
                     {alias, domain.name.text()}));
  return {};
}

Result<std::vector<std::string>> SqlStore::remarks(const DomainLocation& domain,
                                                   const std::set<DomainName>& aliases) {
  std::vector<std::string> remarks;
  const auto count = [&](const std::string& table, const std::string& condition,
                         const std::string& value) -> Result<std::uint64_t> {
    std::uint64_t found = 0;
    VSTATE_TRY(database_->run(
        fmt::format("SELECT COUNT(*) FROM {} WHERE {}", quote(table), condition), {value},
        [&](const sql::Values& row) { found = to_number(row[0].value_or("")).value_or(0); }));
    return found;
  };
  const auto of_domain = quote("domain") + " = ?";
  if (const auto valias = layout_.valias(); valias && valias->exists) {
    for (const auto& alias : aliases) {
      VSTATE_TRY_ASSIGN(const auto dead, count("valias", of_domain, alias.text()));
      if (dead > 0)
        remarks.push_back(
            fmt::format("valias has {} row{} under the alias domain {}, where "
                        "vdelivermail never looks; not carried",
                        dead, dead == 1 ? "" : "s", alias.text()));
    }
    if (valias->find("copy") != nullptr) {
      VSTATE_TRY_ASSIGN(
          const auto copies,
          count("valias", of_domain + " AND " + quote("copy") + " <> 0", domain.name.text()));
      if (copies > 0)
        remarks.push_back(
            fmt::format("{} row{} of valias {} \"copy\" set, which the file cannot say", copies,
                        copies == 1 ? "" : "s", copies == 1 ? "has" : "have"));
    }
  }
  if (layout_.existing("ip_alias_map") != nullptr) {
    VSTATE_TRY(
        database_->run(fmt::format("SELECT {} FROM {} WHERE {} = ?", quote("ip_addr"),
                                   quote("ip_alias_map"), quote("domain")),
                       {domain.name.text()}, [&](const sql::Values& row) {
                         remarks.push_back(fmt::format(
                             "the table ip_alias_map gives it the address {}, which is not carried",
                             visible(trim_end(row[0].value_or("")))));
                       }));
  }
  VSTATE_TRY_ASSIGN(const auto listed, read_alias_domains(domain));
  for (const auto& name : listed.value_or(std::set<std::string>())) {
    const auto parsed = DomainName::parse(name);
    if (!parsed || !aliases.contains(*parsed))
      remarks.push_back(fmt::format(
          "the table aliasdomains has {}, which users/assign does not give to it", visible(name)));
  }
  return remarks;
}

}  // namespace vstate
