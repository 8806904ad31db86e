// The lines that a cutover changes: a file's name, a relay, a domain, and the text.

#include "cutover/relay_lines.h"

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/model/names.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(relay_lines) {
  fuzz::Input input(bytes);
  const auto name = cutover::parse_control_name(input.line());
  const auto relay = cutover::Relay::parse(input.line());
  const auto domain = DomainName::parse(input.line());
  const auto text = input.rest();
  if (relay) {
    const auto again = cutover::Relay::parse(relay->text());
    VSTATE_ASSERT(again && again->text() == relay->text() && again->host() == relay->host());
  }
  if (!name || !relay || !domain) return;
  auto lines = EditableLines::parse(text);
  const auto edits = cutover::turn_away(*name, lines, domain->text(), *relay);
  // Once they are so, nothing is left to do.
  auto changed = EditableLines::parse(lines.bytes());
  VSTATE_ASSERT(cutover::turn_away(*name, changed, domain->text(), *relay).empty());
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit)
    VSTATE_ASSERT(lines.take_back(*edit));
  VSTATE_ASSERT(lines.bytes() == text);
}
