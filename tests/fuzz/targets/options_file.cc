// /etc/vstate.toml.

#include "vstate/document/options_file.h"
#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(options_file) {
  Diagnostics diagnostics;
  for (const auto& option : document::read_options(bytes, "vstate.toml", diagnostics)) {
    VSTATE_ASSERT(option.place.line > 0);
    VSTATE_ASSERT(option.is_array || option.values.size() == 1);
    VSTATE_ASSERT(!option.is_flag || option.values.front() == "true" ||
                  option.values.front() == "false");
  }
  for (const auto& item : diagnostics.sorted()) (void)to_text(item);
}
