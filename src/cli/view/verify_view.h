/// \file
/// What a person sees of a verification.
#pragma once

#include <string>

#include "engine/verify.h"

namespace vstate::cli {

/// A line for each thing that is not as it should be, and one that sums up.
[[nodiscard]] std::string text_of(const std::string& domain, const engine::Verification&,
                                  engine::Depth);

}  // namespace vstate::cli
