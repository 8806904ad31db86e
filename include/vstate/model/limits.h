/// \file
/// The limits of a domain (vlimits.c), with one table of their names in each of the places that
/// hold them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/flags.h"

namespace vstate {

enum class LimitKind {
  count,       ///< how many of a thing; -1 is unlimited
  amount,      ///< bytes, megabytes, or messages; 0 is unlimited
  denial,      ///< 0 or 1: a service is closed to the whole domain
  permission,  ///< bits: 1 create, 2 modify, 4 delete; what a plain admin may not do
};

struct LimitName {
  std::string_view file_key;      ///< in .qmailadmin-limits
  std::string_view column;        ///< in the SQL table
  std::string_view document_key;  ///< in the TOML; for a denial the word in `disable`
  LimitKind kind;
  std::int64_t unset;    ///< what vlimits.c takes when the file does not name it
  std::int64_t maximum;  ///< largest value that means something; 0 for no bound
};

/// In the order in which vlimits.c:vlimits_write_limits_file writes them.
[[nodiscard]] const std::vector<LimitName>& limit_names();

/// The values that differ from `unset`, by file key. An empty map is a domain that has a limits
/// file which limits nothing; a domain without a file has no Limits at all.
using Limits = std::map<std::string, std::int64_t>;

/// The services that a domain's limits close to its accounts, but those with the flag
/// override_limits (vlimits.c:vlimits_get_flag_mask).
[[nodiscard]] Flags denials_by(const Limits&);

}  // namespace vstate
