/// \file
/// What is read from files, pipes, and standard input of the machine that vstate runs on.
#pragma once

#include <chrono>
#include <string>

#include "vstate/base/result.h"

namespace vstate {

/// Reads a few bytes from the beginning of a pipe, fewer if it ends or is silent for as long as
/// `patience`; 0 waits for ever.
[[nodiscard]] std::string read_begin(int file,
                                     std::chrono::seconds patience = std::chrono::seconds(0));

/// Reads all of a file, or of standard input ("-"), of which `begun` was read before.
[[nodiscard]] Result<std::string> read_input(const std::string& name,
                                             const std::string& begun = "");

}  // namespace vstate
