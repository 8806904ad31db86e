#include "vstate/format/limits_file.h"

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

/// The number at the front, if the text ends with it or a blank follows.
std::optional<std::int64_t> number_of(std::string_view text) {
  const auto word = text.substr(0, text.find_first_of(" \t"));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// What vpopmail keeps of a number: a count is an int, an amount unsigned, a permission some bits.
std::optional<std::int64_t> kept_value(const LimitName& name, std::int64_t value) {
  switch (name.kind) {
    case LimitKind::count:
      if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())
        return std::nullopt;
      return value;
    case LimitKind::amount:
      return value < 0 ? std::nullopt : std::optional(value);
    case LimitKind::permission:
      return value & (name.file_key == "perm_maillist" ? k_nine_bits : k_three_bits);
    case LimitKind::denial:
      return 1;
  }
  return std::nullopt;
}

Status read_line(std::string_view line, Limits& limits) {
  if (line.find('\0') != std::string_view::npos) return fail(Errc::invalid, "a NUL byte");
  if (line.empty() || line.front() == '#') return {};
  const auto name_end = line.find_first_of(k_separators);
  const LimitName* name = name_of_key(line.substr(0, name_end));
  if (name == nullptr) return {};
  if (name->kind == LimitKind::denial) {
    limits[std::string(name->file_key)] = 1;
    return {};
  }
  if (name_end == std::string_view::npos) return {};
  const auto value_start = std::min(line.find_first_not_of(k_separators, name_end), line.size());
  const auto number = number_of(line.substr(value_start));
  if (!number) return fail(Errc::invalid, fmt::format("{}: not a whole number", name->file_key));
  const auto value = kept_value(*name, *number);
  if (!value) return fail(Errc::invalid, fmt::format("{}: out of range", name->file_key));
  limits[std::string(name->file_key)] = *value;
  return {};
}

}  // namespace

Result<Limits> parse_limits(std::string_view bytes) {
  if (bytes.size() > k_limits_file_maximum)
    return fail(Errc::invalid, fmt::format("{} bytes; vpopmail reads no more than {}", bytes.size(),
                                           k_limits_file_maximum));
  Limits out;
  std::size_t number = 0;
  for (const auto line : split_lines(bytes)) {
    ++number;
    for (const auto part : split(line, '\r'))
      if (auto status = read_line(part, out); !status)
        return tl::unexpected<Error>(status.error().in(fmt::format("line {}", number)));
  }
  for (const auto& name : limit_names())
    if (const auto found = out.find(std::string(name.file_key));
        found != out.end() && found->second == name.unset)
      out.erase(found);
  return out;
}

std::string to_text(const Limits& limits) {
  std::string out;
  for (const auto& name : limit_names()) {
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
