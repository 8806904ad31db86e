// The file of secrets that belongs to an open domain file.

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/document/document.h"
#include "vstate/document/secrets.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(secrets_file) {
  constexpr std::string_view open =
      "vstate = 1\n[domain]\nname = \"example.com\"\nsecrets = true\n[mailbox.alice]\n"
      "[mailbox.bob]\n[list.news]\n";
  Diagnostics diagnostics;
  auto state = document::read(open, "open.toml", diagnostics);
  VSTATE_ASSERT(state.has_value());
  const bool is_added = document::add_secrets(*state, bytes, "secrets.toml", {}, diagnostics);
  VSTATE_ASSERT(is_added != diagnostics.has_errors());
  if (!is_added) return;
  auto again = document::read(document::write_split(*state).open, "open.toml", diagnostics);
  VSTATE_ASSERT(again.has_value());
  VSTATE_ASSERT(document::add_secrets(*again, document::write_split(*state).secrets, "secrets.toml",
                                      {}, diagnostics));
  VSTATE_ASSERT(*again == *state);
}
