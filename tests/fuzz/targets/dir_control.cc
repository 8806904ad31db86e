// .dir-control, and where the next entries go by it.

#include "format/dir_control.h"

#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(dir_control) {
  auto control = parse_dir_control(bytes);
  if (!control) {
    // What vpopmail's reader does not take, the other one does not either.
    VSTATE_ASSERT(!parse_whole_dir_control(bytes));
    return;
  }
  const auto again = parse_whole_dir_control(to_text(*control));
  VSTATE_ASSERT(again && *again == *control);
  // Two levels' worth of additions, each read again as vpopmail does.
  constexpr int additions = 500;
  for (int i = 0; i < additions; ++i) {
    const auto directory = advance(*control);
    VSTATE_ASSERT(directory == control->directory);
    auto next = parse_dir_control(to_text(*control));
    if (!next) break;
    VSTATE_ASSERT(next->directory == directory);
    control = std::move(next);
  }
  retreat(*control);
}
