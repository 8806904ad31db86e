// A line is known by its text and its neighbours. Where those are not both there, vpopmail's order
// says where it belongs, if the file is in it; and its number decides last, since numbers shift
// with every line that others add.

#include "format/line_edits.h"

#include <algorithm>

#include "format/control.h"
#include "vstate/base/result.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

std::size_t distance_between(std::size_t a, std::size_t b) { return a < b ? b - a : a - b; }

/// The number nearest to `wanted`, up to `count`, for which `is_right` holds.
template <class Predicate>
std::optional<std::size_t> nearest(std::size_t wanted, std::size_t count,
                                   const Predicate& is_right) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i <= count; ++i)
    if (is_right(i) && (!found || distance_between(i, wanted) < distance_between(*found, wanted)))
      found = i;
  return found;
}

/// Where a line belongs among lines in vpopmail's order; nullopt if they are not.
std::optional<std::size_t> sorted_place(const std::vector<std::string>& lines,
                                        std::string_view line) {
  std::vector<std::string> keys;
  keys.reserve(lines.size());
  for (const auto& other : lines) keys.push_back(vpopmail_sort_key(other));
  if (!std::is_sorted(keys.begin(), keys.end())) return std::nullopt;
  const auto place = std::upper_bound(keys.begin(), keys.end(), vpopmail_sort_key(line));
  return static_cast<std::size_t>(place - keys.begin());
}

}  // namespace

EditableLines EditableLines::parse(std::string_view bytes) {
  EditableLines out;
  for (const auto line : split_lines(bytes)) out.lines_.emplace_back(line);
  out.lacks_newline_ = !bytes.empty() && bytes.back() != '\n';
  return out;
}

std::string EditableLines::bytes() const {
  auto out = join_lines(lines_);
  if (lacks_newline_ && !out.empty()) out.pop_back();
  return out;
}

void EditableLines::describe(LineEdit& edit) const {
  if (edit.index > 0) edit.previous = lines_[edit.index - 1];
  if (edit.index < lines_.size()) edit.next = lines_[edit.index];
}

LineEdit EditableLines::remove(std::size_t index) {
  VSTATE_ASSERT(index < lines_.size());
  LineEdit edit{.kind = LineEdit::Kind::remove, .line = lines_[index], .index = index};
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(index));
  describe(edit);
  // What comes to be the last line has its newline already.
  if (index == lines_.size()) edit.lacked_newline = std::exchange(lacks_newline_, false);
  return edit;
}

LineEdit EditableLines::insert(std::size_t index, std::string line) {
  VSTATE_ASSERT(line.find('\n') == std::string::npos);
  LineEdit edit{.kind = LineEdit::Kind::add, .line = line, .index = index};
  describe(edit);
  if (index == lines_.size()) edit.lacked_newline = std::exchange(lacks_newline_, false);
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(index), std::move(line));
  return edit;
}

void EditableLines::put_back(const LineEdit& edit) {
  const auto has_previous = [&](std::size_t i) {
    return i == 0 ? !edit.previous : edit.previous == lines_[i - 1];
  };
  const auto has_next = [&](std::size_t i) {
    return i == lines_.size() ? !edit.next : edit.next == lines_[i];
  };
  const auto count = lines_.size();
  auto place = nearest(edit.index, count, [&](auto i) { return has_previous(i) && has_next(i); });
  if (!place) place = sorted_place(lines_, edit.line);
  // Between them, another one of the lines that were taken out may be back already: it stood
  // before this one, or it would be the next of it.
  if (!place && edit.next) place = nearest(edit.index, count, has_next);
  if (!place && edit.previous) place = nearest(edit.index, count, has_previous);
  const auto index = place.value_or(std::min(edit.index, count));
  if (index == count && edit.lacked_newline) lacks_newline_ = true;
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(index), edit.line);
}

bool EditableLines::take_back(const LineEdit& edit) {
  if (edit.kind == LineEdit::Kind::remove) {
    put_back(edit);
    return true;
  }
  const auto count = lines_.size();
  const auto found =
      nearest(edit.index, count, [&](auto i) { return i < count && lines_[i] == edit.line; });
  if (!found) return false;
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(*found));
  if (*found + 1 == count && !lines_.empty() && edit.lacked_newline) lacks_newline_ = true;
  return true;
}

}  // namespace vstate
