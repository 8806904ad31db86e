/// \file
/// The exit statuses of DESIGN section 2, in one place.
#pragma once

#include "vstate/base/result.h"

namespace vstate::cli {

enum class Exit : int {
  done = 0,
  error = 1,           ///< nothing was changed
  differences = 2,     ///< verify; plan and apply with --detailed-exitcode
  partly = 3,          ///< partly applied; run it again
  source_changed = 4,  ///< all copied, but the source changed meanwhile
  usage = 64,
  busy = 75,  ///< a lock is held
  interrupted = 130,
};

/// For an error that came before anything was changed.
[[nodiscard]] Exit exit_of(const Error&);

}  // namespace vstate::cli
