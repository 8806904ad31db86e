/// \file
/// What a program that is linked statically must be told.
#pragma once

namespace vstate::cli {

/// To be called first, in the static program alone (VSTATE_STATIC).
void load_no_libraries();

}  // namespace vstate::cli
