/// \file
/// Which tables a SQL back-end keeps the accounts of a server in.
#pragma once

#include <optional>
#include <vector>

#include "model/account_tables.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/names.h"

namespace vstate {

/// Nothing for a back-end that keeps accounts in files. Reads the connection file and the schema.
[[nodiscard]] Result<std::optional<AccountTables>> read_account_tables(
    System&, const Server&, const std::vector<DomainName>&);

}  // namespace vstate
