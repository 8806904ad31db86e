// Lists of names that qmail reads and vpopmail keeps in an order of its own. The order means
// nothing to qmail, but a line out of place makes vpopmail sort the whole file at its next edit.
// Files of large servers have tens of thousands of lines, so their keys are kept and searched while
// they are in order; a file that is not is searched line by line.

#include "format/control.h"

#include <algorithm>

#include "vstate/base/result.h"
#include "vstate/base/text.h"

namespace vstate {

SortedLines::SortedLines(std::vector<std::string> lines) : lines_(std::move(lines)) {
  keys_.reserve(lines_.size());
  for (const auto& line : lines_) keys_.push_back(vpopmail_sort_key(line));
  is_sorted_ = std::is_sorted(keys_.begin(), keys_.end());
}

bool SortedLines::contains(std::string_view exact) const {
  if (!is_sorted_) return std::find(lines_.begin(), lines_.end(), exact) != lines_.end();
  // Several lines can have one key: "example.com" and "example.com:prefix" do. Only the whole line
  // decides.
  const auto [first, last] = std::equal_range(keys_.begin(), keys_.end(), vpopmail_sort_key(exact));
  const auto start = lines_.begin() + (first - keys_.begin());
  return std::find(start, start + (last - first), exact) != start + (last - first);
}

bool SortedLines::insert(std::string line) {
  // vpopmail does not look, and a repeated run of its tools leaves the line twice.
  if (contains(line)) return false;
  auto key = vpopmail_sort_key(line);
  // In a file out of order the first greater line counts, as vpopmail would have it before it
  // sorts.
  const auto greater = is_sorted_
                           ? std::upper_bound(keys_.begin(), keys_.end(), key)
                           : std::find_if(keys_.begin(), keys_.end(),
                                          [&](const std::string& other) { return other > key; });
  lines_.insert(lines_.begin() + (greater - keys_.begin()), std::move(line));
  keys_.insert(greater, std::move(key));
  return true;
}

bool SortedLines::remove(std::string_view exact) {
  return remove_if([&](std::string_view line) { return line == exact; });
}

bool SortedLines::remove_if(const std::function<bool(std::string_view)>& is_out) {
  std::size_t kept = 0;
  // Lines and their keys move up together in one pass: thousands of lines may go at once.
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (is_out(lines_[i])) continue;
    if (kept != i) {
      lines_[kept] = std::move(lines_[i]);
      keys_[kept] = std::move(keys_[i]);
    }
    ++kept;
  }
  if (kept == lines_.size()) return false;
  lines_.resize(kept);
  keys_.resize(kept);
  return true;
}

ControlFile ControlFile::parse(std::string_view bytes) {
  ControlFile out;
  std::vector<std::string> lines;
  for (const auto line : split_lines(bytes)) lines.emplace_back(line);
  out.lines_ = SortedLines(std::move(lines));
  // An unchanged file must give its own bytes again, or a plan would show a difference that nobody
  // made.
  out.lacks_final_newline_ = !bytes.empty() && bytes.back() != '\n';
  return out;
}

std::string ControlFile::bytes() const {
  std::string out = join_lines(lines());
  if (lacks_final_newline_) out.pop_back();
  return out;
}

bool ControlFile::has_line(std::string_view exact) const { return lines_.contains(exact); }

std::vector<std::string> ControlFile::entries() const {
  std::vector<std::string> out;
  for (const auto& line : lines()) {
    // Only the first byte makes a comment; blanks in front are part of a name that then never
    // matches.
    const auto entry = trim_end(line);
    if (!entry.empty() && entry.front() != '#') out.emplace_back(entry);
  }
  return out;
}

bool ControlFile::insert_sorted(std::string line) {
  // A newline within would be a second line that nobody checked.
  VSTATE_ASSERT(line.find('\n') == std::string::npos);
  if (!lines_.insert(std::move(line))) return false;
  lacks_final_newline_ = false;
  return true;
}

bool ControlFile::remove(std::string_view exact) {
  if (!lines_.remove(exact)) return false;
  lacks_final_newline_ = false;
  return true;
}

std::string vpopmail_sort_key(std::string_view line) {
  auto name = line.substr(0, line.find(':'));
  if (!name.empty() && (name.front() == '+' || name.front() == '=')) {
    // A line of users/assign. vpopmail drops the last byte of its key without looking at it.
    name.remove_prefix(1);
    if (!name.empty()) name.remove_suffix(1);
  }
  std::vector<std::string> labels;
  for (const auto label : split(name, '.'))
    if (!label.empty()) labels.emplace_back(label);
  if (labels.size() > 2) std::rotate(labels.begin(), labels.end() - 2, labels.end());
  return join(labels, ".");
}

std::optional<std::string> virtual_user(const ControlFile& virtualdomains,
                                        std::string_view domain) {
  const auto wanted = to_lower(domain);
  std::optional<std::string> out;
  // The loop goes on after a hit: of equal keys in a map file qmail takes the last one
  // (constmap.c).
  for (const auto& entry : virtualdomains.entries()) {
    const auto colon = entry.find(':');
    if (colon == std::string::npos || to_lower(entry.substr(0, colon)) != wanted) continue;
    out = entry.substr(colon + 1);
  }
  return out;
}

}  // namespace vstate
