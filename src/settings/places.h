/// \file
/// Where a server keeps the files of its settings.
#pragma once

#include <string>
#include <string_view>

#include "sys/files.h"
#include "vstate/model/server.h"
#include "vstate/model/template.h"

namespace vstate {

/// The path of a setting file (model/server_state.h). That of tcp_smtp is the first that is there
/// of vpopmail's own, /etc/tcp.smtp, and /etc/tcprules.d/tcp.smtp; vpopmail's if none is.
[[nodiscard]] Result<std::string> path_of_settings(const Files&, const Server&,
                                                   std::string_view file);

/// What templates in qmail/alias and control/defaultdelivery may name.
[[nodiscard]] Paths paths_of(const Server&);

}  // namespace vstate
