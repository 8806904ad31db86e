/// \file
/// Mailbox quotas, in vpopmail's spellings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vstate {

/// 0 means "no limit of this kind"; both 0 is NOQUOTA.
struct Quota {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  [[nodiscard]] bool is_unlimited() const { return bytes == 0 && messages == 0; }
  friend bool operator==(const Quota&, const Quota&) = default;
};

/// Reads a stored quota as vpopmail.c:format_maildirquota does, whatever its age: "NOQUOTA",
/// "10M", "20MB", "512k", "5000", "1000C,10485760S". Text that vpopmail reads as nothing is no
/// quota; "1G" is one byte, as vpopmail takes it.
[[nodiscard]] Quota parse_quota(std::string_view stored);

/// "NOQUOTA", "10485760S", "1000C", or "10485760S,1000C".
[[nodiscard]] std::string to_vpopmail(const Quota&);

/// vpopmail keeps 20 characters of a quota.
[[nodiscard]] bool fits_vpopmail(const Quota&);

}  // namespace vstate
