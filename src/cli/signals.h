/// \file
/// SIGINT and SIGTERM end a run between two steps.
#pragma once

#include "sys/process/interruptible.h"

namespace vstate::cli {

/// Set by the first signal; the second one ends the program at once.
[[nodiscard]] const StopFlag& stop_flag();
/// Installs the handlers. Until then a signal ends the program.
void watch_signals();

}  // namespace vstate::cli
