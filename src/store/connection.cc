#include "connection_impl.h"

#include <fstream>
#include <iterator>

namespace vstate {

Result<ConnectionFile> read_connection_file(const System& system, const Server& server,
                                            std::string_view name) {
  if (server.connection_file.empty()) {
    ConnectionFile file{path_join(path_join(server.vpopmail_dir, "etc"), name), std::nullopt};
    VSTATE_TRY_ASSIGN(file.bytes, system.read_if_there(file.name));
    return file;
  }
  std::ifstream stream(server.connection_file, std::ios::binary);
  if (!stream)
    return fail(Errc::not_found, server.connection_file + ": cannot be read", Scope::run);
  return ConnectionFile{server.connection_file,
                        std::string(std::istreambuf_iterator<char>(stream), {})};
}

}  // namespace vstate
