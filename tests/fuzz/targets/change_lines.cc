// The lines of an increment's changes.

#include "archive/change_lines.h"

#include <optional>
#include <vector>

#include "archive/tar_reader.h"
#include "fuzz.h"

using namespace vstate;

namespace {

/// nullopt if one of them is none.
std::optional<std::vector<mail::ChangeLine>> changes_in(std::string_view text) {
  std::vector<mail::ChangeLine> lines;
  const auto taken = mail::for_each_change(text, "x", [&](const mail::ChangeLine& line) -> Status {
    lines.push_back(line);
    return {};
  });
  return taken ? std::optional(std::move(lines)) : std::nullopt;
}

}  // namespace

VSTATE_FUZZ_TARGET(change_lines) {
  const auto lines = changes_in(bytes);
  if (!lines) return;
  std::string text;
  for (const auto& line : *lines) {
    VSTATE_ASSERT(line.path.empty() || mail::checked_path(line.path) == line.path);
    text += mail::to_line(line.key, line.path);
  }
  const auto again = changes_in(text);
  VSTATE_ASSERT(again && again->size() == lines->size());
  for (std::size_t i = 0; i < lines->size(); ++i)
    VSTATE_ASSERT((*again)[i].key == (*lines)[i].key && (*again)[i].path == (*lines)[i].path);
}
