/// \file
/// What a program that calls vstate is told by the exit status: the only place that knows the
/// numbers.
#pragma once

#include "dump/dump.h"
#include "engine/run/apply_domains.h"
#include "engine/server_settings.h"
#include "pull/pull.h"
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
[[nodiscard]] Exit exit_of(const engine::ApplyOutcome&);
[[nodiscard]] Exit exit_of(const engine::ServerOutcome&);
/// A dump that leaves something out says so by its status.
[[nodiscard]] Exit exit_of(const engine::DumpReport&);

/// Whether differences are told from their absence (--detailed-exitcode).
enum class ExitDetail { plain, detailed };
[[nodiscard]] Exit exit_of(const engine::StreamReport&, ExitDetail);
[[nodiscard]] Exit exit_of(const engine::PullReport&, ExitDetail);

}  // namespace vstate::cli
