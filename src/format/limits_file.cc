// The grammar is vpopmail's reader, which forgives all: unknown names are skipped, and a value is
// whatever digits stand at its front. A person who wrote "10M" has another limit than they think,
// so such values are read as vpopmail reads them and named.

#include "format/limits_file.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_separators = " \t:";
constexpr std::int64_t k_three_bits = 7;
constexpr std::int64_t k_nine_bits = 511;

const LimitName* name_of_key(std::string_view key) {
  const auto& names = limit_names();
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const LimitName& name) { return name.file_key == key; });
  return found == names.end() ? nullptr : &*found;
}

/// As atoll(3) takes a text, but for what does not fit: nothing.
std::optional<std::int64_t> number_at_front(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return std::nullopt;
  return error == std::errc() ? value : 0;
}

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return is_digits(text);
}

void read_line(std::string_view line, std::size_t number, LimitsText& out) {
  // A blank in front is not skipped by vpopmail: such a line names nothing that it knows.
  if (line.empty() || line.front() == '#') return;
  const auto name_end = line.find_first_of(k_separators);
  const LimitName* name = name_of_key(line.substr(0, name_end));
  if (name == nullptr) return;
  const std::string key(name->file_key);
  // A flag has no value for vpopmail, so "disable_pop 0" sets it.
  if (name->kind == LimitKind::denial) {
    out.limits[key] = 1;
    return;
  }
  if (name_end == std::string_view::npos) return;
  const auto value_start = std::min(line.find_first_not_of(k_separators, name_end), line.size());
  const auto text = line.substr(value_start);
  const auto word = text.substr(0, std::min(text.find_first_of(" \t"), text.size()));
  const auto found = number_at_front(word);
  const auto value = found ? kept_limit(*name, *found) : std::nullopt;
  const auto shown = visible(word);
  if (!value) {
    out.blemishes.push_back(
        fmt::format("line {}: {}: \"{}\" is out of range; it is left out", number, key, shown));
    return;
  }
  if (!is_whole_number(word))
    out.blemishes.push_back(fmt::format("line {}: {}: \"{}\" is no whole number; vpopmail takes {}",
                                        number, key, shown, *value));
  else if (*value != *found && name->kind != LimitKind::permission)
    out.blemishes.push_back(
        fmt::format("line {}: {}: \"{}\" is taken for no limit", number, key, shown));
  out.limits[key] = *value;
}

}  // namespace

std::optional<std::int64_t> kept_limit(const LimitName& name, std::int64_t value) {
  switch (name.kind) {
    case LimitKind::count:
      if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())
        return std::nullopt;
      // No limit is -1, and has this one spelling, so that two servers compare equal.
      return std::max<std::int64_t>(value, -1);
    case LimitKind::amount:
      return std::max<std::int64_t>(value, 0);
    case LimitKind::permission:
      // perm_maillist holds three groups of three bits: lists, their users, their moderators.
      return value & (name.file_key == "perm_maillist" ? k_nine_bits : k_three_bits);
    case LimitKind::denial:
      return 1;
  }
  return std::nullopt;
}

LimitsText parse_limits(std::string_view bytes) {
  LimitsText out;
  if (bytes.size() > k_limits_file_maximum)
    out.blemishes.push_back(fmt::format("{} bytes; vpopmail reads no more than {}", bytes.size(),
                                        k_limits_file_maximum));
  // What is cut off here is not in force on the server, however it looks in an editor.
  bytes = bytes.substr(0, k_limits_file_maximum);
  std::size_t number = 0;
  for (const auto line : split_lines(bytes)) {
    ++number;
    for (const auto part : split(line, '\r')) read_line(part, number, out);
  }
  // A value that says what an absent one says is no setting: the State holds only what differs from
  // the default.
  for (const auto& name : limit_names())
    if (const auto found = out.limits.find(std::string(name.file_key));
        found != out.limits.end() && found->second == name.unset)
      out.limits.erase(found);
  return out;
}

std::string to_text(const Limits& limits) {
  std::string out;
  for (const auto& name : limit_names()) {
    // Every name is written and in this order, as vpopmail's own writer does, so that its next edit
    // changes no line but those that were meant.
    const auto found = limits.find(std::string(name.file_key));
    const std::int64_t value = found == limits.end() ? name.unset : found->second;
    if (name.kind != LimitKind::denial) {
      out += fmt::format("{}: {}\n", name.file_key, value);
    } else if (value != 0) {
      out += fmt::format("{}\n", name.file_key);
    }
  }
  return out;
}

}  // namespace vstate
