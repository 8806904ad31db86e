/// \file
/// One open database, whatever its kind: prepared statements, columns by name, and what the server
/// says of its own tables. The tables of a store (store/tables) know vpopmail; this does not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vstate/base/result.h"

namespace vstate::sql {

/// A value as text; nothing is NULL.
using Value = std::optional<std::string>;
using Values = std::vector<Value>;
/// Told of each row of an answer, in the order of the columns that were asked for.
using RowVisitor = std::function<void(const Values&)>;

enum class Kind { text, integer, other };

struct Column {
  std::string name, type;  ///< as the server spells it: "varchar(64)"
  Kind kind = Kind::text;
  std::size_t width = 0;  ///< characters of a text; 0 is no bound
  bool is_nullable = true;
  bool has_default = false;  ///< also what the server numbers by itself
  bool cuts_blanks = false;  ///< char(N): blanks at the end are lost
  std::string charset;       ///< of a text, where the server has one for each column
  std::int64_t minimum = INT64_MIN;
  std::uint64_t maximum = UINT64_MAX;  ///< of an integer
};

struct Table {
  std::string name;
  bool exists = true;  ///< false: as vpopmail would make it
  bool is_transactional = true;
  std::vector<Column> columns;
  std::string more;  ///< keys, for CREATE TABLE
  [[nodiscard]] const Column* find(std::string_view column) const;
};
using Schema = std::map<std::string, Table>;

enum class Dialect { mysql, pgsql, sqlite };

/// A connection. Text is UTF-8 on it. A statement has "?" for each parameter and is prepared once.
class Database {
 public:
  virtual ~Database() = default;
  /// Holds what the connection goes through.
  void keep(std::shared_ptr<const void> kept) { kept_ = std::move(kept); }
  [[nodiscard]] virtual Dialect dialect() const = 0;
  /// For people: "MariaDB 10.11.6 at /run/mysqld/mysqld.sock".
  [[nodiscard]] virtual std::string description() const = 0;

  /// Returns how many rows a change found. Fails with `busy` when another connection holds a lock
  /// for too long, `denied` for lack of rights or on a read-only server, `conflict` for a key that
  /// is there already, `io` when the connection is lost.
  virtual Result<std::uint64_t> run(const std::string& statement, const Values& parameters,
                                    const RowVisitor& = {}) = 0;
  /// The tables of the database, as the server itself describes them.
  virtual Result<Schema> read_schema() = 0;
  /// True if the value comes back from a column of this character set as it went in.
  virtual Result<bool> keeps(const Column&, const std::string& value) = 0;
  /// True if a table without transactions is not what it seems, since its server was killed.
  virtual Result<bool> is_damaged(const Table&) { return false; }
  /// Why nothing can be written to this server at all; empty if it can be.
  virtual Result<std::string> write_obstacle() = 0;
  /// The order in which rows of `valias` take effect, for ORDER BY; empty for none.
  [[nodiscard]] virtual std::string row_order() const = 0;
  /// The statement that gives a column another type.
  [[nodiscard]] virtual std::string alter(const Table&, const Column&,
                                          const std::string& type) const = 0;

  [[nodiscard]] std::string quote(std::string_view identifier) const;

 private:
  std::shared_ptr<const void> kept_;
};

/// A change of several rows that becomes visible as one, or not at all, where the engine can do
/// that; where it cannot, nobody else reads or writes the tables meanwhile. Without `commit`, the
/// destructor takes everything back that can be taken back.
class Transaction {
 public:
  [[nodiscard]] static Result<Transaction> begin(Database&, const std::vector<const Table*>&);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();
  /// What stands behind a SELECT that reads rows in order to change them.
  [[nodiscard]] std::string for_update() const;

 private:
  Transaction(Database& database, bool locks_tables)
      : database_(&database), locks_tables_(locks_tables) {}
  Database* database_;
  bool locks_tables_;
};

/// Fills in kind, width, bounds, and blanks from a column's type as SQL spells it.
void read_type(Column&);
/// CREATE TABLE for a table that does not exist.
[[nodiscard]] std::string create_statement(const Database&, const Table&);
/// Why a value does not go into a column as it is; empty if it does. Character sets are the
/// server's business (Database::keeps).
[[nodiscard]] std::string misfit_of(const Column&, const std::string& value);
/// "?, ?, ?"
[[nodiscard]] std::string placeholders(std::size_t count);

}  // namespace vstate::sql
