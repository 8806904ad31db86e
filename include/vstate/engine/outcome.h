/// \file
/// How the apply of a domain ended, and what a verification of it found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/model/names.h"
#include "vstate/plan/plan.h"
#include "vstate/plan/report.h"

namespace vstate::engine {

/// How the apply of one domain ended.
enum class Ending {
  unchanged,  ///< there was nothing to do
  done,
  partly,   ///< some of it failed; the report says what
  stopped,  ///< an error ended it; what was done is done
  refused,  ///< nothing was changed
  stale,    ///< nothing was changed: a saved plan does not hold any more
};

struct ApplyOutcome {
  DomainName domain;
  Ending ending = Ending::refused;
  std::vector<Error> errors = {};  ///< why it was stopped or refused
  ApplyReport report = {};         ///< of what is done, or partly done
  /// "Applied: 4 added, 1 changed, 0 deleted; 1,200 messages (45.1 MiB) copied."
  std::string summary = {};
  bool has_changed = false;  ///< false also for a feed that brought nothing
};

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

}  // namespace vstate::engine
