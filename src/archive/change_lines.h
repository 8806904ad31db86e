/// \file
/// The lines that tell what became of messages and files that a reader has already
/// (docs/formats/archive.md).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate::mail {

/// The member of an increment that holds them.
constexpr std::string_view k_changes_name = ".vstate-changes";

/// The text is held in memory: this is some millions of lines, and below what hurts.
constexpr std::size_t k_most_changes = std::size_t{256} << 20;

struct ChangeLine {
  NameHash key;
  std::string path;  ///< empty if it is gone
};

[[nodiscard]] std::string to_line(const NameHash& key, std::string_view path);
/// Gives them to `take`, one by one: what they take together is more than the text.
/// Fails with `invalid` for a line that is none. `shown` names the text in errors.
Status for_each_change(std::string_view text, std::string_view shown,
                       const std::function<Status(const ChangeLine&)>& take);

}  // namespace vstate::mail
