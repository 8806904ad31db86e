/// \file
/// Proof that a domain is there as its file says, and that its mail arrives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/domain_file.h"
#include "engine/session.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

/// How messages of archives are compared with those that are there.
enum class Depth { names_and_sizes, content };

/// What is not as the file says, of one domain.
struct Verification {
  std::vector<Action> differences;    ///< what an apply would do
  std::vector<std::string> problems;  ///< all else, one line each
  std::vector<Note> kept;             ///< what a person changed here after the last apply
  std::uint64_t addresses = 0, archives = 0;
  [[nodiscard]] bool is_whole() const { return differences.empty() && problems.empty(); }
};

/// Reads both sides again and tries every address: nothing that an apply reported is believed. What
/// is wrong with the file's archives goes into `diagnostics`.
[[nodiscard]] Result<Verification> verify(Session&, const DomainFile&, PlanOptions, Depth,
                                          Diagnostics&);

}  // namespace vstate::engine
