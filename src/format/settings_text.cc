// A person has written these files, with comments and an order of their own, and other programs
// read them by rules that differ in what counts of equal keys. So a change touches the lines of its
// keys and no other, and what stands on them is judged as the file's reader judges it.

#include "format/settings_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "format/control.h"
#include "format/limits_file.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

struct Entry {
  std::string key, value;
};

/// A line as the file's reader takes it; nothing: it counts for nothing.
std::optional<Entry> entry_of(const SettingFile& file, std::string_view line) {
  const auto text = trim_end(line);
  if (text.empty() || text.front() == '#') return std::nullopt;
  const auto folded = [&](std::string_view key) {
    return file.folds_case ? to_lower(key) : std::string(key);
  };
  switch (file.shape) {
    case Shape::set:
      return Entry{folded(text), ""};
    case Shape::map:
    case Shape::rules: {
      const auto colon = text.find(':');
      if (colon == std::string_view::npos) return std::nullopt;
      return Entry{folded(text.substr(0, colon)), std::string(text.substr(colon + 1))};
    }
    case Shape::pairs: {
      const auto blank = text.find_first_of(" \t");
      if (blank == std::string_view::npos || blank == 0) return std::nullopt;
      const auto value = text.find_first_not_of(" \t", blank);
      return Entry{std::string(text.substr(0, blank)), std::string(text.substr(value))};
    }
    case Shape::limits: {
      // Values are read by format/limits_file; a line is known by its name.
      const auto end = text.find_first_of(" \t:");
      return Entry{std::string(text.substr(0, end)), ""};
    }
    case Shape::line:
    case Shape::delivery:
      break;
  }
  return std::nullopt;
}

std::string line_of(const SettingFile& file, const std::string& key, const std::string& value) {
  switch (file.shape) {
    case Shape::set:
      return key;
    case Shape::map:
    case Shape::rules:
      return key + ":" + value;
    case Shape::pairs:
      return key + " " + value;
    case Shape::limits: {
      const auto& names = limit_names();
      const bool is_flag = std::any_of(names.begin(), names.end(), [&](const LimitName& name) {
        return name.file_key == key && name.kind == LimitKind::denial;
      });
      return is_flag ? key : key + ": " + value;
    }
    case Shape::line:
    case Shape::delivery:
      break;
  }
  return value;
}

/// What is in force of a limits file.
Settings limits_of(std::string_view bytes, std::vector<std::string>& blemishes) {
  Settings out;
  auto text = parse_limits(bytes);
  for (const auto& [key, value] : text.limits) out.emplace(key, std::to_string(value));
  blemishes = std::move(text.blemishes);
  return out;
}

/// Why a line means nothing, though it looks as if it did; empty if it does.
std::string why_unread(const SettingFile& file, std::string_view line) {
  const auto text = trim_end(line);
  if (text.empty() || text.front() == '#') return {};
  if (text.back() == '\r') return "ends with a carriage return, so it matches nothing";
  if (text.front() == ' ' || text.front() == '\t')
    return "begins with a blank, so it matches nothing";
  return entry_of(file, line) ? std::string() : "has no value";
}

/// Lines by their keys: a list of senders may have a hundred thousand.
class EditedLines {
 public:
  EditedLines(const SettingFile& file, std::string_view bytes) : file_(file) {
    for (const auto line : split_lines(bytes)) lines_.emplace_back(line);
    index();
  }

  void set(const std::string& key, const std::string& value,
           const std::vector<std::string>& rule_order) {
    auto line = line_of(file_, key, value);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return add(std::move(line), key, rule_order);
    const auto in_force =
        file_.shape == Shape::rules ? found->second.front() : found->second.back();
    if (trim_end(*lines_[in_force]) != line) lines_[in_force] = std::move(line);
  }
  void remove(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    // Places stay as they are until the end.
    for (const auto place : found->second) lines_[place].reset();
    by_key_.erase(found);
  }
  [[nodiscard]] std::string bytes() const {
    std::string out;
    for (const auto& line : lines_)
      if (line) out.append(*line).append("\n");
    return out;
  }

 private:
  void index() {
    by_key_.clear();
    for (std::size_t place = 0; place < lines_.size(); ++place) {
      if (!lines_[place] || !why_unread(file_, *lines_[place]).empty()) continue;
      if (const auto entry = entry_of(file_, *lines_[place])) by_key_[entry->key].push_back(place);
    }
  }
  void add(std::string line, const std::string& key, const std::vector<std::string>& order) {
    if (file_.shape != Shape::rules) {
      by_key_[key].push_back(lines_.size());
      lines_.emplace_back(std::move(line));
      return;
    }
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(first_behind(key, order)),
                  std::move(line));
    // There are few rules.
    index();
  }
  /// The first line of a rule that stands behind `key` in the order.
  [[nodiscard]] std::size_t first_behind(const std::string& key,
                                         const std::vector<std::string>& order) const {
    auto first = lines_.size();
    const auto own = std::find(order.begin(), order.end(), key);
    if (own == order.end()) return first;
    for (auto next = own + 1; next != order.end(); ++next)
      if (const auto found = by_key_.find(*next); found != by_key_.end())
        first = std::min(first, found->second.front());
    return first;
  }

  const SettingFile& file_;
  std::vector<std::optional<std::string>> lines_;  ///< nothing: removed
  std::map<std::string, std::vector<std::size_t>> by_key_;
};

bool is_in_vpopmails_order(const SettingFile& file) {
  return file.name == k_rcpthosts || file.name == k_locals || file.name == k_virtualdomains;
}

std::string with_first_line(std::string_view bytes, const SettingEdits& edits) {
  auto lines = split_lines(bytes);
  const auto edit = edits.find("");
  if (edit == edits.end()) return std::string(bytes);
  // What stands behind the first line is a note of somebody's that no program reads.
  std::string out = edit->second.value_or("") + "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) out.append(lines[i]).append("\n");
  return out;
}

}  // namespace

SettingsText parse_settings(const SettingFile& file, std::string_view bytes) {
  SettingsText out;
  if (file.shape == Shape::limits) {
    out.values = limits_of(bytes, out.blemishes);
    return out;
  }
  const auto lines = split_lines(bytes);
  if (file.shape == Shape::line) {
    const auto value = lines.empty() ? std::string_view() : trim_end(lines.front());
    out.values.emplace("", value);
    if (value.ends_with('\r'))
      out.blemishes.emplace_back("line 1: ends with a carriage return, which is part of the value");
    if (std::any_of(lines.begin() + (lines.empty() ? 0 : 1), lines.end(),
                    [](std::string_view line) { return !trim_end(line).empty(); }))
      out.blemishes.emplace_back("line 2: qmail reads the first line alone");
    return out;
  }
  std::size_t number = 0;
  for (const auto line : lines) {
    ++number;
    if (const auto why = why_unread(file, line); !why.empty()) {
      out.blemishes.push_back(fmt::format("line {}: {}", number, why));
      continue;
    }
    auto entry = entry_of(file, line);
    if (!entry) continue;
    const bool is_known = out.values.contains(entry->key);
    if (file.shape == Shape::rules && is_known) continue;
    if (file.shape == Shape::rules) out.order.push_back(entry->key);
    out.values[entry->key] = std::move(entry->value);
  }
  return out;
}

std::string edit_settings(const SettingFile& file, std::string_view bytes,
                          const SettingEdits& edits, const std::vector<std::string>& rule_order) {
  if (file.shape == Shape::line) return with_first_line(bytes, edits);
  EditedLines lines(file, bytes);
  const auto present = parse_settings(file, bytes).values;
  std::vector<std::string> added;
  // In the order of the rules, so that each finds its successors in their places.
  for (const auto& [key, value] : edits) {
    if (!value)
      lines.remove(key);
    else if (is_in_vpopmails_order(file) && !present.contains(key))
      added.push_back(line_of(file, key, *value));
    else
      lines.set(key, *value, rule_order);
  }
  if (added.empty()) return lines.bytes();
  auto sorted = ControlFile::parse(lines.bytes());
  for (auto& line : added) sorted.insert_sorted(std::move(line));
  return sorted.bytes();
}

}  // namespace vstate
