#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <fmt/format.h>

#include "ledger/rollback_journal.h"
#include "ledger/sqlite.h"
#include "sys/handle.h"

namespace vstate {

namespace {

constexpr int k_wait_ms = 5000;

/// SQLite cannot open a file for many reasons; only a missing right is one that a person can live
/// with.
bool is_refused(sqlite3* database, int code) {
  const int reason = sqlite3_system_errno(database);
  return code == SQLITE_PERM ||
         (code == SQLITE_CANTOPEN && (reason == EACCES || reason == EPERM || reason == EROFS));
}

/// Holds writers of an SQLite file off, as one of its readers does. The lock belongs to the open
/// file: a POSIX lock would go with any other handle of this process.
Status lock_shared(int file, const std::string& path) {
  constexpr off_t first = 0x40000002, count = 510;
  struct flock request {};
  request.l_type = F_RDLCK;
  request.l_whence = SEEK_SET;
  request.l_start = first;
  request.l_len = count;
  constexpr int tries = 100;
  for (int i = 0; fcntl(file, F_OFD_SETLK, &request) != 0; ++i) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return fail_errno(path, "cannot lock");
    if (i == tries) return fail(Errc::busy, fmt::format("{}: is locked", path));
    constexpr long pause_ns = k_wait_ms * 1000000L / tries;
    const timespec pause{0, pause_ns};
    nanosleep(&pause, nullptr);
  }
  return {};
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
  return database_.failure();
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
  VSTATE_TRY_ASSIGN(auto opened, system.open_handle(path_parent(path)));
  auto directory = std::move(opened.handle);
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
  auto status = database->probe();
  // A reader may not take back what a killed writer left.
  if (!status && mode == Mode::read && sqlite3_errcode(database->database_) == SQLITE_READONLY)
    status = database->take_rolled_back();
  if (!status) return propagate(status);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

tl::unexpected<Error> Database::failure() {
  const int code = sqlite3_errcode(database_);
  const auto scope = code == SQLITE_FULL || code == SQLITE_IOERR ? Scope::run : Scope::item;
  const auto kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? Errc::busy
                    : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? Errc::invalid
                    : is_refused(database_, code)                     ? Errc::denied
                                                                      : Errc::io;
  if (kind == Errc::invalid) {
    const std::string what = sqlite3_errmsg(database_);
    VSTATE_TRY(see_damage());
    return damaged(what);
  }
  return fail(kind, fmt::format("{}: {}", path_, sqlite3_errmsg(database_)), scope);
}

/// SQLite takes what a disk could not read this once for damage, too.
Status Database::see_damage() {
  const std::string name(path_name(path_));
  seen_ = Handle(
      openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!seen_.is_open()) return fail_errno_of_open(path_, "cannot open");
  VSTATE_TRY(read_all(seen_.get(), path_));
  sqlite3* raw = nullptr;
  const auto host = fmt::format("/proc/self/fd/{}/{}", directory_.get(), name);
  const int opened =
      sqlite3_open_v2(host.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> fresh(raw, sqlite3_close);
  sqlite3_busy_timeout(raw, k_wait_ms);
  std::string found;
  const auto take = [](void* into, int, char** values, char**) {
    *static_cast<std::string*>(into) = values[0] == nullptr ? "" : values[0];
    return 0;
  };
  const int checked = opened == SQLITE_OK
                          ? sqlite3_exec(raw, "PRAGMA quick_check(1)", take, &found, nullptr)
                          : opened;
  const bool is_sound = checked == SQLITE_OK && found == "ok";
  const bool is_unknown = checked == SQLITE_BUSY || checked == SQLITE_LOCKED ||
                          checked == SQLITE_IOERR || checked == SQLITE_CANTOPEN ||
                          checked == SQLITE_NOMEM;
  if (!is_sound && !is_unknown) return {};
  return fail(Errc::io, fmt::format("{}: could not be read just now; run it again", path_),
              Scope::run);
}

tl::unexpected<Error> Database::damaged(std::string_view what) {
  is_damaged_ = true;
  return fail(Errc::invalid,
              fmt::format("{}: {}; the next run that writes moves it away", path_, what));
}

Status Database::probe() {
  VSTATE_TRY_ASSIGN(const auto statement, prepare("SELECT count(*) FROM sqlite_master"));
  return statement->run();
}

Status Database::take_rolled_back() {
  const std::string name(path_name(path_));
  const auto open_beside = [&](const std::string& file) {
    return Handle(
        openat(directory_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  };
  const auto file = open_beside(name);
  if (!file.is_open()) return fail_errno(path_, "cannot open");
  VSTATE_TRY(lock_shared(file.get(), path_));
  const auto saved = open_beside(name + "-journal");
  if (!saved.is_open() && errno != ENOENT) return fail_errno(path_ + "-journal", "cannot open");
  std::string journal;
  if (saved.is_open()) {
    VSTATE_TRY_ASSIGN(journal, read_all(saved.get(), path_ + "-journal"));
  }
  VSTATE_TRY_ASSIGN(auto bytes, read_all(file.get(), path_));
  bytes = rolled_back(std::move(bytes), journal);
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(database_);
  database_ = nullptr;
  if (sqlite3_open_v2(":memory:", &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK)
    return failure();
  auto* copy =
      static_cast<unsigned char*>(sqlite3_malloc64(std::max<std::size_t>(1, bytes.size())));
  if (copy == nullptr) return fail(Errc::io, fmt::format("{}: no memory is left", path_));
  std::copy(bytes.begin(), bytes.end(), copy);
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  if (sqlite3_deserialize(database_, "main", copy, size, size,
                          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY) !=
      SQLITE_OK)
    return failure();
  return probe();
}

Result<std::unique_ptr<Statement>> Database::prepare(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr && sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                 &statement, nullptr) != SQLITE_OK) {
    // The text is right: a table that it names is not there, or is another one.
    if (sqlite3_errcode(database_) == SQLITE_ERROR) return damaged(sqlite3_errmsg(database_));
    return failure();
  }
  return std::make_unique<Statement>(*this, statement);
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

Status Database::in_one_look(const std::function<Status()>& work) {
  VSTATE_TRY(execute("BEGIN"));
  auto status = work();
  const auto ended = execute("ROLLBACK");
  return status ? ended : status;
}

}  // namespace vstate
