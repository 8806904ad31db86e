#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "changes_impl.h"
#include "reader_impl.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

constexpr std::size_t k_digits = 16;

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string to_line(const NameHash& key, std::string_view path) {
  return fmt::format("{:016x}{:016x}{}{}\n", key.high, key.low, path.empty() ? "" : " ", path);
}

Result<std::vector<ChangeLine>> parse_changes(std::string_view text, std::string_view shown) {
  std::vector<ChangeLine> lines;
  for (const auto line : split_lines(text)) {
    ChangeLine change;
    const bool is_long_enough = line.size() >= 2 * k_digits;
    const auto high = is_long_enough ? from_hex(line.substr(0, k_digits)) : std::nullopt;
    const auto low = is_long_enough ? from_hex(line.substr(k_digits, k_digits)) : std::nullopt;
    if (!high || !low || (line.size() > 2 * k_digits && line[2 * k_digits] != ' '))
      return fail(Errc::invalid, fmt::format("{}: a line of changes cannot be read", shown),
                  Scope::run);
    change.key = {*high, *low};
    if (line.size() > 2 * k_digits) {
      VSTATE_TRY_ASSIGN(change.path, checked_path(line.substr(2 * k_digits + 1)));
    }
    lines.push_back(std::move(change));
  }
  return lines;
}

}  // namespace vstate::mail
