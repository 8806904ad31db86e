/// \file
/// What only the target can tell of a file's values, gathered in one place: who has its names,
/// which programs are there, which hashes crypt(3) knows, what the back-end cannot hold, how much
/// is free, what its archives have that is missing here.
#pragma once

#include "engine/domain_file.h"
#include "engine/session.h"
#include "inspect/inspect.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

/// What qmail and vpopmail say of the file's names. The domain itself is not looked at.
[[nodiscard]] Result<TargetFacts> facts_of_names(Session&, const State& desired);

/// Adds all else to them. What is wrong with an archive goes into `diagnostics`, with its place in
/// the file.
Status add_facts(TargetFacts&, Session&, const DomainFile&, const Observation&, const PlanOptions&,
                 Diagnostics&);

/// The domain's paths; those of a domain that is not there begin where vpopmail would make it.
[[nodiscard]] Paths paths_on_target(const Observation&, const TargetFacts&);
[[nodiscard]] DomainLocation location_on_target(const Session&, const DomainName&,
                                                const Observation&, const TargetFacts&);

}  // namespace vstate::engine
