// A plan that `plan -o` has saved.

#include "engine/saved_plan.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(saved_plan) {
  const auto plan = engine::parse_plan(std::string(bytes), "plan.json");
  if (!plan || !*plan) return;
  const auto text = engine::to_text(**plan);
  const auto again = engine::parse_plan(text, "plan.json");
  VSTATE_ASSERT(again && *again);
  VSTATE_ASSERT(engine::to_text(**again) == text);
}
