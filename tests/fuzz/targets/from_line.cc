// The line that begins a message of an mbox.

#include "mbox/from_line.h"

#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(from_line) {
  const auto line = mbox::parse_from_line(bytes);
  if (!line) return;
  VSTATE_ASSERT(bytes.starts_with("From "));
  VSTATE_ASSERT(bytes.find(line->sender) != std::string_view::npos);
  const auto date = line->date({});
  // No zone is further from UTC than a day.
  const auto away = line->shown.time_since_epoch() - date.time_since_epoch();
  VSTATE_ASSERT(away <= std::chrono::days(2) && away >= -std::chrono::days(2));
}
