/// \file
/// Files of the machine that vstate runs on, outside any server's root.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "vstate/base/result.h"

namespace vstate {

/// Makes a directory and those above it for their owner alone: archives hold people's mail.
Status make_private_directories(const std::filesystem::path&);

/// All of a file, or of a pipe that it names.
[[nodiscard]] Result<std::string> read_host_file(const std::string& path);

/// Replaces a file by rename, readable for its owner alone from the first byte on.
Status write_host_file(const std::string& path, std::string_view text);

}  // namespace vstate
