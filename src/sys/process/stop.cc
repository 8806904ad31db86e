#include "sys/process/stop.h"

#include <algorithm>

namespace vstate {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds k_part(200), k_when_told(1000);

std::atomic<const StopFlag*> g_stop{nullptr};  // waits are everywhere, and the run is one

}  // namespace

void end_waits_by(const StopFlag* stop) { g_stop = stop; }

bool is_told_to_stop() {
  const auto* stop = g_stop.load();
  return stop != nullptr && stop->load();
}

int Wait::milliseconds() const {
  if (patience_.count() == 0) return static_cast<int>(k_part.count());
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(begun_ + patience_ - steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, k_part.count()));
}

bool Wait::is_over() {
  const auto now = steady_clock::now();
  if (!told_ && is_told_to_stop()) told_ = now;
  if (told_ && now - *told_ >= k_when_told) return true;
  return patience_.count() != 0 && now - begun_ >= patience_;
}

}  // namespace vstate
