/// \file
/// From a path to a handle, below a root and by the rule of system.h: a link is followed as whoever
/// made it.
#pragma once

#include <string>
#include <string_view>

#include "sys/handle.h"
#include "sys/local_files.h"
#include "sys/process/identity.h"

namespace vstate {

/// `flags` are open(2)'s; O_CLOEXEC is added. With O_NOFOLLOW the last component is not followed.
/// A circle of links, or more of them than the kernel follows, is `invalid`. With `as` it is their
/// path, and all is done with their rights.
[[nodiscard]] Result<LocalFiles::Opened> open_below(int root, std::string_view path, int flags,
                                                    std::optional<Identity> as = {});

/// A handle (O_PATH) of a directory below `root`, by a relative path without links and "..". Not
/// open where that fails: then errno is ELOOP or ENOTDIR for a link or a file on the way, EXDEV for
/// a way out, or what openat(2) says.
[[nodiscard]] Handle open_directory_beneath(int root, const std::string& path);

/// LocalFiles::way_of.
[[nodiscard]] Result<Files::Way> resolve_below(int root, std::string_view path);

/// What an open link (O_PATH | O_NOFOLLOW) says.
[[nodiscard]] Result<std::string> target_of_link(int link, std::string_view path);

}  // namespace vstate
