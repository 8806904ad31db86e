/// \file
/// A digest of what a plan would do: two plans that have the same one do the same.
#pragma once

#include <string>

#include "vstate/plan/plan.h"
#include "vstate/plan/server_plan.h"

namespace vstate {

/// SHA-256 over the domain, the server, and each action, note, and problem, in hexadecimal.
/// Messages are counted and not named; secrets enter with their digests.
[[nodiscard]] std::string fingerprint_of(const Plan&);
/// The same of a server's settings.
[[nodiscard]] std::string fingerprint_of(const ServerPlan&);

}  // namespace vstate
