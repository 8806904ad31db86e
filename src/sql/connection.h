/// \file
/// What the back-ends with a server of their own have in common before they connect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/connection_file.h"
#include "sql/database.h"
#include "sys/far_side.h"
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

/// Connections to try, one after the other, each good as long as `kept` lives. A server on another
/// machine is reached through its own ssh, unless --connection says how it is reached from here.
struct Ways {
  std::vector<DatabaseConnection> connections;
  std::shared_ptr<const void> kept;
};
/// `usual` is what an address of this machine stands for.
[[nodiscard]] Result<Ways> ways_to(const Files&, const Server&, const DatabaseConnection&,
                                   const Service& usual);

/// Connects by the first way that works, and fails as the last one does.
template <class Database>
[[nodiscard]] Result<std::unique_ptr<sql::Database>> connect_by(const Ways& ways,
                                                                int lock_seconds) {
  Status status;
  for (const auto& way : ways.connections) {
    auto database = std::make_unique<Database>();
    status = database->connect(way, lock_seconds);
    if (!status) continue;
    database->keep(ways.kept);
    return database;
  }
  return propagate(status);
}

}  // namespace vstate
