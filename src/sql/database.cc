// What all databases have in common: how names are quoted, how rows are changed as one, and what a
// column holds by its type. The engine of a MySQL table may have no transactions; a lock of the
// tables then keeps everybody else out, but takes nothing back.

#include <algorithm>

#include <fmt/format.h>

#include "sql/database.h"
#include "vstate/base/text.h"

namespace vstate::sql {

namespace {

/// Characters of a UTF-8 text; a byte that belongs to none counts as one.
std::size_t length_of(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count)
    at += std::max<std::size_t>(utf8_length(text, at), 1);
  return count;
}

/// The size of an integer, by the name of its type in lower case.
unsigned bits_of(std::string_view type) {
  const auto is = [&](std::string_view start) { return type.starts_with(start); };
  if (is("tinyint")) return 8;
  if (is("smallint") || is("int2")) return 16;
  if (is("mediumint")) return 24;
  return is("bigint") || is("int8") || type == "integer64" ? 64 : 32;
}

}  // namespace

const Column* Table::find(std::string_view column) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& item) { return item.name == column; });
  return found == columns.end() ? nullptr : &*found;
}

std::string Database::quote(std::string_view identifier) const {
  const std::string mark(1, dialect() == Dialect::mysql ? '`' : '"');
  return mark + replace_all(std::string(identifier), mark, mark + mark) + mark;
}

Result<Transaction> Transaction::begin(Database& database,
                                       const std::vector<const Table*>& tables) {
  // One table without transactions is enough: its changes would stay when the others are taken
  // back.
  const bool locks_tables = std::any_of(
      tables.begin(), tables.end(), [](const Table* table) { return !table->is_transactional; });
  if (!locks_tables) {
    VSTATE_TRY(database.run(
        database.dialect() == Dialect::sqlite ? "BEGIN IMMEDIATE" : "START TRANSACTION", {}));
    return Transaction(database, false);
  }
  std::vector<std::string> locks;
  locks.reserve(tables.size());
  for (const auto* table : tables) locks.push_back(database.quote(table->name) + " WRITE");
  // All at once: MySQL gives the tables up that it had when it is asked for others.
  VSTATE_TRY(database.run("LOCK TABLES " + join(locks, ", "), {}));
  return Transaction(database, true);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), locks_tables_(other.locks_tables_) {}

Transaction::~Transaction() {
  // The failure that led here is the one to tell; a connection that is gone is rolled back by its
  // server.
  if (database_ != nullptr) (void)database_->run(locks_tables_ ? "UNLOCK TABLES" : "ROLLBACK", {});
}

Status Transaction::commit() {
  auto* database = std::exchange(database_, nullptr);
  VSTATE_TRY(database->run(locks_tables_ ? "UNLOCK TABLES" : "COMMIT", {}));
  return {};
}

std::string Transaction::for_update() const {
  // SQLite locks the whole file, and knows no such words.
  return locks_tables_ || database_->dialect() == Dialect::sqlite ? "" : " FOR UPDATE";
}

void read_type(Column& column) {
  const auto type = to_lower(column.type);
  const auto is = [&](std::string_view start) { return type.rfind(start, 0) == 0; };
  if (type.find("int") != std::string::npos || is("serial")) {
    const auto bits = bits_of(type);
    const bool is_unsigned = type.find("unsigned") != std::string::npos;
    column.kind = Kind::integer;
    column.minimum = is_unsigned ? 0 : -(std::int64_t{1} << (bits - 2)) * 2;
    column.maximum = UINT64_MAX >> (64 - bits + (is_unsigned ? 0 : 1));
    return;
  }
  // PostgreSQL spells char as "character", and inside as "bpchar".
  const bool is_char = is("char(") || is("character(") || type == "char" || is("bpchar");
  const bool is_text =
      is_char || is("varchar") || is("character varying") || type.find("text") != std::string::npos;
  column.kind = is_text ? Kind::text : Kind::other;
  column.cuts_blanks = is_char;
  const auto open = type.find('(');
  if (open != std::string::npos)
    column.width = to_number(type.substr(open + 1, type.find(')', open) - open - 1)).value_or(0);
}

std::string create_statement(const Database& database, const Table& table) {
  std::vector<std::string> parts;
  for (const auto& column : table.columns)
    parts.push_back(fmt::format("{} {}", database.quote(column.name), column.type));
  if (!table.more.empty()) parts.push_back(table.more);
  return fmt::format("CREATE TABLE {} ({})", database.quote(table.name), join(parts, ", "));
}

std::string misfit_of(const Column& column, const std::string& value) {
  // vpopmail reads values as C texts, and PostgreSQL takes no NUL at all.
  if (value.find('\0') != std::string::npos) return "holds a NUL";
  if (column.kind == Kind::integer) {
    if (value.starts_with('-')) {
      const auto size = to_number(value.substr(1));
      return size && *size <= static_cast<std::uint64_t>(-(column.minimum + 1)) + 1
                 ? ""
                 : "is below what it holds";
    }
    const auto number = to_number(value);
    return number && *number <= column.maximum
               ? ""
               : fmt::format("is above the {} that it holds", column.maximum);
  }
  if (const auto length = length_of(value); column.width > 0 && length > column.width)
    return fmt::format("has {} characters, it holds {}", length, column.width);
  if (column.cuts_blanks && value.ends_with(' ')) return "ends with a blank, which it cuts off";
  return "";
}

std::string placeholders(std::size_t count) {
  return join(std::vector<std::string>(count, "?"), ", ");
}

}  // namespace vstate::sql
