// A stored quota.

#include "vstate/model/quota.h"

#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(quota) {
  const auto quota = parse_quota(bytes);
  VSTATE_ASSERT(parse_quota(to_vpopmail(quota)) == quota);
  (void)fits_vpopmail(quota);
}
