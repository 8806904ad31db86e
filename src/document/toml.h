/// \file
/// toml++, and the one place that calls its parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "vstate/base/diagnostics.h"

namespace vstate::document {

/// The text as TOML; nothing, and an error with its place, if it is none. toml++ is packaged in its
/// throwing form; this is the one place that catches.
[[nodiscard]] std::optional<toml::table> parse_toml(std::string_view text,
                                                    const std::string& file_name, Diagnostics&);

}  // namespace vstate::document
