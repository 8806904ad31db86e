/// \file
/// JSON as it is printed.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace vstate::cli {

/// Valid whatever is in it: bytes that are not UTF-8 become U+FFFD. What steers a terminal or is
/// not seen is written as "\\u202e", which a reader takes for the same.
[[nodiscard]] std::string to_json_text(const nlohmann::ordered_json&, int indent = -1);

}  // namespace vstate::cli
