// Where the server keeps the address and the password of its database: a file below vpopmail's etc.
// A copied server may have one that leads nowhere from here; --connection then names another, which
// alone counts.

#include "sql/connection.h"

#include <fcntl.h>

#include "sys/handle.h"

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

}  // namespace vstate
