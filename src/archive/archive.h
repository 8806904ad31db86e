/// \file
/// Mail archives: one tar (pax, zstd) per directory, the same bytes for the same tree. The format,
/// the content digest, and increments are in docs/formats/archive.md.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/memory.h"
#include "maildir/names.h"
#include "maildir/walk.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate {

struct ArchiveSummary {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< of all regular files
  std::string sha256;       ///< content digest, 64 hexadecimal digits
  TreeCount count;
  /// There is nothing but an empty Maildir (Maildir, Maildir/new, cur, tmp), and no file was left.
  bool is_trivial = false;
};

/// What an archive and its increments hold together: for each message and file its key and how the
/// source had it (maildir/memory.h), sorted by key. An increment holds what the index does not.
using ArchiveIndex = std::vector<MemoryEntry>;

/// Archives what walk_tree yields into `output`, a path of this machine, not below the system's
/// root; if that is empty, it only counts and digests. Writes OUTPUT.partial (0600), fsyncs it,
/// renames it, and fsyncs its directory. An error leaves neither, and one of files that cannot be
/// read names all of them. A file that changes while it is read is taken as it was when it was
/// opened. Fails with `conflict` if one of more than 8 MiB shrinks under the reader.
///
/// A tree with nothing but an empty Maildir leaves no file. `index` gets what the archive holds.
[[nodiscard]] Result<ArchiveSummary> write_archive(const Files&, const TreeSource&,
                                                   const std::string& output,
                                                   ArchiveIndex* index = nullptr);

/// Does the same with what `index` lacks, and updates it: files that changed come whole, and of
/// messages that were moved, flagged, or deleted since, the member ".vstate-changes" tells. An
/// increment with nothing to tell leaves no file, and its summary is trivial.
[[nodiscard]] Result<ArchiveSummary> write_increment(const Files&, const TreeSource&,
                                                     const std::string& output,
                                                     ArchiveIndex& index);

/// An archive, and its increments in their order (write_increment).
class ArchiveFiles {
 public:
  ArchiveFiles(std::string archive) : paths_{std::move(archive)} {}
  explicit ArchiveFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  /// Says that the archives before these are left out, since all that they hold came already.
  void continue_earlier() { continues_ = true; }
  [[nodiscard]] bool continues() const { return continues_; }
  /// How many bytes of content are in them together, as whoever made them says; nullopt if nobody
  /// says. Archives with more are refused before they are read.
  [[nodiscard]] std::optional<std::uint64_t> announced() const { return announced_; }
  void announce(std::uint64_t bytes) { announced_ = bytes; }

 private:
  std::vector<std::string> paths_;  ///< on this machine
  bool continues_ = false;
  std::optional<std::uint64_t> announced_;
};

/// What an archive may hold at most; more is `invalid`.
struct ExtractLimits {
  std::uint64_t max_entries = 50'000'000;
  std::uint64_t max_bytes = std::uint64_t{16} << 40;  ///< content, unpacked
};

/// Returns a name of the archives' bytes on the disk, which is the same for as long as nobody
/// changes them (device, inode, size, time).
[[nodiscard]] Result<std::string> archive_identity(const ArchiveFiles&);

}  // namespace vstate
