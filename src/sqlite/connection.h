/// \file
/// SQLite with results instead of codes: prepared statements only, each prepared once.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate::sqlite {

class Connection;

/// One prepared statement, ready to bind and step. It can be prepared again once this one is gone.
class Statement {
 public:
  Statement(Connection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t);
  Statement& bind(std::string_view text);
  Statement& bind_bytes(std::string_view bytes);
  Statement& bind_null();
  /// True while there is a row.
  Result<bool> step();
  Status run();
  /// A statement that is run many times with other values.
  void rewind();

  [[nodiscard]] int columns() const { return sqlite3_column_count(statement_); }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string text(int column) const { return std::string(bytes(column)); }
  /// Valid until the next step.
  [[nodiscard]] std::string_view bytes(int column) const;
  /// Any value as SQLite spells it in UTF-8; nothing is NULL.
  [[nodiscard]] std::optional<std::string> spelt(int column) const;

 private:
  Connection& connection_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

/// A file below a directory that is held open as long as SQLite may look for what belongs to it:
/// whatever a link of a copied server says, it gets to no other directory.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] Result<std::unique_ptr<Statement>> prepare(std::string_view sql);
  /// What SQLite says of its last call, and what that means for whoever uses the file.
  [[nodiscard]] virtual tl::unexpected<Error> failure() = 0;
  [[nodiscard]] std::int64_t last_number() const { return sqlite3_last_insert_rowid(handle_); }
  [[nodiscard]] int changes() const { return sqlite3_changes(handle_); }

 protected:
  /// Holds something until another file is opened.
  void keep(std::shared_ptr<const void> kept) { kept_ = std::move(kept); }
  /// Opens a file instead of what was open. SQLITE_OK, or what went wrong.
  int open(Handle directory, std::string_view name, int flags, int wait_ms);
  /// The same for a database in memory; the directory stays open.
  int open_memory();
  /// Reads, instead of a file that was opened for reading and holds what a killed writer did half,
  /// a copy in memory that is as before it. The files stay as they are. `path` is for messages,
  /// and its last part the file's name; `busy` if a writer has it locked for so long.
  Status take_rolled_back(const std::string& path, int wait_ms);
  void close();
  [[nodiscard]] sqlite3* handle() const { return handle_; }
  [[nodiscard]] int directory() const { return directory_.get(); }

 private:
  std::shared_ptr<const void> kept_;
  Handle directory_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

/// What SQLite is told of a file in an open directory.
[[nodiscard]] std::string place_in(int directory, std::string_view name);

}  // namespace vstate::sqlite
