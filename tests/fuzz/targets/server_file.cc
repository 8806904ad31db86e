// server.toml.

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/document/server_document.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(server_file) {
  Diagnostics diagnostics;
  const auto state = document::read_server(bytes, "server.toml", diagnostics);
  VSTATE_ASSERT(state.has_value() != diagnostics.has_errors());
  for (const auto& item : diagnostics.sorted()) (void)to_text(item);
  (void)document::is_server_document(bytes);
  if (!state) return;
  const auto text = document::write_server(*state);
  VSTATE_ASSERT(document::is_server_document(text));
  Diagnostics of_written;
  const auto again = document::read_server(text, "again.toml", of_written);
  VSTATE_ASSERT(again && *again == *state);
  VSTATE_ASSERT(document::write_server(*again) == text);
}
