/// \file
/// Whether a file or a directory is as it was, without reading it again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate {

/// Changes whenever the file does: its inode when it was replaced, its times and its size when it
/// was written to.
[[nodiscard]] std::uint64_t stamp_of(const FileInfo&);
/// Of a directory: only what adding, removing, or renaming a name changes.
[[nodiscard]] std::uint64_t listing_stamp(const FileInfo&);

/// Directories, relative to one, with their stamps as they were listed.
using ListedDirectories = std::vector<std::pair<std::string, std::uint64_t>>;
/// True if one of them has other names in it now. A source that changes while it is copied is not
/// whole at the target.
[[nodiscard]] Result<bool> have_changed(const Files&, std::string_view directory,
                                        const ListedDirectories&);

}  // namespace vstate
