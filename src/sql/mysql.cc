// MySQL and MariaDB (vmysql.c), by libmariadb. vpopmail's tables are of any age and engine here,
// and the server's own mode decides whether it cuts what does not fit; so the connection is set to
// a strict mode and to UTF-8, and the engine of each table is asked for. Errors are sorted by their
// numbers, since their texts come in the server's language.

#include <mysql.h>

#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "sql/backends.h"
#include "sql/connection.h"
#include "sql/database.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::uint16_t k_usual_port = 3306;
/// 5.0 has information_schema and a strict mode; 5.5.3 has UTF-8 of four bytes.
constexpr unsigned long k_oldest = 50002, k_has_utf8mb4 = 50503;
constexpr unsigned k_connect_seconds = 10;
/// Enough for any of vpopmail's columns but a text; longer values are fetched again.
constexpr std::size_t k_buffer = 256;

struct Close {
  void operator()(MYSQL* handle) const { mysql_close(handle); }
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};

Errc code_of(unsigned number) {
  switch (number) {
    case 1205:  // lock wait timeout
    case 1213:  // deadlock
    case 1969:  // statement timeout
      return Errc::busy;
    case 1044:
    case 1045:
    case 1142:
    case 1143:
    case 1227:
    case 1290:  // --read-only
    case 1698:
    case 1792:
    case 1836:
      return Errc::denied;
    case 1049:
    case 1146:
      return Errc::not_found;
    case 1062:
      return Errc::conflict;
    case 1048:
    case 1264:
    case 1265:
    case 1292:
    case 1366:
    case 1406:
    case 1216:  // foreign keys
    case 1217:
    case 1451:
    case 1452:
    case 1644:  // a trigger of the site's
    case 3819:  // CHECK, of MySQL and of MariaDB
    case 4025:
      return Errc::invalid;
    default:
      return Errc::io;
  }
}

class MysqlDatabase final : public sql::Database {
 public:
  Status connect(const DatabaseConnection&, int lock_seconds);

  [[nodiscard]] sql::Dialect dialect() const override { return sql::Dialect::mysql; }
  [[nodiscard]] std::string description() const override { return place_; }
  /// A table without `id` gives its rows in the order of its own storage, or of its index, which
  /// keeps that order among equals.
  [[nodiscard]] std::string row_order() const override { return ""; }
  [[nodiscard]] std::string alter(const sql::Table& table, const sql::Column& column,
                                  const std::string& type) const override {
    return fmt::format("ALTER TABLE {} MODIFY {} {}{}{}", quote(table.name), quote(column.name),
                       type, column.is_nullable ? "" : " NOT NULL",
                       column.has_default && column.kind == sql::Kind::integer ? " DEFAULT 0" : "");
  }
  Result<bool> keeps(const sql::Column&, const std::string& value) override;
  Result<std::string> write_obstacle() override;
  Result<bool> is_damaged(const sql::Table&) override;
  Result<std::uint64_t> run(const std::string& statement, const sql::Values& parameters,
                            const sql::RowVisitor& on_row) override;
  Result<sql::Schema> read_schema() override;

 private:
  [[nodiscard]] tl::unexpected<Error> error(unsigned number, std::string_view message) const;
  Result<MYSQL_STMT*> prepare(const std::string& statement);
  Status fetch(MYSQL_STMT*, const sql::RowVisitor&);
  /// Without a prepared statement: LOCK TABLES and CHECK TABLE cannot be prepared everywhere.
  Result<std::uint64_t> run_plainly(const std::string& statement, const sql::RowVisitor&);

  std::unique_ptr<MYSQL, Close> handle_;
  std::map<std::string, std::unique_ptr<MYSQL_STMT, Close>> statements_;
  std::string place_;
};

tl::unexpected<Error> MysqlDatabase::error(unsigned number, std::string_view message) const {
  const auto code = code_of(number);
  // "Incorrect string value: '...' for column" tells a part of the value, which may be secret.
  const auto from = code == Errc::invalid ? message.find("for column") : std::string_view::npos;
  const auto shown = from == std::string_view::npos
                         ? std::string(message)
                         : "a value was refused " + std::string(message.substr(from));
  return fail(code, fmt::format("{}: {} ({})", place_, visible(shown), number),
              code == Errc::invalid || code == Errc::conflict ? Scope::item : Scope::run);
}

Status MysqlDatabase::connect(const DatabaseConnection& connection, int lock_seconds) {
  place_ =
      fmt::format("database {} of {}@{}", connection.database, connection.user,
                  connection.socket.empty() ? fmt::format("{}:{}", connection.host, connection.port)
                                            : connection.socket);
  handle_.reset(mysql_init(nullptr));
  VSTATE_ASSERT(handle_ != nullptr);
  mysql_options(handle_.get(), MYSQL_OPT_CONNECT_TIMEOUT, &k_connect_seconds);
  // Else the server may ask for any file that vstate can read (LOAD DATA LOCAL), and which server
  // that is stands in a file of vpopmail's.
  constexpr unsigned never = 0;
  mysql_options(handle_.get(), MYSQL_OPT_LOCAL_INFILE, &never);
#ifdef VSTATE_STATIC
  // A static program can load no plugin. The ways to log in that old servers know need none.
  mysql_options(handle_.get(), MYSQL_PLUGIN_DIR, "/nonexistent");
#endif
  // With CLIENT_FOUND_ROWS a change counts the rows that it found, and not only those that have
  // other values now.
  // A socket is asked for by the name of this machine.
  const auto* host = connection.socket.empty() ? connection.host.c_str() : "localhost";
  if (mysql_real_connect(handle_.get(), host, connection.user.c_str(),
                         connection.password.reveal().c_str(), connection.database.c_str(),
                         connection.port,
                         connection.socket.empty() ? nullptr : connection.socket.c_str(),
                         CLIENT_FOUND_ROWS) == nullptr)
    return error(mysql_errno(handle_.get()), mysql_error(handle_.get()));
  const auto version = mysql_get_server_version(handle_.get());
  if (version < k_oldest)
    return fail(Errc::unsupported,
                fmt::format("{}: the server is {}; vstate needs MySQL 5.0 or newer", place_,
                            visible(mysql_get_server_info(handle_.get()))),
                Scope::run);
  if (mysql_set_character_set(handle_.get(), version >= k_has_utf8mb4 ? "utf8mb4" : "utf8") != 0)
    return error(mysql_errno(handle_.get()), mysql_error(handle_.get()));
  // Whatever the server's own mode: what does not fit is an error, never cut. The connection must
  // last while mail is copied.
  VSTATE_TRY(
      run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
          "SESSION wait_timeout = 604800",
          {}, {}));
  // Old servers know one of them, or none.
  for (const auto* name : {"innodb_lock_wait_timeout", "lock_wait_timeout"})
    (void)run(fmt::format("SET SESSION {} = {}", name, lock_seconds), {}, {});
  return {};
}

Result<MYSQL_STMT*> MysqlDatabase::prepare(const std::string& text) {
  auto& known = statements_[text];
  if (!known) {
    std::unique_ptr<MYSQL_STMT, Close> made(mysql_stmt_init(handle_.get()));
    VSTATE_ASSERT(made != nullptr);
    if (mysql_stmt_prepare(made.get(), text.data(), text.size()) != 0)
      return error(mysql_stmt_errno(made.get()), mysql_stmt_error(made.get()));
    known = std::move(made);
  }
  return known.get();
}

Status MysqlDatabase::fetch(MYSQL_STMT* statement, const sql::RowVisitor& on_row) {
  const auto columns = mysql_stmt_field_count(statement);
  std::vector<MYSQL_BIND> binds(columns);
  std::vector<std::vector<char>> buffers(columns, std::vector<char>(k_buffer));
  std::vector<unsigned long> lengths(columns);
  std::vector<my_bool> nulls(columns);
  for (unsigned at = 0; at < columns; ++at) {
    binds[at] = {};
    // The client library makes text of every type, so that one way to read serves all columns.
    binds[at].buffer_type = MYSQL_TYPE_STRING;
    binds[at].buffer = buffers[at].data();
    binds[at].buffer_length = buffers[at].size();
    binds[at].length = &lengths[at];
    binds[at].is_null = &nulls[at];
  }
  if (mysql_stmt_bind_result(statement, binds.data()) != 0)
    return error(mysql_stmt_errno(statement), mysql_stmt_error(statement));
  int status = 0;
  while ((status = mysql_stmt_fetch(statement)) == 0 || status == MYSQL_DATA_TRUNCATED) {
    sql::Values row(columns);
    for (unsigned at = 0; at < columns; ++at) {
      if (nulls[at] != 0) continue;
      if (lengths[at] <= k_buffer) {
        row[at].emplace(buffers[at].data(), lengths[at]);
        continue;
      }
      std::string whole(lengths[at], '\0');
      MYSQL_BIND bind{};
      unsigned long length = 0;
      my_bool is_null = 0;
      bind.buffer_type = MYSQL_TYPE_STRING;
      bind.buffer = whole.data();
      bind.buffer_length = whole.size();
      bind.length = &length;
      bind.is_null = &is_null;
      if (mysql_stmt_fetch_column(statement, &bind, at, 0) != 0)
        return error(mysql_stmt_errno(statement), mysql_stmt_error(statement));
      row[at] = std::move(whole);
    }
    if (on_row) on_row(row);
  }
  if (status != MYSQL_NO_DATA)
    return error(mysql_stmt_errno(statement), mysql_stmt_error(statement));
  return {};
}

Result<std::uint64_t> MysqlDatabase::run_plainly(const std::string& text,
                                                 const sql::RowVisitor& on_row) {
  if (mysql_real_query(handle_.get(), text.data(), text.size()) != 0)
    return error(mysql_errno(handle_.get()), mysql_error(handle_.get()));
  if (mysql_field_count(handle_.get()) == 0) return mysql_affected_rows(handle_.get());
  // The handle is freed before the next statement: rows that nobody fetched would hold the
  // connection up.
  const std::unique_ptr<MYSQL_RES, Close> result(mysql_use_result(handle_.get()));
  if (result == nullptr) return error(mysql_errno(handle_.get()), mysql_error(handle_.get()));
  const auto columns = mysql_num_fields(result.get());
  while (const MYSQL_ROW found = mysql_fetch_row(result.get())) {
    const auto* lengths = mysql_fetch_lengths(result.get());
    sql::Values row(columns);
    for (unsigned at = 0; at < columns; ++at)
      if (found[at] != nullptr) row[at].emplace(found[at], lengths[at]);
    if (on_row) on_row(row);
  }
  // A connection that breaks among the rows looks like their end.
  if (const auto number = mysql_errno(handle_.get()); number != 0)
    return error(number, mysql_error(handle_.get()));
  return std::uint64_t{0};
}

Result<std::uint64_t> MysqlDatabase::run(const std::string& text, const sql::Values& parameters,
                                         const sql::RowVisitor& on_row) {
  if (parameters.empty()) return run_plainly(text, on_row);
  VSTATE_TRY_ASSIGN(auto* statement, prepare(text));
  std::vector<MYSQL_BIND> binds(parameters.size());
  std::vector<unsigned long> lengths(parameters.size());
  for (std::size_t at = 0; at < parameters.size(); ++at) {
    binds[at] = {};
    binds[at].buffer_type = parameters[at] ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
    if (!parameters[at]) continue;
    lengths[at] = parameters[at]->size();
    binds[at].buffer = const_cast<char*>(parameters[at]->data());
    binds[at].buffer_length = lengths[at];
    binds[at].length = &lengths[at];
  }
  if ((!parameters.empty() && mysql_stmt_bind_param(statement, binds.data()) != 0) ||
      mysql_stmt_execute(statement) != 0)
    return error(mysql_stmt_errno(statement), mysql_stmt_error(statement));
  if (mysql_stmt_field_count(statement) == 0) return mysql_stmt_affected_rows(statement);
  const auto status = fetch(statement, on_row);
  // Also after a failure: the statement is kept, and refuses to be run again with rows left.
  mysql_stmt_free_result(statement);
  if (!status) return propagate(status);
  return std::uint64_t{0};
}

Result<sql::Schema> MysqlDatabase::read_schema() {
  sql::Schema schema;
  // DATABASE() in a sub-query would open every table of the server in old versions.
  VSTATE_TRY(
      run("SELECT table_name, column_name, column_type, is_nullable, column_default, extra, "
          "character_set_name FROM information_schema.columns WHERE table_schema = DATABASE() "
          "ORDER BY table_name, ordinal_position",
          {}, [&](const sql::Values& row) {
            auto& table = schema[row[0].value_or("")];
            table.name = row[0].value_or("");
            sql::Column column;
            column.name = row[1].value_or("");
            column.type = row[2].value_or("");
            sql::read_type(column);
            column.is_nullable = row[3].value_or("") == "YES";
            column.has_default = row[4].has_value() ||
                                 row[5].value_or("").find("auto_increment") != std::string::npos;
            column.charset = row[6].value_or("");
            table.columns.push_back(std::move(column));
          }));
  VSTATE_TRY(
      run("SELECT t.table_name FROM information_schema.tables t JOIN information_schema.engines e "
          "ON e.engine = t.engine WHERE t.table_schema = DATABASE() AND e.transactions = 'NO'",
          {}, [&](const sql::Values& row) {
            const auto found = schema.find(row[0].value_or(""));
            if (found != schema.end()) found->second.is_transactional = false;
          }));
  return schema;
}

Result<bool> MysqlDatabase::keeps(const sql::Column& column, const std::string& value) {
  constexpr unsigned char first_beyond_ascii = 0x80;
  const bool is_ascii = std::all_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) < first_beyond_ascii;
  });
  if (is_ascii || column.charset == "binary") return true;
  // The connection speaks UTF-8 and refuses other bytes.
  if (!is_utf8(value)) return false;
  if (column.charset.empty() || column.charset == "utf8mb4") return true;
  // The name becomes part of a statement, where no parameter can stand.
  const bool is_name = column.charset.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
                       std::string::npos;
  VSTATE_ASSERT(is_name);
  std::string back;
  VSTATE_TRY(run(fmt::format("SELECT CONVERT(CONVERT(? USING {}) USING utf8mb4)", column.charset),
                 {value}, [&](const sql::Values& row) { back = row[0].value_or(""); }));
  return back == value;
}

/// A killed server leaves the row count of a MyISAM table behind its rows, without a mark that
/// every later reader would see; an INSERT then goes over them. CHECK TABLE sees it.
Result<bool> MysqlDatabase::is_damaged(const sql::Table& table) {
  bool is_damaged = false;
  VSTATE_TRY(run("CHECK TABLE " + quote(table.name), {}, [&](const sql::Values& row) {
    const auto kind = row[2].value_or("");
    is_damaged = is_damaged || kind == "error" || kind == "warning";
  }));
  return is_damaged;
}

Result<std::string> MysqlDatabase::write_obstacle() {
  std::string is_read_only;
  VSTATE_TRY(run("SELECT @@global.read_only", {},
                 [&](const sql::Values& row) { is_read_only = row[0].value_or("0"); }));
  if (is_read_only == "0") return std::string();
  // Some users may write all the same. A transaction that is told to write is refused to others.
  const auto begun = run("START TRANSACTION READ WRITE", {}, {});
  if (begun) VSTATE_TRY(run("ROLLBACK", {}, {}));
  return begun ? std::string()
               : place_ + ": the server is read-only (a replica?); connect to the one that is not";
}

}  // namespace

Result<std::unique_ptr<sql::Database>> open_mysql(System& system, const Server& server) {
  VSTATE_TRY_ASSIGN(const auto file, read_connection_file(system, server, "vpopmail.mysql"));
  if (!file.bytes)
    return fail(Errc::not_found, file.name + ": is missing; it says how to reach MySQL",
                Scope::run);
  auto connection = parse_mysql_connection(*file.bytes);
  if (!connection) return tl::unexpected<Error>(connection.error().in(file.name));
  Service usual{.host = {}, .port = k_usual_port, .sockets = {}};
  // Where Debian, Red Hat, and MySQL's own packages have it.
  if (connection->socket.empty())
    usual.sockets = {"/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"};
  else
    usual.sockets = {connection->socket};
  VSTATE_TRY_ASSIGN(const auto ways, ways_to(system, server, *connection, usual));
  return connect_by<MysqlDatabase>(ways, server.lock_seconds);
}

}  // namespace vstate
