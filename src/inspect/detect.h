/// \file
/// What server is this: directories, version, compile options, and from what each was told.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/files.h"
#include "vstate/model/server.h"

namespace vstate {

/// What a person says instead of detection; empty parts are detected.
struct ServerOverrides {
  std::string vpopmail_dir, qmail_dir, ezmlm_dir, autorespond;
  std::vector<std::string> homes;
  std::string version;          ///< "5.4" or "5.6"
  std::string backend;          ///< "auto", or one of compiled_backends()
  std::string connection_file;  ///< on this machine, instead of the server's own
  int lock_seconds = 25;        ///< see Server
  std::string clear_passwords;  ///< "yes" or "no"
  std::string ezmlm_hash;       ///< "32" or "64"
};

/// The vpopmail home comes from its account, else from users/assign; compile options from
/// include/vpopmail_config.h below it, else from what the stored data shows. Fails with `not_found`
/// when there is no vpopmail or no qmail, with `unsupported` for a back-end not compiled in.
[[nodiscard]] Result<Server> detect_server(const Files&, const ServerOverrides&);
/// What Files::gather gave on the way, for who asks about the same places next.
using Gathered = std::vector<std::shared_ptr<const void>>;
[[nodiscard]] Result<Server> detect_server(const Files&, const ServerOverrides&, Gathered&);

}  // namespace vstate
