#include "vstate/format/subscribers.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "vstate/base/result.h"
#include "vstate/base/text.h"

namespace vstate::ezmlm {

namespace {

constexpr char k_mark = 'T';  ///< begins each address, also for the hash
constexpr std::uint64_t k_start = 5381;

unsigned hash32(std::string_view text) {
  auto value = static_cast<std::uint32_t>(k_start);
  for (const char c : text) value = value * 33 ^ static_cast<unsigned char>(c);
  return value % k_buckets;
}

/// A byte above 0x7F is sign-extended to 32 bits, then taken as unsigned.
unsigned hash64(std::string_view text) {
  std::uint64_t value = k_start;
  for (const char c : text)
    value = value * 33 ^ static_cast<std::uint32_t>(static_cast<signed char>(c));
  return static_cast<unsigned>(value % k_buckets);
}

unsigned bucket_as_spelt(std::string_view address, HashRule rule) {
  const std::string text = k_mark + std::string(address);
  return rule == HashRule::bits32 ? hash32(text) : hash64(text);
}

/// Whether a reader with this rule finds the address in the bucket.
bool explains(HashRule rule, char name, std::string_view address) {
  return bucket_name(bucket(address, rule)) == name ||
         bucket_name(bucket_as_spelt(address, rule)) == name;
}

}  // namespace

unsigned bucket(std::string_view address, HashRule rule) {
  return bucket_as_spelt(to_lower(address), rule);
}

char bucket_name(unsigned bucket) {
  VSTATE_ASSERT(bucket < k_buckets);
  return static_cast<char>('@' + bucket);
}

Result<std::vector<std::string>> parse_bucket(std::string_view bytes) {
  std::vector<std::string> out;
  std::size_t at = 0;
  const auto refuse = [&](std::string_view what) {
    return fail(Errc::invalid, fmt::format("record at byte {}: {}", at, what));
  };
  while (at < bytes.size()) {
    if (bytes[at] != k_mark) return refuse("does not begin with \"T\"");
    const auto end = bytes.find('\0', at);
    if (end == std::string_view::npos) return refuse("is cut off");
    const auto address = bytes.substr(at + 1, end - at - 1);
    if (address.empty()) return refuse("no address");
    if (address.size() > k_address_maximum) return refuse("longer than ezmlm allows");
    out.emplace_back(address);
    at = end + 1;
  }
  return out;
}

std::string bucket_bytes(const std::vector<std::string>& addresses) {
  auto sorted = addresses;
  std::sort(sorted.begin(), sorted.end());
  std::string out;
  for (const auto& address : sorted) {
    out += k_mark;
    out.append(address).push_back('\0');
  }
  return out;
}

std::optional<HashRule> rule_of(const std::map<char, std::vector<std::string>>& buckets) {
  bool fits32 = true;
  bool fits64 = true;
  for (const auto& [name, addresses] : buckets)
    for (const auto& address : addresses) {
      fits32 = fits32 && explains(HashRule::bits32, name, address);
      fits64 = fits64 && explains(HashRule::bits64, name, address);
    }
  if (fits32 == fits64) return std::nullopt;
  return fits32 ? HashRule::bits32 : HashRule::bits64;
}

}  // namespace vstate::ezmlm
