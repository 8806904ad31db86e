/// \file
/// What earlier runs did, as the ledger of a server has it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/session.h"
#include "ledger/ledger.h"

namespace vstate::engine {

/// The last runs with their changes, at most `most`, of one domain unless its name is empty. A
/// server without a ledger has none.
[[nodiscard]] Result<std::vector<Run>> earlier_runs(const ServerOptions&, const std::string& domain,
                                                    std::uint64_t most);

}  // namespace vstate::engine
