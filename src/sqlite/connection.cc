// The thin layer over SQLite's C interface that the ledger and the SQLite back-end share.
// Statements are prepared once for each text and reset by the destructor of their handle: a SELECT
// that is left half-stepped would hold its lock, and with it every writer off. Threads are kept
// apart by the callers, so SQLite's own mutexes are left out.

#include "sqlite/connection.h"

#include <fmt/format.h>

namespace vstate::sqlite {

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(std::int64_t number) {
  VSTATE_ASSERT(sqlite3_bind_int64(statement_, ++bound_, number) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  if (text.empty()) text = "";  // a null pointer would be NULL
  // SQLite copies the bytes, as the caller's text may be gone before the statement is stepped.
  VSTATE_ASSERT(sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                                  SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_bytes(std::string_view bytes) {
  if (bytes.empty()) bytes = "";
  VSTATE_ASSERT(sqlite3_bind_blob(statement_, ++bound_, bytes.data(),
                                  static_cast<int>(bytes.size()), SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null() {
  VSTATE_ASSERT(sqlite3_bind_null(statement_, ++bound_) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return connection_.failure();
}

Status Statement::run() {
  VSTATE_TRY_ASSIGN(const bool has_row, step());
  (void)has_row;
  // The statement is ready for its next values, and gives its lock back.
  rewind();
  return {};
}

void Statement::rewind() {
  sqlite3_reset(statement_);
  bound_ = 0;
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  // The size is asked for after the bytes: SQLite may convert the value first, which changes its
  // size.
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(data, static_cast<std::size_t>(size));
}

std::optional<std::string> Statement::spelt(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return text == nullptr ? std::nullopt : std::optional(std::string(text, size));
}

int Connection::open(Handle directory, std::string_view name, int flags, int wait_ms) {
  close();
  directory_ = std::move(directory);
  const int result = sqlite3_open_v2(place_in(directory_.get(), name).c_str(), &handle_,
                                     flags | SQLITE_OPEN_NOMUTEX, nullptr);
  // Without it a lock that another program holds for a moment would be an error at once.
  if (result == SQLITE_OK) sqlite3_busy_timeout(handle_, wait_ms);
  return result;
}

int Connection::open_memory() {
  close();
  return sqlite3_open_v2(":memory:", &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                         nullptr);
}

void Connection::close() {
  // SQLite refuses to close a connection that still has statements, and would keep its locks.
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(handle_);
  handle_ = nullptr;
}

Result<std::unique_ptr<Statement>> Connection::prepare(std::string_view sql) {
  auto known = statements_.find(sql);
  if (known == statements_.end()) {
    sqlite3_stmt* made = nullptr;
    // The statement lives as long as the connection, which the flag tells SQLite's allocator.
    if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &made, nullptr) != SQLITE_OK)
      return failure();
    known = statements_.emplace(sql, made).first;
  }
  return std::make_unique<Statement>(*this, known->second);
}

// SQLite takes paths and no descriptors; this path leads to the open directory whatever happens to
// its name. The journal is found beside it by the same path.
std::string place_in(int directory, std::string_view name) {
  return fmt::format("/proc/self/fd/{}/{}", directory, name);
}

}  // namespace vstate::sqlite
