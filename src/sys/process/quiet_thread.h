/// \file
/// Threads that no signal interrupts: a signal has to reach the thread that waits for a pipe of the
/// run.
#pragma once

#include <functional>
#include <thread>

namespace vstate {

/// Not joinable if there are too few threads left; who starts one must do without.
[[nodiscard]] std::thread start_quiet_thread(std::function<void()> work);

}  // namespace vstate
