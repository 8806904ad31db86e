/// \file
/// What earlier pulls asked a server on another machine, kept on the target. The next one asks for
/// it at once, where a long way would be gone for each question.
#pragma once

#include <string>

#include "engine/session.h"

namespace vstate::engine {

/// Empty if nothing was kept for `root`. A file that cannot be read costs time alone.
[[nodiscard]] std::string asked_before(const Session& target, const std::string& root);
/// Below the run lock of the target. What cannot be written costs time alone.
void keep_asked(Session& target, const std::string& root, const Files& source);

}  // namespace vstate::engine
