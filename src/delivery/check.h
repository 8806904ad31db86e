/// \file
/// Whether an archive is in a directory, read again from both sides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "archive/archive.h"
#include "delivery/judge.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

/// What is compared of a message that is there.
enum class CheckDepth { sizes, contents };

/// Returns one line for each problem, in the archive's order: a message that is missing or has
/// another size (or other content), a file, directory, or link that is missing. Files that differ
/// are no problem, since their owner or the IMAP server changed them; nor are links that are
/// refused.
[[nodiscard]] Result<std::vector<std::string>> check_archive(const Files&, const ArchiveFiles&,
                                                             std::string_view directory, CheckDepth,
                                                             FolderNames, ExtractLimits = {});

}  // namespace vstate
