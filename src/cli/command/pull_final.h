/// \file
/// `pull --final`.
#pragma once

#include <vector>

#include "cli/console.h"
#include "cli/options.h"
#include "engine/session.h"

namespace vstate::cli {

/// The last mile of these domains, from a source whose files this program reads.
[[nodiscard]] Exit pull_finally(const CommonOptions&, const PullOptions&, engine::Session& target,
                                engine::Session& source, const engine::ServerOptions& place,
                                const std::vector<DomainName>&);

}  // namespace vstate::cli
