/// \file
/// What a server is set to, as its own files say. Lines of vpopmail's domains are theirs and are
/// passed over; what is there and cannot be said is left out by name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "qmail/qmail_files.h"
#include "sys/files.h"
#include "vstate/model/server.h"
#include "vstate/model/server_state.h"

namespace vstate {

struct ServerObservation {
  ServerState state;
  std::vector<std::string> remarks;  ///< what a person should know
  std::string stale_rules;           ///< why tcp.smtp is not in force as it stands; empty: it is
  std::set<std::string> uncompiled;  ///< names that morercpthosts has and its .cdb has not
  std::set<std::string> served;      ///< names of vpopmail's domains, aliases included
  /// What locals says where the file is missing: control/me, in lower case.
  std::string implied_local;
};

/// Fails if something is there and cannot be read.
[[nodiscard]] Result<ServerObservation> inspect_settings(const Files&, const Server&,
                                                         const QmailFiles&);

}  // namespace vstate
