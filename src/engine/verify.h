/// \file
/// Proof that a domain is there as its file says, and that its mail arrives.
#pragma once

#include "engine/domain_file.h"
#include "engine/session.h"
#include "vstate/engine/outcome.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

/// Reads both sides again and tries every address: nothing that an apply reported is believed. What
/// is wrong with the file's archives goes into `diagnostics`.
[[nodiscard]] Result<Verification> verify(Session&, const DomainFile&, PlanOptions, Depth,
                                          Diagnostics&);

}  // namespace vstate::engine
