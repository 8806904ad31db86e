// Quotas as vpopmail reads and writes them. Old data has several spellings, and vpopmail's reading
// of some surprises ("1G" is one byte). What it does with a text is what counts for the mailbox, so
// the text is read the same way.

#include "vstate/model/quota.h"

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

/// As much as the file can say; vpopmail's own numbers are signed too.
constexpr std::uint64_t k_most = INT64_MAX;

/// The digits at the start of `text`, as strtoll reads them; what follows is ignored.
std::uint64_t leading_number(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (k_most - digit) / 10) return k_most;
    value = value * 10 + digit;
  }
  return value;
}

bool take_suffix(std::string_view& text, char upper, char lower) {
  if (text.empty() || (text.back() != upper && text.back() != lower)) return false;
  text.remove_suffix(1);
  return true;
}

std::uint64_t parse_size(std::string_view part) {
  take_suffix(part, 'S', 's');
  take_suffix(part, 'B', 'b');
  std::uint64_t unit = 1;
  if (take_suffix(part, 'M', 'm'))
    unit = 1048576;
  else if (take_suffix(part, 'K', 'k'))
    unit = 1024;
  const auto number = leading_number(part);
  return number > k_most / unit ? k_most : number * unit;
}

}  // namespace

Quota parse_quota(std::string_view stored) {
  Quota quota;
  // vdelivermail looks at these two characters only.
  if (stored.substr(0, 2) == "NO") return quota;
  for (const auto part : split(stored, ',')) {
    // Only a capital C makes a number of messages; of equal parts the last one counts.
    if (!part.empty() && part.back() == 'C')
      quota.messages = leading_number(part);
    else if (!part.empty())
      quota.bytes = parse_size(part);
  }
  return quota;
}

std::string to_vpopmail(const Quota& quota) {
  if (quota.is_unlimited()) return "NOQUOTA";
  if (quota.messages == 0) return fmt::format("{}S", quota.bytes);
  if (quota.bytes == 0) return fmt::format("{}C", quota.messages);
  return fmt::format("{}S,{}C", quota.bytes, quota.messages);
}

bool fits_vpopmail(const Quota& quota) { return to_vpopmail(quota).size() <= 20; }

}  // namespace vstate
