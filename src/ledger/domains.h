/// \file
/// The numbers that the ledger's tables have for those whose memory they keep.
#pragma once

#include <cstdint>
#include <optional>

#include "ledger/subject.h"
#include "vstate/base/result.h"

namespace vstate {

class Database;

/// Nothing: the ledger knows nothing of that domain.
[[nodiscard]] Result<std::optional<std::int64_t>> find_domain(Database&, const Subject&);
/// Enters the domain if it is not known.
Result<std::int64_t> domain_number(Database&, const Subject&);

}  // namespace vstate
