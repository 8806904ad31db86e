// A server's etc/localtime, asked for some instants.

#include "mbox/time_zone.h"

#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(time_zone) {
  fuzz::Input input(bytes);
  const auto seconds = std::chrono::seconds(input.number() % (std::uint64_t{1} << 34U));
  const auto zone = mbox::TimeZone::parse(input.rest());
  if (!zone) return;
  for (const auto at : {std::chrono::seconds(0), seconds}) {
    const auto offset = zone->offset_at(std::chrono::sys_seconds(at));
    VSTATE_ASSERT(offset <= std::chrono::days(8) && offset >= -std::chrono::days(8));
    const auto utc = zone->to_utc(std::chrono::local_seconds(at));
    const auto away = utc.time_since_epoch() - at;
    VSTATE_ASSERT(away <= std::chrono::days(8) && away >= -std::chrono::days(8));
  }
}
