#include "vstate/format/control.h"

#include <algorithm>

#include "vstate/base/result.h"
#include "vstate/base/text.h"

namespace vstate {

ControlFile ControlFile::parse(std::string_view bytes) {
  ControlFile out;
  for (const auto line : split_lines(bytes)) out.lines_.emplace_back(line);
  out.lacks_final_newline_ = !bytes.empty() && bytes.back() != '\n';
  return out;
}

std::string ControlFile::bytes() const {
  std::string out = join_lines(lines_);
  if (lacks_final_newline_) out.pop_back();
  return out;
}

bool ControlFile::has_line(std::string_view exact) const {
  return std::find(lines_.begin(), lines_.end(), exact) != lines_.end();
}

std::vector<std::string> ControlFile::entries() const {
  std::vector<std::string> out;
  for (const auto& line : lines_) {
    const auto entry = trim_end(line);
    if (!entry.empty() && entry.front() != '#') out.emplace_back(entry);
  }
  return out;
}

bool ControlFile::insert_sorted(std::string line) {
  VSTATE_ASSERT(line.find('\n') == std::string::npos);
  if (has_line(line)) return false;
  const auto at = static_cast<std::ptrdiff_t>(vpopmail_insert_position(lines_, line));
  lines_.insert(lines_.begin() + at, std::move(line));
  lacks_final_newline_ = false;
  return true;
}

bool ControlFile::remove(std::string_view exact) {
  if (std::erase(lines_, exact) == 0) return false;
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

std::size_t vpopmail_insert_position(const std::vector<std::string>& lines, std::string_view line) {
  const auto key = vpopmail_sort_key(line);
  const auto greater = [&](const std::string& other) { return vpopmail_sort_key(other) > key; };
  return static_cast<std::size_t>(std::find_if(lines.begin(), lines.end(), greater) -
                                  lines.begin());
}

std::optional<std::string> virtual_user(const ControlFile& virtualdomains,
                                        std::string_view domain) {
  const auto wanted = to_lower(domain);
  std::optional<std::string> out;
  for (const auto& entry : virtualdomains.entries()) {
    const auto colon = entry.find(':');
    if (colon == std::string::npos || to_lower(entry.substr(0, colon)) != wanted) continue;
    out = entry.substr(colon + 1);
  }
  return out;
}

}  // namespace vstate
