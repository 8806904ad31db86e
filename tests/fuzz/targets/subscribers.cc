// A bucket of an ezmlm list.

#include "format/subscribers.h"

#include <algorithm>

#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(subscribers) {
  auto bucket = ezmlm::parse_bucket(bytes);
  for (const auto& address : bucket.addresses)
    for (const auto rule : {ezmlm::HashRule::bits32, ezmlm::HashRule::bits64})
      VSTATE_ASSERT(ezmlm::bucket(address, rule) < ezmlm::k_buckets);
  (void)ezmlm::rule_of({{'@', bucket.addresses}});
  const auto again = ezmlm::parse_bucket(ezmlm::bucket_bytes(bucket.addresses));
  std::sort(bucket.addresses.begin(), bucket.addresses.end());
  VSTATE_ASSERT(again.addresses == bucket.addresses && again.blemishes.empty());
}
