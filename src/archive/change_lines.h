/// \file
/// The lines that tell what became of messages and files that a reader has already
/// (docs/formats/archive.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate::mail {

/// The member of an increment that holds them.
constexpr std::string_view k_changes_name = ".vstate-changes";

struct ChangeLine {
  NameHash key;
  std::string path;  ///< empty if it is gone
};

[[nodiscard]] std::string to_line(const NameHash& key, std::string_view path);
/// Fails with `invalid` for a line that is none. `shown` names the text in errors.
[[nodiscard]] Result<std::vector<ChangeLine>> parse_changes(std::string_view text,
                                                            std::string_view shown);

}  // namespace vstate::mail
