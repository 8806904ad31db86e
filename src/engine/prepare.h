/// \file
/// A domain file against the server as it is now.
#pragma once

#include <string>

#include "engine/domain_file.h"
#include "engine/session.h"
#include "inspect/inspect.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

struct Prepared {
  Observation observation;
  TargetFacts facts;
  Plan plan;
};
/// `feed` names where mail comes from that no archive holds; empty: nowhere. What is wrong with the
/// file's archives goes into `diagnostics`.
[[nodiscard]] Result<Prepared> prepare(Session&, const DomainFile&, const PlanOptions&,
                                       Diagnostics&, const std::string& feed = "");

}  // namespace vstate::engine
