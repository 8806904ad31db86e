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

/// 8 bytes, the highest first, so that bytes sort as numbers do; and the number of the first 8.
void append_number(std::string& out, std::uint64_t number);
[[nodiscard]] std::uint64_t number_of(std::string_view bytes);

/// 16 bytes that sort as the hash does; and the hash of the first 16.
[[nodiscard]] std::string to_bytes(const NameHash&);
[[nodiscard]] NameHash name_hash_of(std::string_view bytes);

constexpr std::size_t k_name_hash_digits = 32;
/// In lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const NameHash&);
/// Nothing if that is not what to_hex gives.
[[nodiscard]] std::optional<NameHash> parse_name_hash(std::string_view digits);

}  // namespace vstate
