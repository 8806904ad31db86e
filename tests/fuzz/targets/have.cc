// What the reader of a stream says that it has.

#include "archive/stream.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(have) {
  const auto have = parse_have(bytes);
  if (!have) return;
  const auto text = to_bytes(*have);
  const auto again = parse_have(text);
  VSTATE_ASSERT(again && again->size() == have->size() && to_bytes(*again) == text);
  for (const auto& [box, memory] : *have)
    for (const auto& entry : memory.entries()) VSTATE_ASSERT(memory.find(entry.key) != nullptr);
}
