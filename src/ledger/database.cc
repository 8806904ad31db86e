// The ledger's SQLite file. SQLite opens files by paths of its own; it is given one below a
// directory that is held open, so that it gets nowhere else on a copied server. Every failure is
// sorted here into what passes, what the machine refuses, and damage, since only damage lets the
// next run move the ledger away.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "ledger/database.h"
#include "sqlite/place.h"
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

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const System& system, const std::string& path,
                                                 Mode mode) {
  VSTATE_TRY_ASSIGN(auto place, sqlite::find_place(system, path));
  auto directory = std::move(place.directory);
  if (mode == Mode::write) {
    // SQLite would make the file as the umask says, and through a link. Here it is for its owner
    // alone.
    const Handle made(openat(directory.get(), std::string(path_name(path)).c_str(),
                             O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!made.is_open()) return fail_errno(path, "cannot open");
  }
  const int flags = mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  std::unique_ptr<Database> database(new Database(path));
  database->keep(std::move(place.copy));
  if (database->Connection::open(std::move(directory), path_name(path), flags, k_wait_ms) !=
      SQLITE_OK) {
    if (access("/proc/self/fd", X_OK) != 0)
      return fail(Errc::unsupported,
                  fmt::format("{}: cannot be opened without /proc; mount it", path), Scope::run);
    return database->failure();
  }
  auto status = database->probe();
  // A reader may not take back what a killed writer left.
  if (!status && mode == Mode::read && sqlite3_errcode(database->handle()) == SQLITE_READONLY) {
    VSTATE_TRY(database->take_rolled_back(path, k_wait_ms));
    status = database->probe();
  }
  if (!status) return propagate(status);
  return database;
}

tl::unexpected<Error> Database::failure() {
  const int code = sqlite3_errcode(handle());
  // A full or broken disk will fail for all domains that come next, too.
  const auto scope = code == SQLITE_FULL || code == SQLITE_IOERR ? Scope::run : Scope::item;
  const auto kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? Errc::busy
                    : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? Errc::invalid
                    : is_refused(handle(), code)                      ? Errc::denied
                                                                      : Errc::io;
  if (kind == Errc::invalid) {
    const std::string what = sqlite3_errmsg(handle());
    VSTATE_TRY(see_damage());
    return damaged(what);
  }
  return fail(kind, fmt::format("{}: {}", path_, sqlite3_errmsg(handle())), scope);
}

/// SQLite takes what a disk could not read this once for damage, too.
Status Database::see_damage() {
  const std::string name(path_name(path_));
  seen_ = Handle(openat(directory(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!seen_.is_open()) return fail_errno_of_open(path_, "cannot open");
  // A disk that cannot give the bytes is a failure of the machine; the ledger must not be thrown
  // away for it.
  VSTATE_TRY(read_all(seen_.get(), path_));
  sqlite3* raw = nullptr;
  const auto place = sqlite::place_in(directory(), name);
  const int opened =
      sqlite3_open_v2(place.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
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
  // A check that could not be made says nothing about the file.
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

Result<std::unique_ptr<sqlite::Statement>> Database::prepare(std::string_view sql) {
  auto statement = Connection::prepare(sql);
  // The text is right: a table that it names is not there, or is another one.
  if (!statement && sqlite3_errcode(handle()) == SQLITE_ERROR)
    return damaged(sqlite3_errmsg(handle()));
  return statement;
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

Status Database::in_transaction(const std::function<Status()>& work) {
  if (system_ != nullptr) VSTATE_TRY(system_->before_step("record", path_));
  // The write lock is taken at once, so that the work cannot fail in its midst for a lock that
  // another connection took since its first read.
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
  // Nothing was changed, so there is nothing to commit; this only gives the lock back.
  const auto ended = execute("ROLLBACK");
  return status ? ended : status;
}

}  // namespace vstate
