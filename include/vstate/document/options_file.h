/// \file
/// The options' file (/etc/vstate.toml): options of all commands at its top, those of one command
/// in a table of its name. Which options there are is the command line's to say. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/diagnostics.h"

namespace vstate::document {

struct OptionValue {
  std::string command;   ///< empty: of all commands
  std::string name;      ///< without "--"
  bool is_flag = false;  ///< a boolean, which `values` spells "true" or "false"
  bool is_array = false;
  std::vector<std::string> values;
  Place place;
};

/// Values are strings, whole numbers, booleans, and arrays of strings; all else is an error with
/// line and column, as what is no TOML. In the order of the file.
[[nodiscard]] std::vector<OptionValue> read_options(std::string_view text,
                                                    const std::string& file_name, Diagnostics&);

}  // namespace vstate::document
