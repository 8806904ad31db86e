/// \file
/// A system that stops between two steps when somebody asks for it.
#pragma once

#include <atomic>

#include "sys/local_system.h"

namespace vstate {

/// Set once a run shall stop. A signal handler may set it.
using StopFlag = std::atomic<bool>;
static_assert(StopFlag::is_always_lock_free);

/// Refuses further steps once the flag is set: what is done stays done.
class InterruptibleSystem : public LocalSystem {
 public:
  /// `stop` must outlive it; null: nothing stops it.
  InterruptibleSystem(std::string root, const StopFlag* stop)
      : LocalSystem(std::move(root)), stop_(stop) {}
  Status before_step(std::string_view what, std::string_view path) override;

 private:
  const StopFlag* stop_;
};

}  // namespace vstate
