// The journal of a change of an alias's rows in a table without transactions.

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "store/sql_store.h"
#include "vstate/base/text.h"

namespace vstate {

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

std::string SqlStore::rows_journal() const { return path_join(domains_dir(), ".vstate-valias"); }

Status SqlStore::begin_rows(const RowsChange& change, const Ownership& ownership) {
  std::string text =
      item('d', change.directory) + item('n', change.domain) + item('a', change.name);
  for (const auto& line : change.before) text += item('-', line);
  for (const auto& line : change.after) text += item('+', line);
  // The directory is vpopmail's, not the domain's that is worked on.
  const ActingAs myself(geteuid(), getegid());
  return system().replace_file(rows_journal(), text, ownership, Durability::now);
}

Status SqlStore::end_rows() {
  const ActingAs myself(geteuid(), getegid());
  return system().remove_file(rows_journal());
}

Result<std::optional<SqlStore::RowsChange>> SqlStore::pending_rows() {
  const ActingAs myself(geteuid(), getegid());
  VSTATE_TRY_ASSIGN(const auto text, system().read_if_there(rows_journal()));
  if (!text) return std::optional<RowsChange>();
  RowsChange change;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto size = colon == std::string_view::npos ? std::optional<std::uint64_t>()
                                                      : to_number(rest.substr(1, colon - 1));
    if (!size || *size >= rest.size() - colon - 1 || rest[colon + 1 + *size] != '\n')
      return fail(Errc::invalid, rows_journal() + ": is not as vstate writes it; remove it",
                  Scope::run);
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

bool SqlStore::may_finish(const RowsChange& change, const std::vector<std::string>& now) {
  return is_among(now, change.before) || is_among(now, change.after);
}

Status SqlStore::finish_rows() {
  VSTATE_TRY_ASSIGN(const auto change, pending_rows());
  if (!change) return {};
  const auto table = layout_.valias();
  // A domain that was removed meanwhile took its rows along.
  VSTATE_TRY_ASSIGN(const bool is_there, system().exists(change->directory));
  if (table && table->exists && is_there) {
    VSTATE_TRY_ASSIGN(auto transaction, sql::Transaction::begin(*database_, {&*table}));
    VSTATE_TRY_ASSIGN(const auto now, rows_of(change->domain, change->name, *table, ""));
    if (now != change->after && may_finish(*change, now))
      VSTATE_TRY(replace_rows(change->domain, change->name, *table, !now.empty(), change->after));
    VSTATE_TRY(commit(transaction));
  }
  return end_rows();
}

}  // namespace vstate
