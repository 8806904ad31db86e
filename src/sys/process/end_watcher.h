/// \file
/// A second process that undoes something once this one is gone, however it ends: by a signal that
/// cannot be caught, too.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string_view>
#include <utility>

#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate {

/// Forks: make it before there are threads. The other process holds none of this one's files but
/// the one that it is given, and says nothing.
class EndWatcher {
 public:
  /// Called in the other process, with what was given to `start`. Says whether it worked.
  using Undo = std::function<bool(int given)>;

  EndWatcher() = default;
  /// `given` is an open file, or -1. `shown` stands in errors.
  [[nodiscard]] static Result<EndWatcher> start(int given, const Undo& undo,
                                                std::string_view shown);
  /// Lets go: it undoes.
  ~EndWatcher() { (void)end(false); }
  EndWatcher(EndWatcher&& other) noexcept
      : held_(std::move(other.held_)), process_(std::exchange(other.process_, -1)) {}
  EndWatcher& operator=(EndWatcher&& other) noexcept;

  [[nodiscard]] bool is_running() const { return process_ > 0; }
  /// Ends it. Unless it `is_undone` already, it is undone now, and that it worked is returned.
  bool end(bool is_undone);

 private:
  Handle held_;  ///< a byte in it says that nothing is left to undo; its end, that all is
  pid_t process_ = -1;
};

}  // namespace vstate
