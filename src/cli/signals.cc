#include "cli/signals.h"

#include <csignal>
#include <cstdlib>

#include "cli/exit.h"

namespace vstate::cli {

namespace {

StopFlag g_stop{false};  // a signal handler has no other way to pass it on

void on_signal(int) {
  if (g_stop.exchange(true)) std::_Exit(static_cast<int>(Exit::interrupted));
}

}  // namespace

const StopFlag& stop_flag() { return g_stop; }

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace vstate::cli
