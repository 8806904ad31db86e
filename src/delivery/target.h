/// \file
/// The directory that mail is delivered to, and handles beneath it.
///
/// Everything happens beneath the directory's handle (open_directory_beneath), so that nothing is
/// read or written through a link that an owner put there.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/listing.h"
#include "sys/handle.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate::mail {

using SharedHandle = std::shared_ptr<const Handle>;

class Target {
 public:
  /// Returns nullopt if there is no such directory. Fails with `conflict` if it is something else.
  [[nodiscard]] static Result<std::optional<Target>> open(const System&, std::string_view path);

  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string full(std::string_view relative) const;
  /// Opens a directory beneath. Links are followed where an administrator spreads mail over disks
  /// with them (may_be_link), with the rights of whoever made them. Fails with `not_found`, or with
  /// `conflict` if a component is another link or no directory. The last 64 handles stay open.
  [[nodiscard]] Result<SharedHandle> directory(std::string_view relative);
  /// Does the same, and returns nullopt for what is not there and for what a link or a file stands
  /// in the place of: what lies behind it is not this mailbox's.
  [[nodiscard]] Result<std::optional<SharedHandle>> directory_here(std::string_view relative);
  /// Returns whether `found`, which stands at a path, is a directory or a link that `directory`
  /// follows to one.
  [[nodiscard]] Result<bool> is_directory(std::string_view relative, const struct stat& found);
  /// Lists a directory beneath. Returns nullopt if there is none.
  [[nodiscard]] Result<std::optional<Listing>> list(std::string_view relative);
  /// Looks at a path without following links. Returns nullopt if nothing is there, or if it does
  /// not lead through directories.
  [[nodiscard]] Result<std::optional<struct stat>> status(std::string_view relative);

 private:
  const System* system_ = nullptr;
  Handle root_;
  std::string path_;
  std::map<std::string, SharedHandle, std::less<>> open_;
};

/// Returns whether a Maildir, a folder of one, its parts, or a hash directory has such a name.
/// Those may be links to directories.
[[nodiscard]] bool may_be_link(std::string_view component);

/// Reads a regular file. Returns nullopt if there is none, or one of more than 64 MiB.
[[nodiscard]] Result<std::optional<std::string>> read_small(const Handle& directory,
                                                            const std::string& name,
                                                            std::string_view shown);

/// Returns the short_digest of a regular file of any size, or nullopt if there is none.
[[nodiscard]] Result<std::optional<std::uint64_t>> digest_of_file(int directory,
                                                                  const std::string& name,
                                                                  std::string_view shown);

}  // namespace vstate::mail
