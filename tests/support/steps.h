/// \file
/// At which of many steps something is stopped.
#pragma once

#include <cstdlib>
#include <random>
#include <vector>

namespace vstate::test {

/// Whether all is tried and not a sample.
inline bool is_deep() { return std::getenv("VSTATE_DEEP") != nullptr; }

/// All of 1 to `last` in a deep run, else one of each `few` that follow each other: another one
/// in each run, so that all have their turn. A test names the step that it failed at.
inline std::vector<long> steps_to_stop_at(long last, long few) {
  if (is_deep()) few = 1;
  std::random_device random;
  std::vector<long> steps;
  for (long first = 1; first <= last; first += few) {
    const auto step = first + static_cast<long>(random() % static_cast<unsigned long>(few));
    if (step <= last) steps.push_back(step);
  }
  return steps;
}

}  // namespace vstate::test
