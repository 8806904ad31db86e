/// \file
/// What is kept of a message's unique name.
#pragma once

#include <compare>
#include <cstdint>

namespace vstate {

/// The first 128 bits of the SHA-256 of a name: what is kept in memory of it.
struct NameHash {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const NameHash&, const NameHash&) = default;
  friend bool operator==(const NameHash&, const NameHash&) = default;
};

}  // namespace vstate
