// The TOML file of a domain, in one text and with its secrets in another.

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/document/document.h"
#include "vstate/document/secrets.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(domain_file) {
  Diagnostics diagnostics;
  const auto state = document::read(bytes, "x.toml", diagnostics);
  VSTATE_ASSERT(state.has_value() != diagnostics.has_errors());
  for (const auto& item : diagnostics.sorted()) (void)to_text(item);
  if (!state) return;

  Diagnostics of_written;
  const auto text = document::write(*state);
  const auto again = document::read(text, "y.toml", of_written);
  VSTATE_ASSERT(again && *again == *state);
  VSTATE_ASSERT(document::write(*again) == text);

  const auto split = document::write_split(*state);
  Diagnostics of_split;
  auto whole = document::read(split.open, "open.toml", of_split);
  VSTATE_ASSERT(whole.has_value());
  VSTATE_ASSERT(document::add_secrets(*whole, split.secrets, "secrets.toml", {}, of_split));
  VSTATE_ASSERT(*whole == *state);
}
