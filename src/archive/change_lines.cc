// The lines of changes are written by one vstate and read by another, perhaps on the other server:
// a path in them is one that somebody else wrote, and is checked like the path of an entry before
// anything is done at it.

#include "archive/change_lines.h"

#include <algorithm>

#include <fmt/format.h>

#include "archive/tar_reader.h"

namespace vstate::mail {

std::string to_line(const NameHash& key, std::string_view path) {
  return fmt::format("{}{}{}\n", to_hex(key), path.empty() ? "" : " ", path);
}

Status for_each_change(std::string_view text, std::string_view shown,
                       const std::function<Status(const ChangeLine&)>& take) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto key = parse_name_hash(line.substr(0, k_name_hash_digits));
    // A key of fixed width comes first, so that a path may hold blanks.
    const bool has_path = line.size() > k_name_hash_digits;
    if (!key || (has_path && line[k_name_hash_digits] != ' '))
      return fail(Errc::invalid, fmt::format("{}: a line of changes cannot be read", shown),
                  Scope::run);
    ChangeLine change{*key, {}};
    if (has_path) {
      VSTATE_TRY_ASSIGN(change.path, checked_path(line.substr(k_name_hash_digits + 1)));
    }
    VSTATE_TRY(take(change));
  }
  return {};
}

}  // namespace vstate::mail
