/// \file
/// Comparing an archive with a directory of the target, delivering it there, checking it there.
///
/// Messages are known by their unique name within the directory, in any folder, with any flags: one
/// that is there is not delivered, wherever its owner moved it. Two exceptions keep both copies:
///
///   * The archive itself holds the name in two folders: each folder counts for itself.
///   * The name is there with another size (",S=" of the name, else stat): the message is
///     delivered as UNIQUE.vXXXXXXXX, where X are the first hexadecimal digits of its SHA-256,
///     set in before ",S=". Where that name is already there, nothing is to be done.
///
/// Other files and links are known by their path. Everything happens beneath the directory's
/// handle (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS): nothing is read or written through a
/// symbolic link.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "archive/archive.h"
#include "maildir/maildirsize.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

/// What to do about a file or link that is there with other content. Messages are never replaced.
enum class OnDifference { keep, replace };

/// What below a directory is not for what is brought there.
struct Reserved {
  /// Relative paths that others deliver to at the same time: homes and lists below the domain's
  /// directory. They are not looked into, and what comes for one is refused.
  std::set<std::string, std::less<>> others;
  /// Names that vpopmail or vstate keeps for itself; what comes under one is refused by name.
  bool (*is_kept)(std::string_view path) = nullptr;
  [[nodiscard]] bool keeps(std::string_view path) const {
    if (is_kept != nullptr && is_kept(path)) return true;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      if (others.contains(path.substr(0, slash))) return true;
    return false;
  }
};
inline constexpr const char* k_kept_refusal = "a file of the mail server's own";

struct ArchiveStatus {
  std::uint64_t messages_missing = 0;
  std::uint64_t messages_changed = 0;  ///< remembered; the source has marked or moved them since
  std::uint64_t bytes_missing = 0;     ///< of messages and files that are missing
  std::uint64_t files_missing = 0;     ///< files that are no messages, links, and directories
  std::vector<std::string> kept;       ///< paths that differ and stay as they are
  std::vector<std::string> replaced;   ///< paths that differ and are to be replaced
  std::vector<std::string> digests;    ///< of the content of the archive, and of each increment
  std::string identity;                ///< names its bytes on the disk while nobody changes them
  std::vector<NameHash> repeated;      ///< names that it holds in more than one folder, sorted
  bool has_courier_files = false;      ///< something for --convert courier-dovecot
  /// "PATH: why": links that lead out of the directory (never made), and what is in the way on the
  /// target: a directory of the archive that is a link or a file here. What lies below it counts
  /// as missing until a person has moved it.
  std::vector<std::string> refused;
  /// extract_archive would write nothing.
  [[nodiscard]] bool is_whole() const {
    return messages_missing == 0 && messages_changed == 0 && files_missing == 0 && replaced.empty();
  }
};

/// Only reads. A directory that does not exist lacks everything. One pass over the archive (two if
/// a message is there with another size), no stat for a message whose ",S=" is the entry's size;
/// some 60 bytes of memory for each message of archive and directory. `to_dovecot`: with the
/// folders' names of delivery/convert.h. Errors as scan_archive, and those of the file system.
[[nodiscard]] Result<ArchiveStatus> compare_archive(const System&, const ArchiveFiles&,
                                                    std::string_view directory, OnDifference,
                                                    ExtractLimits = {}, class MailMemory* = nullptr,
                                                    bool to_dovecot = false,
                                                    const Reserved* reserved = nullptr);

struct DeliveryCount {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< of messages and files
  std::uint64_t files = 0;  ///< files that are no messages, links, and directories
};

/// Delivers what compare_archive finds missing. The archive is read to its end before the first
/// write: one that is broken or unsafe changes nothing.
///
/// Order: directories ((mode & 0755) | 0700); files in the archive's order; links. A message is
/// built in its folder's `tmp` (0600, mtime of the entry), as every delivery agent does; without a
/// `tmp`, under a dot name beside its place; other files ((mode & 0755) | 0600) under
/// temporary_of. After up to 4096 files or 64 MiB: one syncfs(2), then each is renamed to
/// its place, messages and absent files only where nothing is (RENAME_NOREPLACE). At the end one
/// syncfs more: what is counted is on the disk.
///
/// Runs as `owner` (ActingAs). A missing `directory` is made (0700), its parents are not.
/// System::before_step("deliver", PATH) comes before each file is built, before each rename, and
/// before each directory and link; an error of it is returned at once, with the temporaries left
/// as they are. The next run finds their names again and writes them anew. It is called while this
/// thread acts as `owner`: it must not open files of others.
///
/// Fails with `conflict`, after all else was delivered, if something is in the way of a directory.
[[nodiscard]] Result<DeliveryCount> extract_archive(System&, const ArchiveFiles&,
                                                    std::string_view directory, Owner, OnDifference,
                                                    ExtractLimits = {});

/// What of the archive is not in the directory, one line for each problem, in the archive's order:
/// a message missing or of another size, a file, directory, or link missing; `is_deep`: a message
/// of other content. Files that differ are no problem: their owner or the IMAP server changed them.
/// Links that are refused are none either.
[[nodiscard]] Result<std::vector<std::string>> check_archive(const System&, const ArchiveFiles&,
                                                             std::string_view directory,
                                                             bool is_deep, bool to_dovecot = false,
                                                             ExtractLimits = {});

}  // namespace vstate
