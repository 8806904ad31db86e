/// \file
/// The directory that mail is delivered to, and directories beneath it.
///
/// Everything happens beneath the directory's handle (open_directory_beneath), so that nothing is
/// read or written through a link that an owner put there. One of another machine is only read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/listing.h"
#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate::mail {

using SharedDirectory = std::shared_ptr<const Directory>;

class Target {
 public:
  /// Returns nullopt if there is no such directory. Fails with `conflict` if it is something else.
  [[nodiscard]] static Result<std::optional<Target>> open(const Files&, std::string_view path);

  [[nodiscard]] const Directory& root() const { return *root_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string full(std::string_view relative) const;
  /// Opens a directory beneath. Links are followed where an administrator spreads mail over disks
  /// with them (may_be_link), with the rights of whoever made them. Fails with `not_found`, or with
  /// `conflict` if a component is another link or no directory. The last 64 handles stay open.
  [[nodiscard]] Result<SharedDirectory> directory(std::string_view relative);
  /// Does the same, and returns nullopt for what is not there and for what a link or a file stands
  /// in the place of: what lies behind it is not this mailbox's.
  [[nodiscard]] Result<std::optional<SharedDirectory>> directory_here(std::string_view relative);
  /// Returns whether `found`, which stands at a path, is a directory or a link that `directory`
  /// follows to one.
  [[nodiscard]] Result<bool> is_directory(std::string_view relative, const FileInfo& found);
  /// Lists a directory beneath. Returns nullopt if there is none.
  [[nodiscard]] Result<std::optional<Listing>> list(std::string_view relative);
  /// Looks at a path without following links. Returns nullopt if nothing is there, or if it does
  /// not lead through directories.
  [[nodiscard]] Result<std::optional<FileInfo>> status(std::string_view relative);

 private:
  /// Opens what is spelt so, through no link: what errno says of one that is not there or is none.
  [[nodiscard]] SharedDirectory open_beneath(const std::string& relative) const;

  const Files* files_ = nullptr;
  SharedDirectory root_;
  std::string path_;
  std::map<std::string, SharedDirectory, std::less<>> open_;
};

/// Returns whether a Maildir, a folder of one, its parts, or a hash directory has such a name.
/// Those may be links to directories.
[[nodiscard]] bool may_be_link(std::string_view component);

/// Opens a regular file. Returns null if there is none: what a link or a fifo would give is not
/// this mailbox's.
[[nodiscard]] Result<std::unique_ptr<OpenFile>> open_regular(const Directory&,
                                                             const std::string& name,
                                                             std::string_view shown);

/// Reads a regular file. Returns nullopt if there is none, or one of more than 64 MiB.
[[nodiscard]] Result<std::optional<std::string>> read_small(const Directory&,
                                                            const std::string& name,
                                                            std::string_view shown);

/// Returns the short_digest of a regular file of any size, or nullopt if there is none.
[[nodiscard]] Result<std::optional<std::uint64_t>> digest_of_file(const Directory&,
                                                                  const std::string& name,
                                                                  std::string_view shown);

}  // namespace vstate::mail
