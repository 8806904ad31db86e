/// \file
/// What a run found before it changed a domain, and what it made of it: what it takes to take it
/// back. Files in /var/lib/vstate/runs below the root, for root alone, since they hold hashes;
/// those of the newest runs are kept. Mail is not in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sys/system.h"
#include "vstate/model/state.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

struct RunRecord {
  std::int64_t run = 0;
  std::optional<State> before;  ///< nullopt: the domain was not on this server
  State after;
};

/// The state that a plan makes of another one, as far as it is configuration.
[[nodiscard]] State state_after(const Plan&, const State* before);
/// Whether a plan changes any configuration.
[[nodiscard]] bool changes_configuration(const Plan&);

/// On the disk when it returns.
Status keep_record(System&, std::int64_t run, const State* before, const State& after);
/// Removes what no run will ask for: records that are long past, and temporaries of stopped runs.
/// Once a process is enough, since it lists all of them.
Status forget_past_records(System&, std::int64_t newest);
/// Fails with `not_found` for a run without a record, with `invalid` for a damaged one.
[[nodiscard]] Result<RunRecord> load_record(const Files&, std::int64_t run);

}  // namespace vstate::engine
