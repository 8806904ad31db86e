/// \file
/// SQLite with results instead of codes: prepared statements only.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sys/handle.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

class Database;

/// One prepared statement, ready to bind and step.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  /// It can be used again afterwards.
  ~Statement() { sqlite3_reset(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t);
  Statement& bind(std::string_view text);
  Statement& bind_bytes(std::string_view bytes);
  /// True while there is a row.
  Result<bool> step();
  Status run();
  /// A statement that is run many times with other values.
  void rewind() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Database {
 public:
  enum class Mode { read, write };
  /// `path` is a server path; the file is opened beneath the system's root. Where a killed process
  /// left a transaction half way, Mode::write takes it back, as SQLite does; Mode::read reads a
  /// copy in memory that is as before it, and leaves the files alone. `denied` for what may not be
  /// read, `invalid` for what is no database.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const System&,
                                                              const std::string& path, Mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// The text is prepared once and kept: it must be a literal.
  [[nodiscard]] Result<std::unique_ptr<Statement>> prepare(const char* sql);
  Status execute(const char* sql);
  /// All of `work` or nothing of it is there afterwards, also after a loss of power.
  Status in_transaction(const std::function<Status()>& work);
  /// Reads of one moment, with one lock.
  Status in_one_look(const std::function<Status()>& work);
  /// What SQLite says of its last call, and whether that means that the file is damaged.
  [[nodiscard]] tl::unexpected<Error> failure();
  /// The same for what SQLite takes for whole and a reader of it does not.
  [[nodiscard]] tl::unexpected<Error> damaged(std::string_view what);
  /// True once a call found what makes no sense.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  [[nodiscard]] std::int64_t last_number() const { return sqlite3_last_insert_rowid(database_); }
  [[nodiscard]] int changes() const { return sqlite3_changes(database_); }
  /// Announces a transaction that changes something; an error stops it.
  void announce_to(System* system) { system_ = system; }

 private:
  Database(sqlite3* database, std::string path, Handle directory)
      : database_(database), path_(std::move(path)), directory_(std::move(directory)) {}

  /// Fails unless the file is damaged, whoever looks at it, and can be read from its beginning to
  /// its end.
  Status see_damage();
  /// Reads something, so that what is wrong with the file is known.
  Status probe();
  /// Takes the file and its journal into memory, rolled back.
  Status take_rolled_back();

  sqlite3* database_;
  std::string path_;
  Handle directory_;  ///< what SQLite's path leads through
  Handle
      seen_;  ///< the file beside SQLite's; closing it early would drop the locks of this process
  System* system_ = nullptr;
  bool is_damaged_ = false;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace vstate
