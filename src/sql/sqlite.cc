// The database file of vpopmail 5.6's SQLite back-end (vsqlite.c).

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include <fmt/format.h>

#include "sql/backends.h"
#include "sql/database.h"
#include "sys/handle.h"
#include "sys/identity.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_file = "_vpopmail.sqlite";

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

bool is_reading(const std::string& statement) {
  return statement.starts_with("SELECT") || statement.starts_with("ROLLBACK");
}

class SqliteDatabase final : public sql::Database {
 public:
  SqliteDatabase(System& system, const Server& server)
      : system_(system),
        directory_(server.domains_dir),
        owner_(server.owner),
        lock_seconds_(server.lock_seconds) {}

  [[nodiscard]] sql::Dialect dialect() const override { return sql::Dialect::sqlite; }
  [[nodiscard]] std::string description() const override { return path(); }
  [[nodiscard]] std::string row_order() const override { return "rowid"; }
  [[nodiscard]] std::string alter(const sql::Table&, const sql::Column&,
                                  const std::string&) const override {
    return "";
  }
  Result<bool> keeps(const sql::Column&, const std::string&) override { return true; }
  Result<std::string> write_obstacle() override { return std::string(); }

  /// Opened for reading only until something is to be written, so that a plan cannot write.
  Status open(bool for_writing);
  Result<std::uint64_t> run(const std::string& statement, const sql::Values& parameters,
                            const sql::RowVisitor& on_row) override;
  Result<sql::Schema> read_schema() override;

 private:
  [[nodiscard]] std::string path() const { return path_join(directory_, k_file); }
  [[nodiscard]] tl::unexpected<Error> error() const;
  Result<sqlite3_stmt*> prepare(const std::string& statement);

  System& system_;
  std::string directory_;
  Owner owner_;
  int lock_seconds_;
  Handle opened_directory_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Close>> statements_;
  bool is_writable_ = false;
  std::optional<Identity> as_;  ///< who works in the file
};

Status SqliteDatabase::open(bool for_writing) {
  statements_.clear();
  handle_.reset();
  VSTATE_TRY_ASSIGN(auto info, system_.look(path()));
  if (!info && for_writing) {
    VSTATE_TRY(system_.replace_file(path(), "", {owner_.uid, owner_.gid, 0600}, Durability::now));
    VSTATE_TRY_ASSIGN(info, system_.look(path()));
  }
  for (const auto* name : {"", "-journal", "-wal", "-shm"}) {
    const auto part = path() + name;
    VSTATE_TRY_ASSIGN(const auto found, system_.look(part));
    if (found && !found->is_regular())
      return fail(Errc::invalid, part + ": is no regular file", Scope::run);
  }
  // Below the root by its handle: what a link in a copied server names does not lead out of it.
  std::string place = ":memory:";
  as_ = Identity{geteuid(), getegid()};
  if (info) {
    VSTATE_TRY_ASSIGN(auto opened, system_.open_handle(directory_));
    opened_directory_ = std::move(opened.handle);
    place = fmt::format("/proc/self/fd/{}/{}", opened_directory_.get(), k_file);
    // Whoever may put another file or a journal there, which may name any file, gets no more than
    // their own rights by it; what the schema says is run with no more either.
    struct stat st {};
    if (fstat(opened_directory_.get(), &st) != 0) return fail_errno(directory_, "cannot stat");
    as_ = Identity{st.st_uid, st.st_uid == owner_.uid ? owner_.gid : st.st_gid};
  }
  const ActingAs acting(as_);
  const int flags = !info || for_writing ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(place.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (status != SQLITE_OK) return error();
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  constexpr int milliseconds = 1000;
  sqlite3_busy_timeout(handle, lock_seconds_ * milliseconds);
  is_writable_ = for_writing;
  return {};
}

tl::unexpected<Error> SqliteDatabase::error() const {
  constexpr int primary = 0xff;
  const int code = sqlite3_extended_errcode(handle_.get());
  const auto text = fmt::format("{}: {}", path(), sqlite3_errmsg(handle_.get()));
  // Opened for reading only, which plays nothing back.
  if (code == SQLITE_READONLY_ROLLBACK)
    return fail(Errc::io,
                path() +
                    ": a program was killed while it wrote to it; the next of vpopmail's own "
                    "programs that opens it puts it right",
                Scope::run);
  switch (code & primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Errc::busy, text, Scope::run);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return fail(Errc::denied, text, Scope::run);
    case SQLITE_CONSTRAINT:
      return fail(Errc::conflict, text);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return fail(Errc::invalid, text, Scope::run);
    default:
      return fail(Errc::io, text, Scope::run);
  }
}

Result<sqlite3_stmt*> SqliteDatabase::prepare(const std::string& statement) {
  auto& known = statements_[statement];
  if (!known) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), statement.data(), static_cast<int>(statement.size()),
                           &made, nullptr) != SQLITE_OK)
      return error();
    known.reset(made);
  }
  return known.get();
}

Result<std::uint64_t> SqliteDatabase::run(const std::string& text, const sql::Values& parameters,
                                          const sql::RowVisitor& on_row) {
  // The file and its journal belong to vpopmail, not to the domain that is worked on.
  if (!is_writable_ && !is_reading(text)) {
    const ActingAs myself(geteuid(), getegid());
    VSTATE_TRY(open(true));
  }
  const ActingAs owner(as_);
  VSTATE_TRY_ASSIGN(auto* statement, prepare(text));
  int at = 0;
  for (const auto& value : parameters) {
    ++at;
    if (value)
      sqlite3_bind_text(statement, at, value->data(), static_cast<int>(value->size()),
                        SQLITE_TRANSIENT);
    else
      sqlite3_bind_null(statement, at);
  }
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
    if (!on_row) continue;
    sql::Values row;
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      row.push_back(bytes != nullptr ? sql::Value(std::string(bytes, size)) : std::nullopt);
    }
    on_row(row);
  }
  auto failure = status == SQLITE_DONE ? std::optional<tl::unexpected<Error>>() : error();
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (failure) return *failure;
  return static_cast<std::uint64_t>(sqlite3_changes(handle_.get()));
}

Result<sql::Schema> SqliteDatabase::read_schema() {
  sql::Schema schema;
  VSTATE_TRY(
      run("SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value FROM sqlite_master m, "
          "pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid",
          {}, [&](const sql::Values& row) {
            auto& table = schema[row[0].value_or("")];
            table.name = row[0].value_or("");
            sql::Column column;
            column.name = row[1].value_or("");
            column.type = row[2].value_or("");
            sql::read_type(column);
            // SQLite keeps whatever is given, of any length.
            column.width = 0;
            column.cuts_blanks = false;
            if (column.kind == sql::Kind::integer) {
              column.minimum = INT64_MIN;
              column.maximum = INT64_MAX;
            }
            column.is_nullable = row[3].value_or("") == "0";
            column.has_default = row[4].has_value() || column.name == "id";
            table.columns.push_back(std::move(column));
          }));
  return schema;
}

}  // namespace

Result<std::unique_ptr<sql::Database>> open_sqlite(System& system, const Server& server) {
  auto database = std::make_unique<SqliteDatabase>(system, server);
  VSTATE_TRY(database->open(false));
  return database;
}

}  // namespace vstate
