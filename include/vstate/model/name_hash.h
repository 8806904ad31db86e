/// \file
/// What is kept of a message's unique name.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vstate {

/// The first 128 bits of the SHA-256 of a name: what is kept in memory of it.
struct NameHash {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const NameHash&, const NameHash&) = default;
  friend bool operator==(const NameHash&, const NameHash&) = default;
};

constexpr std::size_t k_name_hash_digits = 32;
/// In lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const NameHash&);
/// Nothing if that is not what to_hex gives.
[[nodiscard]] std::optional<NameHash> parse_name_hash(std::string_view digits);

}  // namespace vstate
