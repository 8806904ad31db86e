// The lines of an increment's changes.

#include "archive/change_lines.h"

#include "archive/tar_reader.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(change_lines) {
  const auto lines = mail::parse_changes(bytes, "x");
  if (!lines) return;
  std::string text;
  for (const auto& line : *lines) {
    VSTATE_ASSERT(line.path.empty() || mail::checked_path(line.path) == line.path);
    text += mail::to_line(line.key, line.path);
  }
  const auto again = mail::parse_changes(text, "x");
  VSTATE_ASSERT(again && again->size() == lines->size());
  for (std::size_t i = 0; i < lines->size(); ++i)
    VSTATE_ASSERT((*again)[i].key == (*lines)[i].key && (*again)[i].path == (*lines)[i].path);
}
