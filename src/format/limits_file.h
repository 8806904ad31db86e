/// \file
/// The text of a domain's limits: DOMDIR/.qmailadmin-limits, VPOPMAILDIR/etc/vlimits.default.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/limits.h"

namespace vstate {

/// vpopmail reads this many bytes of a limits file and no more (vlimits.c).
constexpr std::size_t k_limits_file_maximum = 2046;

/// Reads as vlimits.c:vlimits_read_limits_file does: a setting per line, ended by LF or CR; "#"
/// begins a comment line; between name and value any blanks, tabs, and colons; a flag is set by
/// being named, whatever follows it; names that vpopmail does not know count for nothing; of equal
/// names the last counts. Values are cut to the bits vpopmail keeps (perm_maillist nine, the other
/// perm_* three). Text behind a blank that follows the value counts for nothing, and so does a name
/// with nothing behind it.
///
/// A value that is no whole number, or does not fit vpopmail's variable, is what vpopmail takes it
/// for, the digits at its front or 0, and is named in `blemishes`; so is what stands behind
/// vpopmail's buffer, which it does not read.
struct LimitsText {
  Limits limits;
  std::vector<std::string> blemishes;  ///< "line 3: quota: \"10M\" is no whole number; ..."
};
[[nodiscard]] LimitsText parse_limits(std::string_view bytes);

/// What vpopmail's variable keeps of a stored number: a permission some bits, a flag 1. An amount
/// below 0 becomes more than there is room for anywhere, which is no limit. nullopt: out of range.
[[nodiscard]] std::optional<std::int64_t> kept_limit(const LimitName&, std::int64_t value);

/// All names in the order of vlimits.c:vlimits_write_limits_file, each with ": " and its value;
/// flags by their name alone and only if set. vpopmail's own writer puts the bits for list users
/// and moderators into perm_quota, where its reader drops them; here they stay in perm_maillist.
[[nodiscard]] std::string to_text(const Limits&);

}  // namespace vstate
