// The thin layer over SQLite's C interface that the ledger and the SQLite back-end share.
// Statements are prepared once for each text and reset by the destructor of their handle: a SELECT
// that is left half-stepped would hold its lock, and with it every writer off. Threads are kept
// apart by the callers, so SQLite's own mutexes are left out.

#include "sqlite/connection.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "sqlite/journal.h"
#include "sys/io.h"
#include "sys/path.h"

namespace vstate::sqlite {

namespace {

/// Holds writers of an SQLite file off, as one of its readers does. The lock belongs to the open
/// file: a POSIX lock would go with any other handle of this process. Before Linux 3.15 there is
/// none but that; the caller lets go of no other handle before it has read what it locked.
Status lock_shared(int file, const std::string& path, int wait_ms) {
  // These bytes are SQLite's range of shared locks ("File Locking And Concurrency" in its
  // documents).
  constexpr off_t first = 0x40000002, count = 510;
  struct flock request {};
  request.l_type = F_RDLCK;
  request.l_whence = SEEK_SET;
  request.l_start = first;
  request.l_len = count;
  constexpr int tries = 100;
  int command = F_OFD_SETLK;
  for (int i = 0; fcntl(file, command, &request) != 0; ++i) {
    if (errno == EINVAL && std::exchange(command, F_SETLK) == F_OFD_SETLK) continue;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return fail_errno(path, "cannot lock");
    if (i == tries) return fail(Errc::busy, fmt::format("{}: is locked", path));
    constexpr int per_second = 1000;
    const auto pause_ms = wait_ms / tries;
    const timespec pause{pause_ms / per_second, pause_ms % per_second * 1'000'000L};
    nanosleep(&pause, nullptr);
  }
  return {};
}

}  // namespace

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
  if (result != SQLITE_OK) return result;
  // Without it a lock that another program holds for a moment would be an error at once.
  sqlite3_busy_timeout(handle_, wait_ms);
  if ((flags & SQLITE_OPEN_READWRITE) == 0) return result;
  // A transaction ends when its journal is gone. Unless that is synced too, the journal may be back
  // after a power cut, and takes back what was reported as done.
  return sqlite3_exec(handle_, "PRAGMA synchronous = EXTRA", nullptr, nullptr, nullptr);
}

int Connection::open_memory() {
  close();
  return sqlite3_open_v2(":memory:", &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                         nullptr);
}

Status Connection::take_rolled_back(const std::string& path, int wait_ms) {
  const std::string name(path_name(path));
  const auto open_beside = [&](const std::string& file) {
    return Handle(
        openat(directory(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  };
  const auto file = open_beside(name);
  if (!file.is_open()) return fail_errno(path, "cannot open");
  // The file and its journal must be of one moment: without the lock a writer could roll back or
  // commit between the two reads.
  VSTATE_TRY(lock_shared(file.get(), path, wait_ms));
  const auto saved = open_beside(name + "-journal");
  if (!saved.is_open() && errno != ENOENT) return fail_errno(path + "-journal", "cannot open");
  std::string journal;
  if (saved.is_open()) {
    VSTATE_TRY_ASSIGN(journal, read_all(saved.get(), path + "-journal"));
  }
  VSTATE_TRY_ASSIGN(auto bytes, read_all(file.get(), path));
  bytes = rolled_back(std::move(bytes), journal);
  if (open_memory() != SQLITE_OK) return failure();
  auto* copy =
      static_cast<unsigned char*>(sqlite3_malloc64(std::max<std::size_t>(1, bytes.size())));
  if (copy == nullptr) return fail(Errc::io, fmt::format("{}: no memory is left", path));
  std::copy(bytes.begin(), bytes.end(), copy);
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  if (sqlite3_deserialize(handle(), "main", copy, size, size,
                          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY) !=
      SQLITE_OK)
    return failure();
  return {};
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
