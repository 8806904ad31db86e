/// \file
/// What a file's archives have that the target lacks.
#pragma once

#include "engine/domain_file.h"
#include "engine/session.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

/// Compares each archive with its directory. Archives that the ledger knows to be wholly in are not
/// read, unless the options ask for it. What is wrong with one goes into `diagnostics`.
[[nodiscard]] std::vector<ArchiveReport> compare_archives(const Session&, const DomainFile&,
                                                          const Paths&, const PlanOptions&,
                                                          Diagnostics&);

}  // namespace vstate::engine
