// The first SIGINT or SIGTERM ends a run between two steps, the second one at once. Both are safe,
// since each step is one that a later run can go on from; the first one only leaves less to do
// again.

#include "cli/signals.h"

#include <csignal>
#include <cstdlib>

#include "cli/exit.h"
#include "sys/process/stop.h"

namespace vstate::cli {

namespace {

StopFlag g_stop{false};  // a signal handler has no other way to pass it on

void on_signal(int) {
  // A handler may only do what POSIX lists for it: setting a lock-free flag, and _Exit, which runs
  // no destructor.
  if (g_stop.exchange(true)) std::_Exit(static_cast<int>(Exit::interrupted));
}

}  // namespace

const StopFlag& stop_flag() { return g_stop; }

void watch_signals() {
  end_waits_by(&g_stop);
  struct sigaction action {};
  // Without SA_RESTART a read of a pipe returns, so that a run that waits for the other side ends
  // too.
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace vstate::cli
