/// \file
/// The index that stands beside an archive: what it and its increments hold, so that the next dump
/// into the same directory neither reads the archives nor the messages. Without it, or where it is
/// not of these archives, a dump begins with a whole archive again.
///
///     "vstate-index 1\n"
///     "SHA256 MESSAGES BYTES SIZE PATH\n"   the archive and each increment; SIZE of the packed
///     file
///     "\n"
///     32 bytes an entry, in the order of keys: key, place, marks (maildir/memory.h), each number
///     of 8 bytes with the highest first
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

/// `root` is the directory that the archives' paths are relative to; their sizes are asked there.
[[nodiscard]] Result<std::string> to_bytes(const IndexFile&, const std::string& root);
/// Nothing if it is none, or an archive that it names is not there with its size.
[[nodiscard]] std::optional<IndexFile> parse_index(std::string_view bytes, const std::string& root);

}  // namespace vstate
