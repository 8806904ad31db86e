// A limits file.

#include "format/limits_file.h"

#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(limits) {
  const auto read = parse_limits(bytes);
  const auto text = to_text(read.limits);
  VSTATE_ASSERT(text.size() <= k_limits_file_maximum);
  const auto again = parse_limits(text);
  VSTATE_ASSERT(again.limits == read.limits && again.blemishes.empty());
  VSTATE_ASSERT(to_text(again.limits) == text);
  (void)denials_by(read.limits);
}
