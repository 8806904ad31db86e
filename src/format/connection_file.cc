// The files hold the database's password, so an error names the line and the count of fields and
// shows nothing of them. vpopmail itself goes on with whatever strtok(3) leaves when a field is
// missing, which could mean another database; here such a line is an error.

#include "format/connection_file.h"

#include <optional>
#include <vector>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::size_t k_connection_fields = 5;
constexpr std::size_t k_longest_connection_line = 255;

struct Line {
  std::size_t number;
  std::string_view text;
};

/// The lines that say something. An error names a line, never what stands there.
Result<std::vector<Line>> connection_lines(std::string_view bytes) {
  std::vector<Line> lines;
  std::size_t number = 0;
  for (const auto line : split_lines(bytes)) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (line.find('\0') != std::string_view::npos)
      return fail(Errc::invalid, fmt::format("line {}: a NUL byte", number));
    // vpopmail's buffer ends here, and it would take the rest for something else.
    if (line.size() > k_longest_connection_line)
      return fail(Errc::invalid, fmt::format("line {}: {} bytes, vpopmail reads {}", number,
                                             line.size(), k_longest_connection_line));
    lines.push_back({number, line});
  }
  if (lines.empty()) return fail(Errc::invalid, "no line says how to connect");
  return lines;
}

Result<std::uint16_t> port_of(const Line& line, std::string_view text) {
  constexpr std::uint64_t highest = 65535;
  const auto port = to_number(text);
  if (!port || *port > highest)
    return fail(Errc::invalid, fmt::format("line {}: the second field is no port", line.number));
  return static_cast<std::uint16_t>(*port);
}

tl::unexpected<Error> wrong_count(const Line& line, std::size_t count) {
  return fail(Errc::invalid,
              fmt::format("line {}: {} field{}, {} expected: host|port|user|password|database",
                          line.number, count, count == 1 ? "" : "s", k_connection_fields));
}

}  // namespace

Result<DatabaseConnection> parse_mysql_connection(std::string_view bytes) {
  VSTATE_TRY_ASSIGN(const auto lines, connection_lines(bytes));
  // vpopmail does all but full listings on the connection for updates, which is the second line
  // where there is one. Both are checked, since vpopmail's full listings go by the first.
  std::optional<DatabaseConnection> last;
  constexpr std::size_t used_lines = 2;
  for (std::size_t at = 0; at < lines.size() && at < used_lines; ++at) {
    const auto& line = lines[at];
    std::vector<std::string> fields;
    // strtok(3) takes several separators for one, so an empty field is not seen at all; the count
    // is then wrong and tells it.
    for (const auto field : split(line.text, '|'))
      if (!field.empty()) fields.emplace_back(field);
    if (fields.size() != k_connection_fields) return wrong_count(line, fields.size());
    DatabaseConnection connection{fields[0], 0, {}, fields[2], Secret(fields[3]), fields[4]};
    // The second field is a socket if it is a path, else a port.
    if (fields[1].front() == '/') {
      connection.socket = fields[1];
    } else {
      VSTATE_TRY_ASSIGN(connection.port, port_of(line, fields[1]));
    }
    last = std::move(connection);
  }
  return *std::move(last);
}

DatabaseConnection default_pgsql_connection() {
  return {"", 0, "", "postgres", Secret(), "vpopmail"};
}

Result<DatabaseConnection> parse_pgsql_connection(std::string_view bytes) {
  VSTATE_TRY_ASSIGN(const auto lines, connection_lines(bytes));
  const auto& line = lines.front();
  // This reader keeps empty fields, and gives them defaults.
  const auto fields = split(line.text, '|');
  if (fields.size() != k_connection_fields) return wrong_count(line, fields.size());
  auto connection = default_pgsql_connection();
  connection.host = fields[0];
  if (!fields[1].empty()) {
    VSTATE_TRY_ASSIGN(connection.port, port_of(line, fields[1]));
  }
  if (!fields[2].empty()) connection.user = fields[2];
  connection.password = Secret(std::string(fields[3]));
  if (!fields[4].empty()) connection.database = fields[4];
  return connection;
}

}  // namespace vstate
