// The journal of a cutover.

#include "cutover/journal.h"

#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(cutover_journal) {
  const auto journal = cutover::parse_journal(std::string(bytes), "journal");
  if (!journal) return;
  const auto text = cutover::to_json(*journal);
  const auto again = cutover::parse_journal(text, "journal");
  VSTATE_ASSERT(again && cutover::to_json(*again) == text);
  VSTATE_ASSERT(again->files == journal->files && again->names == journal->names);
}
