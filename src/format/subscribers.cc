// ezmlm finds a subscriber by the hash of the address, and the width of that hash depends on the
// version and the machine. So addresses travel and files do not: each is put where the target's
// ezmlm looks for it, by the rule that an existing list there follows.

#include "format/subscribers.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "vstate/base/result.h"
#include "vstate/base/text.h"

namespace vstate::ezmlm {

namespace {

constexpr char k_mark = 'T';  ///< begins each address, also for the hash
constexpr std::uint64_t k_start = 5381;

/// The rule of ezmlm 0.53 and of older idx: 32 bits and unsigned bytes.
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
  // New entries go by the whole address in lower case, whatever their local part looks like.
  return bucket_as_spelt(to_lower(address), rule);
}

char bucket_name(unsigned bucket) {
  VSTATE_ASSERT(bucket < k_buckets);
  return static_cast<char>('@' + bucket);
}

Bucket parse_bucket(std::string_view bytes) {
  Bucket out;
  // A bad record does not end the file: the next one begins behind the next NUL.
  for (std::size_t at = 0; at < bytes.size();) {
    const auto end = bytes.find('\0', at);
    const auto record = bytes.substr(at, end == std::string_view::npos ? end : end - at);
    std::string_view what;
    if (end == std::string_view::npos)
      what = "is cut off";
    else if (record.empty() || record.front() != k_mark)
      what = "does not begin with \"T\"";
    else if (record.size() == 1)
      what = "holds no address";
    else if (record.size() - 1 > k_address_maximum)
      what = "is longer than ezmlm allows";
    if (what.empty()) {
      out.addresses.emplace_back(record.substr(1));
    } else {
      // Enough to find it by; the file may be damaged from here to its end.
      constexpr std::size_t shown = 80;
      out.blemishes.push_back(fmt::format("the record at byte {} {}: \"{}\"", at, what,
                                          visible(record.substr(0, shown))));
    }
    if (end == std::string_view::npos) break;
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
  // One address in a place that only one of the rules gives is enough to tell them apart. Where
  // both give all places, as with short addresses, nothing is known.
  for (const auto& [name, addresses] : buckets)
    for (const auto& address : addresses) {
      fits32 = fits32 && explains(HashRule::bits32, name, address);
      fits64 = fits64 && explains(HashRule::bits64, name, address);
    }
  if (fits32 == fits64) return std::nullopt;
  return fits32 ? HashRule::bits32 : HashRule::bits64;
}

}  // namespace vstate::ezmlm
