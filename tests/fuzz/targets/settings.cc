// A file of server settings: its name, a key, a value, and the text that they are put into.

#include "format/settings_text.h"

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/base/text.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(settings) {
  fuzz::Input input(bytes);
  const auto file = setting_file(input.line());
  if (!file || file->shape == Shape::delivery) return;
  std::string key(input.line()), value(input.line());
  const auto text = input.rest();
  const auto before = parse_settings(*file, text);
  VSTATE_ASSERT(edit_settings(*file, text, {}) == text || !text.ends_with('\n'));

  if (file->folds_case) key = to_lower(key);
  if (file->shape == Shape::line) key.clear();
  if (file->shape == Shape::set) value.clear();
  if (file->shape == Shape::limits) return;
  if (!setting_problem(*file, key, value).empty()) return;
  auto wanted = before.values;
  wanted[key] = value;
  const auto edited = edit_settings(*file, text, {{key, value}});
  VSTATE_ASSERT(parse_settings(*file, edited).values == wanted);
  wanted.erase(key);
  const auto gone = edit_settings(*file, edited, {{key, std::nullopt}});
  // A file of one line is never without it.
  if (file->shape != Shape::line) VSTATE_ASSERT(parse_settings(*file, gone).values == wanted);
}
