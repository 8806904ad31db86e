/// \file
/// Waits for other programs and machines, which end soon once the run shall stop.
#pragma once

#include <chrono>
#include <optional>

#include "sys/process/interruptible.h"

namespace vstate {

/// Of all waits of this process from now on; null: none ends for that. The flag must outlive them.
void end_waits_by(const StopFlag* stop);
[[nodiscard]] bool is_told_to_stop();

/// A wait for somebody who may be silent for `patience`, 0: for ever. It is done in parts, since
/// the signal that sets the flag may have come to another thread. Once the flag is set it goes on
/// for a second: what is under way may still come, and who is silent need not be waited for.
class Wait {
 public:
  explicit Wait(std::chrono::seconds patience)
      : patience_(patience), begun_(std::chrono::steady_clock::now()) {}
  /// The next part of it, for poll(2).
  [[nodiscard]] int milliseconds() const;
  [[nodiscard]] bool is_over();

 private:
  std::chrono::seconds patience_;
  std::chrono::steady_clock::time_point begun_;
  std::optional<std::chrono::steady_clock::time_point> told_;  ///< when the flag was seen
};

}  // namespace vstate
