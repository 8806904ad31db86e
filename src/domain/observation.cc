// A domain that qmail knows and that has nothing is the picture of a disk that is not mounted. To
// take it for an empty state would delete the domain at the target, so it is an error instead.

#include "domain/observation.h"

#include <fmt/format.h>

namespace vstate {

std::string why_not_a_source(const Observation& found) {
  const auto& directory = found.condition.directory;
  if (!found.condition.has_directory)
    return fmt::format(
        "{} is in users/assign and is not there; if it is on a disk of its own, mount it",
        directory);
  if (!found.accounts.empty()) return {};
  return fmt::format(
      "no account of it can be found in {}; if the directory is on a disk of its own, mount it",
      directory);
}

}  // namespace vstate
