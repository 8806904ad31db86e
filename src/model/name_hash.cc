#include "vstate/model/name_hash.h"

#include <charconv>

#include <fmt/format.h>

namespace vstate {

namespace {

constexpr std::size_t k_digits = 16;

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

void append_number(std::string& out, std::uint64_t number) {
  for (unsigned shift = 64; shift > 0; shift -= 8)
    out.push_back(static_cast<char>(number >> (shift - 8) & 0xFFU));
}

std::uint64_t number_of(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, sizeof number))
    number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

std::string to_bytes(const NameHash& hash) {
  std::string bytes;
  append_number(bytes, hash.high);
  append_number(bytes, hash.low);
  return bytes;
}

NameHash name_hash_of(std::string_view bytes) {
  constexpr std::size_t half = sizeof(std::uint64_t);
  if (bytes.size() < 2 * half) return {};
  return {number_of(bytes), number_of(bytes.substr(half))};
}

std::string to_hex(const NameHash& hash) {
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

std::optional<NameHash> parse_name_hash(std::string_view digits) {
  if (digits.size() != k_name_hash_digits) return std::nullopt;
  const auto high = from_hex(digits.substr(0, k_digits)), low = from_hex(digits.substr(k_digits));
  if (!high || !low) return std::nullopt;
  return NameHash{*high, *low};
}

}  // namespace vstate
