/// \file
/// server.toml: a server's own settings, dumped, compared, and carried out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/session.h"
#include "vstate/base/diagnostics.h"
#include "vstate/engine/outcome.h"
#include "vstate/model/server_state.h"
#include "vstate/plan/report.h"
#include "vstate/plan/server_plan.h"

namespace vstate::engine {

/// A file of settings that was read and checked.
struct ServerFile {
  std::string name;  ///< as it was given; "standard input" for "-"
  ServerState state;
  std::string digest = {};  ///< of its bytes
};

struct ServerDump {
  std::string text;
  std::vector<std::string> remarks;
  std::vector<LeftOut> left_out;
};
[[nodiscard]] Result<ServerDump> dump_settings(Session&, const Selection& = {});

/// A selection without the patterns that are about settings, such as "server.control.*": those that
/// match a file that vstate knows, or one of these files has. What is left is said of domains.
[[nodiscard]] Selection without_settings(Selection, const std::vector<ServerFile>& = {});

/// Compares a file with the server as it is now, and with what the last apply left.
[[nodiscard]] Result<ServerPlan> plan_settings(Session&, const ServerFile&,
                                               const ServerPlanOptions&);

struct ServerOutcome {
  Ending ending = Ending::refused;
  std::vector<Error> errors = {};         ///< why it was stopped or refused
  std::vector<Failure> failures = {};     ///< by the address of the file
  std::vector<std::string> remarks = {};  ///< what has to be restarted or compiled
  std::string summary = {};
  bool has_changed = false;
};
/// Carries a plan out, a file at a time. The run lock is held. A file that fails holds up no other,
/// but for rcpthosts, which waits until all that would deliver is in its place.
[[nodiscard]] ServerOutcome apply_settings(Session&, const ServerFile&, const ServerPlan&);

}  // namespace vstate::engine
