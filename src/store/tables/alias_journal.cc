// MyISAM shows each row as it comes and goes. A run that is killed among them leaves an alias with
// a part of its lines, which nobody could tell from an alias that was meant so; therefore the lines
// before and after stand in a file first. The next apply makes the change if the rows are still a
// part of either.

#include "store/tables/alias_journal.h"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate::sql {

namespace {

/// A tag, the length of a text, ":", the text, and a newline, for each: rows may hold any byte.
/// "d" is the domain's directory, "n" its name, "a" the alias, "-" a row before, "+" a row after.
std::string item(char tag, const std::string& text) {
  return fmt::format("{}{}:{}\n", tag, text.size(), text);
}

/// True if the items of `part`, each as often as it is there, are among those of `whole`.
bool is_among(std::vector<std::string> part, std::vector<std::string> whole) {
  std::sort(part.begin(), part.end());
  std::sort(whole.begin(), whole.end());
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

}  // namespace

std::string RowsJournal::path() const {
  return path_join(tables_.server().domains_dir, ".vstate-valias");
}

Status RowsJournal::begin(const Change& change, const Ownership& ownership) {
  std::string text =
      item('d', change.directory) + item('n', change.domain) + item('a', change.name);
  for (const auto& line : change.before) text += item('-', line);
  for (const auto& line : change.after) text += item('+', line);
  // The directory is vpopmail's, not the domain's that is worked on.
  const ActingAs myself(geteuid(), getegid());
  return tables_.system().replace_file(path(), text, ownership, Durability::now);
}

Status RowsJournal::end() {
  const ActingAs myself(geteuid(), getegid());
  return tables_.system().remove_file(path());
}

Result<std::optional<RowsJournal::Change>> RowsJournal::pending() const {
  const ActingAs myself(geteuid(), getegid());
  VSTATE_TRY_ASSIGN(const auto text, tables_.system().read_if_there(path()));
  if (!text) return std::nullopt;
  Change change;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto size = colon == std::string_view::npos ? std::optional<std::uint64_t>()
                                                      : to_number(rest.substr(1, colon - 1));
    if (!size || *size >= rest.size() - colon - 1 || rest[colon + 1 + *size] != '\n')
      return fail(Errc::invalid, path() + ": is not as vstate writes it; remove it", Scope::run);
    std::string value(rest.substr(colon + 1, *size));
    switch (rest.front()) {
      case 'd':
        change.directory = std::move(value);
        break;
      case 'n':
        change.domain = std::move(value);
        break;
      case 'a':
        change.name = std::move(value);
        break;
      default:
        (rest.front() == '-' ? change.before : change.after).push_back(std::move(value));
    }
    rest.remove_prefix(colon + *size + 2);
  }
  return std::optional(std::move(change));
}

bool RowsJournal::may_finish(const Change& change, const std::vector<std::string>& now) {
  return is_among(now, change.before) || is_among(now, change.after);
}

Status RowsJournal::finish() {
  VSTATE_TRY_ASSIGN(const auto change, pending());
  if (!change) return {};
  const auto table = tables_.layout().valias();
  // A domain that was removed meanwhile took its rows along.
  VSTATE_TRY_ASSIGN(const bool is_there, tables_.system().exists(change->directory));
  if (table && table->exists && is_there) {
    VSTATE_TRY_ASSIGN(auto transaction, Transaction::begin(tables_.database(), {&*table}));
    VSTATE_TRY_ASSIGN(const auto now, rows_of(tables_, *table, change->domain, change->name, ""));
    if (now != change->after && may_finish(*change, now))
      VSTATE_TRY(
          replace_rows(tables_, *table, change->domain, change->name, !now.empty(), change->after));
    VSTATE_TRY(tables_.commit(transaction));
  }
  return end();
}

}  // namespace vstate::sql
