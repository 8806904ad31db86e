// Where the server keeps the address and the password of its database: a file below vpopmail's etc.
// A copied server may have one that leads nowhere from here; --connection then names another, which
// alone counts.

#include "sql/connection.h"

#include <fcntl.h>

#include "sys/far_side.h"
#include "sys/handle.h"
#include "sys/path.h"

namespace vstate {

Result<ConnectionFile> read_connection_file(const Files& system, const Server& server,
                                            std::string_view name) {
  if (server.connection_file.empty()) {
    ConnectionFile file{path_join(path_join(server.vpopmail_dir, "etc"), name), std::nullopt};
    VSTATE_TRY_ASSIGN(file.bytes, system.read_if_there(file.name));
    return file;
  }
  // It is a file of this machine, outside the server's root.
  const Handle file(open(server.connection_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail_errno(server.connection_file, "cannot be read");
  VSTATE_TRY_ASSIGN(auto bytes, read_all(file.get(), server.connection_file));
  return ConnectionFile{server.connection_file, std::move(bytes)};
}

Result<Ways> ways_to(const Files& files, const Server& server, const DatabaseConnection& connection,
                     const Service& usual) {
  const auto* far = files.far_side();
  if (far == nullptr || !server.connection_file.empty()) return Ways{{connection}, {}};
  const bool is_its_own = connection.host.empty() || connection.host == "localhost" ||
                          connection.host == "127.0.0.1" || connection.host.starts_with('/');
  Service service{.host = is_its_own ? std::string() : connection.host,
                  .port = connection.port == 0 ? usual.port : connection.port,
                  .sockets = is_its_own ? usual.sockets : std::vector<std::string>()};
  VSTATE_TRY_ASSIGN(auto forwarded, far->forward(service));
  Ways ways{{}, std::move(forwarded.kept)};
  for (const auto& socket : forwarded.sockets) {
    auto way = connection;
    way.socket = socket;
    // PostgreSQL's library finds a socket by its directory and the port in its name.
    way.host = path_parent(socket);
    way.port = service.port;
    ways.connections.push_back(std::move(way));
  }
  return ways;
}

}  // namespace vstate
