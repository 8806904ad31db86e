#include <fcntl.h>

#include <fmt/format.h>

#include "database_impl.h"

namespace vstate {

namespace {

constexpr int k_wait_ms = 5000;

tl::unexpected<Error> failure_of(sqlite3* database, const std::string& path) {
  const int code = sqlite3_errcode(database);
  const auto scope = code == SQLITE_FULL || code == SQLITE_IOERR ? Scope::run : Scope::item;
  const auto kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? Errc::busy
                    : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? Errc::invalid
                    : code == SQLITE_CANTOPEN || code == SQLITE_PERM  ? Errc::denied
                                                                      : Errc::io;
  const char* advice =
      kind == Errc::invalid ? "; move it away, and it is made anew from what is there" : "";
  return fail(kind, fmt::format("{}: {}{}", path, sqlite3_errmsg(database), advice), scope);
}

}  // namespace

Statement& Statement::bind(std::int64_t number) {
  VSTATE_ASSERT(sqlite3_bind_int64(statement_, ++bound_, number) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  if (text.empty()) text = "";  // a null pointer would be NULL
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

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return failure_of(database_, *path_);
}

Status Statement::run() {
  VSTATE_TRY_ASSIGN(const bool has_row, step());
  (void)has_row;
  rewind();
  return {};
}

std::string Statement::text(int column) const { return std::string(bytes(column)); }

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(data, static_cast<std::size_t>(size));
}

Result<std::unique_ptr<Database>> Database::open(const System& system, const std::string& path,
                                                 Mode mode) {
  VSTATE_TRY_ASSIGN(auto directory, system.open_directory(path_parent(path)));
  // Through the handle, so that no link of a copied server leads out of it.
  const auto host = fmt::format("/proc/self/fd/{}/{}", directory.get(), path_name(path));
  if (mode == Mode::write) {
    const Handle made(openat(directory.get(), std::string(path_name(path)).c_str(),
                             O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!made.is_open()) return fail_errno(path, "cannot open");
  }
  const int flags = mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(host.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(raw, path, std::move(directory)));
  if (result != SQLITE_OK) return database->failure();
  sqlite3_busy_timeout(raw, k_wait_ms);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

tl::unexpected<Error> Database::failure() const { return failure_of(database_, path_); }

Result<std::unique_ptr<Statement>> Database::prepare(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr && sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                 &statement, nullptr) != SQLITE_OK)
    return failure();
  return std::make_unique<Statement>(database_, statement, &path_);
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

Status Database::in_transaction(const std::function<Status()>& work) {
  if (system_ != nullptr) VSTATE_TRY(system_->before_step("record", path_));
  VSTATE_TRY(execute("BEGIN IMMEDIATE"));
  auto status = work();
  if (status) status = execute("COMMIT");
  if (!status) {
    const auto rolled_back = execute("ROLLBACK");
    (void)rolled_back;  // the first failure is the one to tell
  }
  return status;
}

}  // namespace vstate
