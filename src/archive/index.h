/// \file
/// The index that stands beside an archive (docs/formats/index.md): what it and its increments
/// hold, so that the next dump into the same directory reads neither the archives nor the messages.
/// Without it, or where it is not of these archives, a dump begins with a whole archive again.
#pragma once

#include <string>
#include <string_view>

#include "archive/archive.h"
#include "vstate/base/result.h"
#include "vstate/model/state.h"

namespace vstate {

struct IndexFile {
  ArchiveRef archive;
  ArchiveIndex entries;
};

/// `root` is the directory that the archives' paths are relative to. Fails if one is not there.
[[nodiscard]] Result<std::string> to_bytes(const IndexFile&, const std::string& root);
/// Returns nullopt for what is no index, and if an archive that it names is not there with its
/// size.
[[nodiscard]] std::optional<IndexFile> parse_index(std::string_view bytes, const std::string& root);

}  // namespace vstate
