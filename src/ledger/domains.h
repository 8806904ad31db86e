/// \file
/// The numbers that the ledger's tables have for domains.
#pragma once

#include <cstdint>
#include <optional>

#include "vstate/base/result.h"
#include "vstate/model/names.h"

namespace vstate {

class Database;

/// Nothing: the ledger knows nothing of that domain.
[[nodiscard]] Result<std::optional<std::int64_t>> find_domain(Database&, const DomainName&);
/// Enters the domain if it is not known.
Result<std::int64_t> domain_number(Database&, const DomainName&);

}  // namespace vstate
