// qmail's control files of many lines: a line, and a text that it is put into and taken out of.

#include "format/control.h"

#include "format/line_edits.h"
#include "format/morercpthosts.h"
#include "fuzz.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(control) {
  fuzz::Input input(bytes);
  const std::string line(input.line());
  const auto text = input.rest();

  auto file = ControlFile::parse(text);
  VSTATE_ASSERT(file.bytes() == text);
  (void)virtual_user(file, line);
  const auto records = morercpthosts_records(file);
  VSTATE_ASSERT(records.size() == file.entries().size());
  const auto index = cdb::write(records);
  VSTATE_ASSERT(cdb::read(index) == records);
  const auto old_lines = file.lines();
  if (file.insert_sorted(line)) {
    const auto again = ControlFile::parse(file.bytes());
    VSTATE_ASSERT(again.has_line(line) && again.lines() == file.lines());
    VSTATE_ASSERT(file.remove(line) && file.lines() == old_lines);
  } else {
    VSTATE_ASSERT(file.has_line(line));
    VSTATE_ASSERT(file.remove(line) && !file.has_line(line));
  }

  // What was edited is taken back to the byte.
  auto lines = EditableLines::parse(text);
  VSTATE_ASSERT(lines.bytes() == text);
  std::vector<LineEdit> edits;
  edits.push_back(lines.insert(text.size() % (lines.all().size() + 1), line));
  edits.push_back(lines.remove(line.size() % lines.all().size()));
  edits.push_back(lines.append(line));
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit)
    VSTATE_ASSERT(lines.take_back(*edit));
  VSTATE_ASSERT(lines.bytes() == text);
}
