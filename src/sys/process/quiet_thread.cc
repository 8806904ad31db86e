#include "sys/process/quiet_thread.h"

#include <csignal>
#include <system_error>
#include <utility>

namespace vstate {

std::thread start_quiet_thread(std::function<void()> work) {
  sigset_t all{}, old{};
  sigfillset(&all);
  // A thread begins with the mask of who starts it.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  std::thread thread;
  try {
    thread = std::thread(std::move(work));
  } catch (const std::system_error&) {
    // Too few threads are no reason to copy no mail.
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return thread;
}

}  // namespace vstate
