/// \file
/// What the back-ends with a server of their own have in common before they connect.
#pragma once

#include <optional>
#include <string>

#include "format/connection_file.h"
#include "sys/system.h"
#include "vstate/model/server.h"

namespace vstate {

/// The bytes of the connection file, and its name for errors: the one that was named, on this
/// machine, or the server's own below vpopmail's etc. Nothing if that is not there.
struct ConnectionFile {
  std::string name;
  std::optional<std::string> bytes;
};
[[nodiscard]] Result<ConnectionFile> read_connection_file(const Files&, const Server&,
                                                          std::string_view name);

}  // namespace vstate
