// PostgreSQL (vpgsql.c), by libpq. It has transactions for every table and one encoding for the
// whole database, so less has to be asked than of MySQL. Errors are sorted by SQLSTATE, as their
// texts come in the server's language, and a refused value is never shown: it may be a password.

#include <libpq-fe.h>

#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "sql/backends.h"
#include "sql/connection.h"
#include "sql/database.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::uint16_t k_usual_port = 5432;
/// The oldest with escapes and information_schema as they are used here.
constexpr int k_oldest = 90000;

struct Close {
  void operator()(PGconn* handle) const { PQfinish(handle); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, Close>;

Errc code_of(std::string_view state) {
  const auto is_class = [&](std::string_view name) { return state.substr(0, 2) == name; };
  if (state == "55P03" || state == "40P01" || state == "57014") return Errc::busy;
  if (state == "42501" || state == "25006" || is_class("28")) return Errc::denied;
  if (state == "3D000" || state == "42P01") return Errc::not_found;
  if (state == "23505") return Errc::conflict;
  // P0001 is what a trigger of the site's raises.
  if (is_class("22") || is_class("23") || state == "P0001") return Errc::invalid;
  return Errc::io;
}

/// "?" for each parameter becomes "$1", "$2", ... None of our texts has one in quotes.
std::string with_numbers(const std::string& statement) {
  std::string out;
  int number = 0;
  for (const char c : statement)
    if (c == '?')
      out += fmt::format("${}", ++number);
    else
      out += c;
  return out;
}

class PgsqlDatabase final : public sql::Database {
 public:
  Status connect(const DatabaseConnection&, int lock_seconds);

  [[nodiscard]] sql::Dialect dialect() const override { return sql::Dialect::pgsql; }
  [[nodiscard]] std::string description() const override { return place_; }
  /// The physical order, in which vpopmail's own query sees the rows of a small table.
  [[nodiscard]] std::string row_order() const override { return "ctid"; }
  [[nodiscard]] std::string alter(const sql::Table& table, const sql::Column& column,
                                  const std::string& type) const override {
    return fmt::format("ALTER TABLE {} ALTER COLUMN {} TYPE {}", quote(table.name),
                       quote(column.name), type);
  }
  Result<bool> keeps(const sql::Column&, const std::string& value) override;
  Result<std::string> write_obstacle() override;
  Result<std::uint64_t> run(const std::string& statement, const sql::Values& parameters,
                            const sql::RowVisitor& on_row) override;
  Result<sql::Schema> read_schema() override;

 private:
  [[nodiscard]] tl::unexpected<Error> error(const PGresult*) const;
  Result<std::string> prepare(const std::string& statement);

  std::unique_ptr<PGconn, Close> handle_;
  std::map<std::string, std::string> statements_;  ///< text -> name
  std::string place_, encoding_;
};

tl::unexpected<Error> PgsqlDatabase::error(const PGresult* result) const {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const char* primary =
      result != nullptr ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  if (state == nullptr)
    return fail(
        Errc::io,
        fmt::format("{}: {}", place_,
                    visible(trim_end(replace_all(PQerrorMessage(handle_.get()), "\n", " ")))),
        Scope::run);
  const auto code = code_of(state);
  // The server tells the value that it refuses, which may be secret.
  const std::string text =
      code == Errc::invalid || primary == nullptr ? "a value was refused" : visible(primary);
  return fail(code, fmt::format("{}: {} ({})", place_, text, state),
              code == Errc::invalid || code == Errc::conflict ? Scope::item : Scope::run);
}

Status PgsqlDatabase::connect(const DatabaseConnection& connection, int lock_seconds) {
  place_ = fmt::format("database {} of {}@{}", connection.database, connection.user,
                       connection.host.empty() ? "this machine" : connection.host);
  if (connection.port != 0) place_ += fmt::format(":{}", connection.port);
  const auto port = connection.port == 0 ? std::string() : std::to_string(connection.port);
  const char* keys[] = {
      "host", "port", "user", "password", "dbname", "client_encoding", "connect_timeout", nullptr};
  const char* values[] = {connection.host.c_str(),
                          port.c_str(),
                          connection.user.c_str(),
                          connection.password.reveal().c_str(),
                          connection.database.c_str(),
                          "UTF8",
                          "10",
                          nullptr};
  handle_.reset(PQconnectdbParams(keys, values, 0));
  if (PQstatus(handle_.get()) != CONNECTION_OK) {
    const std::string message(trim_end(replace_all(PQerrorMessage(handle_.get()), "\n", " ")));
    // A connection that was never made has no SQLSTATE, so that only the text says why.
    const bool is_denied = message.find("authentication") != std::string::npos ||
                           message.find("no pg_hba") != std::string::npos;
    return fail(is_denied ? Errc::denied : Errc::io,
                fmt::format("{}: {}", place_, visible(message)), Scope::run);
  }
  const int version = PQserverVersion(handle_.get());
  if (version < k_oldest)
    return fail(Errc::unsupported,
                fmt::format("{}: the server is PostgreSQL {}; vstate needs 9.0 or newer", place_,
                            visible(PQparameterStatus(handle_.get(), "server_version"))),
                Scope::run);
  const char* encoding = PQparameterStatus(handle_.get(), "server_encoding");
  encoding_ = encoding != nullptr ? encoding : "";
  VSTATE_TRY(run("SET standard_conforming_strings = on", {}, {}));
  VSTATE_TRY(run("SET client_min_messages = warning", {}, {}));
  // Servers before 9.3 wait without an end.
  (void)run(fmt::format("SET lock_timeout = '{}s'", lock_seconds), {}, {});
  return {};
}

Result<std::string> PgsqlDatabase::prepare(const std::string& statement) {
  auto& name = statements_[statement];
  if (name.empty()) {
    const auto made = fmt::format("vstate{}", statements_.size());
    const ResultHandle result(
        PQprepare(handle_.get(), made.c_str(), with_numbers(statement).c_str(), 0, nullptr));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return error(result.get());
    // The name is entered only now, so that a statement that failed is prepared again.
    name = made;
  }
  return name;
}

Result<std::uint64_t> PgsqlDatabase::run(const std::string& statement,
                                         const sql::Values& parameters,
                                         const sql::RowVisitor& on_row) {
  std::vector<const char*> values;
  for (const auto& value : parameters) values.push_back(value ? value->c_str() : nullptr);
  ResultHandle result;
  if (parameters.empty()) {
    result.reset(PQexec(handle_.get(), statement.c_str()));
  } else {
    VSTATE_TRY_ASSIGN(const auto name, prepare(statement));
    result.reset(PQexecPrepared(handle_.get(), name.c_str(), static_cast<int>(values.size()),
                                values.data(), nullptr, nullptr, 0));
  }
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return error(result.get());
  const int columns = PQnfields(result.get());
  for (int at = 0; on_row && at < PQntuples(result.get()); ++at) {
    sql::Values row;
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result.get(), at, column) != 0)
        row.emplace_back();
      else
        row.emplace_back(
            std::string(PQgetvalue(result.get(), at, column),
                        static_cast<std::size_t>(PQgetlength(result.get(), at, column))));
    }
    on_row(row);
  }
  return to_number(PQcmdTuples(result.get())).value_or(0);
}

Result<sql::Schema> PgsqlDatabase::read_schema() {
  // vpopmail names no schema, so its tables are in the first one of the search path.
  sql::Schema schema;
  VSTATE_TRY(
      run("SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, "
          "column_default, is_identity FROM information_schema.columns "
          "WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
          {}, [&](const sql::Values& row) {
            auto& table = schema[row[0].value_or("")];
            table.name = row[0].value_or("");
            sql::Column column;
            column.name = row[1].value_or("");
            column.type = row[2].value_or("");
            // information_schema gives the width apart; here it stands behind the type in
            // parentheses, as MySQL gives it.
            if (row[3]) column.type += fmt::format("({})", *row[3]);
            sql::read_type(column);
            column.is_nullable = row[4].value_or("") == "YES";
            column.has_default = row[5].has_value() || row[6].value_or("") == "YES";
            table.columns.push_back(std::move(column));
          }));
  return schema;
}

Result<bool> PgsqlDatabase::keeps(const sql::Column&, const std::string& value) {
  if (!is_utf8(value)) return false;
  // SQL_ASCII stands for bytes of any kind, which the server hands through.
  if (encoding_ == "UTF8" || encoding_ == "SQL_ASCII") return true;
  // The server is asked whether its encoding has the characters; an error is the answer no.
  return run("SELECT convert_from(convert_to(?, ?), ?)", {value, encoding_, encoding_}, {})
      .has_value();
}

Result<std::string> PgsqlDatabase::write_obstacle() {
  // A standby always says "on"; a server or a user may be set to it as well.
  std::string is_read_only;
  VSTATE_TRY(run("SHOW transaction_read_only", {},
                 [&](const sql::Values& row) { is_read_only = row[0].value_or(""); }));
  return is_read_only == "on"
             ? place_ + ": the server is read-only (a replica?); connect to the one that is not"
             : std::string();
}

}  // namespace

Result<std::unique_ptr<sql::Database>> open_pgsql(System& system, const Server& server) {
  VSTATE_TRY_ASSIGN(const auto file, read_connection_file(system, server, "vpopmail.pgsql"));
  // vpgsql.c connects with built-in values when the file is missing.
  auto connection = file.bytes ? parse_pgsql_connection(*file.bytes)
                               : Result<DatabaseConnection>(default_pgsql_connection());
  if (!connection) return tl::unexpected<Error>(connection.error().in(file.name));
  const auto port = connection->port == 0 ? k_usual_port : connection->port;
  const auto name = fmt::format("/.s.PGSQL.{}", port);
  Service usual{.host = {}, .port = port, .sockets = {"/var/run/postgresql" + name, "/tmp" + name}};
  if (connection->host.starts_with('/')) usual.sockets = {connection->host + name};
  VSTATE_TRY_ASSIGN(const auto ways, ways_to(system, server, *connection, usual));
  return connect_by<PgsqlDatabase>(ways, server.lock_seconds);
}

}  // namespace vstate
