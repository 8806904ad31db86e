// 128 bits of a name's digest, in memory, in the ledger and in streams. The bytes sort as the
// numbers do, so that a sorted file is a sorted memory.

#include "vstate/model/name_hash.h"

#include <charconv>

#include <fmt/format.h>

#include "base/number_bytes.h"

namespace vstate {

namespace {

constexpr std::size_t k_digits = 16;

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  // All digits must be taken: a shorter number would be another hash.
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string to_bytes(const NameHash& hash) {
  std::string bytes;
  // The higher half comes first, or the bytes would not sort as the hashes do.
  append_big_endian(bytes, hash.high);
  append_big_endian(bytes, hash.low);
  return bytes;
}

NameHash name_hash_of(std::string_view bytes) {
  // Fewer bytes come from a file that was cut off; zeros are no name's hash.
  if (bytes.size() < 2 * k_number_bytes) return {};
  return {from_big_endian(bytes), from_big_endian(bytes.substr(k_number_bytes))};
}

std::string to_hex(const NameHash& hash) {
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

std::optional<NameHash> parse_name_hash(std::string_view digits) {
  if (digits.size() != k_name_hash_digits) return std::nullopt;
  const auto high = from_hex(digits.substr(0, k_digits)), low = from_hex(digits.substr(k_digits));
  if (!high || !low) return std::nullopt;
  const NameHash hash{*high, *low};
  // Capitals are another text of the same hash, which nobody writes.
  return to_hex(hash) == digits ? std::optional(hash) : std::nullopt;
}

}  // namespace vstate
