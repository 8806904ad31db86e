/// \file
/// 64-bit numbers as 8 bytes, in the order that the function's name says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vstate {

constexpr std::size_t k_number_bytes = sizeof(std::uint64_t);

/// The highest byte first, so that bytes sort as numbers do.
inline void append_big_endian(std::string& out, std::uint64_t number) {
  for (unsigned shift = 64; shift > 0; shift -= 8)
    out.push_back(static_cast<char>(number >> (shift - 8) & 0xFFU));
}

/// The number of the first 8 bytes; fewer bytes are a smaller number.
[[nodiscard]] inline std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, k_number_bytes))
    number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

/// The lowest byte first.
inline void append_little_endian(std::string& out, std::uint64_t number) {
  for (std::size_t i = 0; i < k_number_bytes; ++i, number >>= 8U)
    out.push_back(static_cast<char>(number & 0xFFU));
}

}  // namespace vstate
