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

/// Returns 16 bytes that sort as the hash does.
[[nodiscard]] std::string to_bytes(const NameHash&);
/// Returns the hash of the first 16 bytes, or one of zeros if there are fewer.
[[nodiscard]] NameHash name_hash_of(std::string_view bytes);

constexpr std::size_t k_name_hash_digits = 32;
/// Returns lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const NameHash&);
/// Returns nullopt for what to_hex does not give.
[[nodiscard]] std::optional<NameHash> parse_name_hash(std::string_view digits);

}  // namespace vstate
