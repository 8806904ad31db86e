// The database file of vpopmail 5.6's SQLite back-end (vsqlite.c). It lies in the domains'
// directory, where vpopmail's user may put anything, and SQLite follows what a file says; so the
// file is opened with the rights of the directory's owner, and links are refused.

#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include <fmt/format.h>

#include "sql/backends.h"
#include "sql/database.h"
#include "sqlite/connection.h"
#include "sqlite/place.h"
#include "sys/handle.h"
#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_file = "_vpopmail.sqlite";

bool is_reading(const std::string& statement) {
  return statement.starts_with("SELECT") || statement.starts_with("ROLLBACK");
}

class SqliteDatabase final : public sql::Database, private sqlite::Connection {
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
  [[nodiscard]] tl::unexpected<Error> failure() override;
  void trust_no_schema();
  /// Reads something, so that what is wrong with the file is known.
  Status probe();

  System& system_;
  std::string directory_;
  Owner owner_;
  int lock_seconds_;
  bool is_writable_ = false;
  std::optional<Identity> as_;  ///< who works in the file
};

Status SqliteDatabase::open(bool for_writing) {
  close();
  VSTATE_TRY_ASSIGN(auto info, system_.look(path()));
  if (!info && for_writing) {
    VSTATE_TRY(system_.replace_file(path(), "", {owner_.uid, owner_.gid, 0600}, Durability::now));
    VSTATE_TRY_ASSIGN(info, system_.look(path()));
  }
  // SQLite would open these beside the file, whatever they are.
  for (const auto* name : {"", "-journal", "-wal", "-shm"}) {
    const auto part = path() + name;
    VSTATE_TRY_ASSIGN(const auto found, system_.look(part));
    if (found && !found->is_regular())
      return fail(Errc::invalid, part + ": is no regular file", Scope::run);
  }
  Handle directory;
  as_ = Identity{geteuid(), getegid()};
  if (info) {
    VSTATE_TRY_ASSIGN(auto place, sqlite::find_place(system_, path()));
    directory = std::move(place.directory);
    Connection::keep(std::move(place.copy));
    // Whoever may put another file or a journal there, which may name any file, gets no more than
    // their own rights by it; what the schema says is run with no more either.
    struct stat st {};
    if (fstat(directory.get(), &st) != 0) return fail_errno(directory_, "cannot stat");
    as_ = Identity{st.st_uid, st.st_uid == owner_.uid ? owner_.gid : st.st_gid};
  }
  const ActingAs acting(as_);
  const int flags = for_writing ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  constexpr int milliseconds = 1000;
  // Without a file a plan reads an empty database in memory: vpopmail makes the file when it first
  // needs it.
  const int opened =
      info ? Connection::open(std::move(directory), k_file, flags, lock_seconds_ * milliseconds)
           : open_memory();
  if (opened != SQLITE_OK) return failure();
  is_writable_ = for_writing;
  trust_no_schema();
  // What a program did half that was killed while it wrote, the next that writes takes back; who
  // only reads sees it as it will be then.
  auto status = for_writing ? Status() : probe();
  if (!status && sqlite3_extended_errcode(handle()) == SQLITE_READONLY_ROLLBACK) {
    VSTATE_TRY(take_rolled_back(path(), lock_seconds_ * milliseconds));
    trust_no_schema();
    status = probe();
  }
  return status;
}

/// It may hold views and triggers of somebody's making, which must run no function with effects
/// outside the file, nor change the schema's own tables.
void SqliteDatabase::trust_no_schema() {
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
}

Status SqliteDatabase::probe() {
  VSTATE_TRY_ASSIGN(const auto statement, prepare("SELECT count(*) FROM sqlite_master"));
  return statement->run();
}

tl::unexpected<Error> SqliteDatabase::failure() {
  constexpr int primary = 0xff;
  const int code = sqlite3_extended_errcode(handle());
  const auto text = fmt::format("{}: {}", path(), sqlite3_errmsg(handle()));
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

Result<std::uint64_t> SqliteDatabase::run(const std::string& text, const sql::Values& parameters,
                                          const sql::RowVisitor& on_row) {
  // The file and its journal belong to vpopmail, not to the domain that is worked on.
  if (!is_writable_ && !is_reading(text)) {
    const ActingAs myself(geteuid(), getegid());
    VSTATE_TRY(open(true));
  }
  const ActingAs owner(as_);
  VSTATE_TRY_ASSIGN(const auto statement, prepare(text));
  for (const auto& value : parameters) {
    if (value)
      statement->bind(std::string_view(*value));
    else
      statement->bind_null();
  }
  // Values are bound as text; SQLite itself makes numbers of them where a column is of numbers.
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, statement->step());
    if (!has_row) break;
    if (!on_row) continue;
    sql::Values row;
    for (int column = 0; column < statement->columns(); ++column)
      row.push_back(statement->spelt(column));
    on_row(row);
  }
  return static_cast<std::uint64_t>(changes());
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

// The file is opened for reading, whatever the run is going to do: the first statement that writes
// opens it again.
Result<std::unique_ptr<sql::Database>> open_sqlite(System& system, const Server& server) {
  auto database = std::make_unique<SqliteDatabase>(system, server);
  VSTATE_TRY(database->open(false));
  return database;
}

}  // namespace vstate
