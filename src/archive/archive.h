/// \file
/// Mail archives: one tar (pax, zstd) per directory, the same bytes for the same tree.
///
/// In the tar: entries in the order of walk_tree; uid and gid 0, no user names; permission bits
/// (messages 0600, links 0777); mtime in whole seconds for files, 0 for directories and links; no
/// device, inode, or link count, so that a hard link is a file. Names are bytes, not characters.
/// Any tar reads it.
///
/// The content digest (format version 1) is SHA-256 over these parts, for each entry in the order
/// of the archive, with nothing before, between, or after them. NUMBER is 8 bytes, little-endian.
///
///     NUMBER  length of the path
///     bytes   the path, relative, without "./" in front or "/" at the end
///     NUMBER  kind: 1 directory, 2 regular file, 3 symbolic link
///     NUMBER  regular file that is no message: mode & 0100 (0 or 64); all else: 0
///     NUMBER  regular file: mtime in seconds since 1970 as a signed 64-bit number; all else: 0
///     NUMBER  regular file: size; link: length of its target; directory: 0
///     bytes   regular file: its content; link: its target
///
/// A hard link in a foreign tar enters as the regular file that it stands for. The digest does not
/// depend on compression, tar dialect, owners, or the server.
///
/// A message is a regular file directly in a directory named `new` or `cur`, whose name does not
/// begin with a dot (Maildir readers skip those). Its folder is what holds `new` and `cur`.
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
  /// Nothing, or nothing but an empty Maildir (Maildir, Maildir/new, cur, tmp): no file is left.
  bool is_trivial = false;
};

/// What an archive and its increments hold together: for each message and file its key and how the
/// source had it (maildir/memory.h), sorted by key. An increment holds what the index does not.
using ArchiveIndex = std::vector<MemoryEntry>;

/// Archives what walk_tree yields into `output`, a path of this machine, not below the system's
/// root. Empty: only counts and digests. Writes OUTPUT.partial (0600), fsyncs it, renames it, and
/// fsyncs its directory; an error leaves neither. What cannot be read is an error that names all of
/// it. A file that changes while it is read is taken as
/// it was when it was opened; if a large one shrinks under the reader, the result is `conflict`.
/// `index`, if there is one, gets what the archive holds.
[[nodiscard]] Result<ArchiveSummary> write_archive(const Files&, const TreeSource&,
                                                   const std::string& output,
                                                   ArchiveIndex* index = nullptr);

/// The same without what `index` has: an increment. Files that changed come whole; of messages that
/// were moved, flagged, or deleted since, the member ".vstate-changes" tells: a line holds the 32
/// hexadecimal digits of the message's key, a space, and its present path, or no path: it is gone.
/// Where there is nothing to tell, no file is left, and the summary is trivial. Afterwards the
/// index is of all that the source has.
[[nodiscard]] Result<ArchiveSummary> write_increment(const Files&, const TreeSource&,
                                                     const std::string& output,
                                                     ArchiveIndex& index);

/// An archive, and its increments in their order (write_increment).
class ArchiveFiles {
 public:
  ArchiveFiles(std::string archive) : paths_{std::move(archive)} {}
  explicit ArchiveFiles(std::vector<std::string> paths, bool continues = false)
      : paths_(std::move(paths)), continues_(continues) {}
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  /// The archives before them are left out: they are wholly in.
  [[nodiscard]] bool continues() const { return continues_; }
  /// How many bytes are in them together, as whoever made them says; nullopt: nobody says. An
  /// archive with more is refused before it is read.
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

/// Names the archives' bytes on the disk for as long as nobody changes them (inode, size, time).
[[nodiscard]] Result<std::string> archive_identity(const ArchiveFiles&);

}  // namespace vstate
