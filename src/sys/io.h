/// \file
/// The bytes of open files and pipes of this machine.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "vstate/base/result.h"

namespace vstate {

/// All that an open file or pipe still gives, `unsupported` if it is more than `limit` bytes;
/// `shown` names it in the error.
[[nodiscard]] Result<std::string> read_all(int file, std::string_view shown,
                                           std::size_t limit = std::string::npos - 1);
/// Writes all bytes into an open file or pipe; `shown` names it in the error.
Status write_all(int file, std::string_view bytes, std::string_view shown);

/// Waits until a pipe can be read or has ended. False if neither came for so long as `patience`; 0
/// waits for ever.
[[nodiscard]] bool can_be_read(int file, std::chrono::seconds patience);
/// The same for writing to it.
[[nodiscard]] bool can_be_written(int file, std::chrono::seconds patience);

}  // namespace vstate
