/// \file
/// What stands behind the name of an action, for people: "quota 50 MiB, password SHA-512".
#pragma once

#include <string>

#include "vstate/plan/plan.h"

namespace vstate::view {

/// Empty for what is taken away.
[[nodiscard]] std::string detail_of(const Action&);

}  // namespace vstate::view
