/// \file
/// The directory of the target: handles beneath it, and what messages it has.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/archive.h"
#include "maildir/listing.h"
#include "maildir/names.h"
#include "sys/system.h"
#include "vstate/model/server.h"

namespace vstate::mail {

using SharedHandle = std::shared_ptr<const Handle>;

class Target {
 public:
  /// Nothing if there is no such directory; `conflict` if it is something else.
  [[nodiscard]] static Result<std::optional<Target>> open(const System&, std::string_view path);

  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string full(std::string_view relative) const;
  /// A handle of a directory beneath. Links are followed where an administrator spreads mail over
  /// disks with them (may_be_link), as whoever made them. `not_found`, or `conflict` if a component
  /// is another link or no directory. The last some dozen handles stay open.
  [[nodiscard]] Result<SharedHandle> directory(std::string_view relative);
  /// The same; nullopt for what is not there, and for what a link or a file stands in the place of:
  /// what lies behind it is not this mailbox's.
  [[nodiscard]] Result<std::optional<SharedHandle>> directory_here(std::string_view relative);
  /// What stands at a path is a directory, or a link that `directory` follows to one.
  [[nodiscard]] Result<bool> is_directory(std::string_view relative, const struct stat&);
  /// The names in a directory beneath; nothing if there is none.
  [[nodiscard]] Result<std::optional<Listing>> list(std::string_view relative);
  /// Of what stands at a path, links not followed; nothing if nothing does, or not through
  /// directories.
  [[nodiscard]] Result<std::optional<struct stat>> status(std::string_view relative);

 private:
  const System* system_ = nullptr;
  Handle root_;
  std::string path_;
  std::map<std::string, SharedHandle, std::less<>> open_;
};

/// A Maildir, a folder of one, its parts, and a hash directory may be links to directories.
[[nodiscard]] bool may_be_link(std::string_view component);

/// The bytes of a regular file; nothing if there is none, or a larger one than 64 MiB.
[[nodiscard]] Result<std::optional<std::string>> read_small(const Handle& directory,
                                                            const std::string& name,
                                                            std::string_view shown);

/// short_digest of those bytes.
[[nodiscard]] Result<std::optional<std::uint64_t>> digest_of_file(int directory,
                                                                  const std::string& name,
                                                                  std::string_view shown);

/// True if a stopped run built what is to replace this file and did not place it: its temporary is
/// there, and nobody has changed the file since that was built.
[[nodiscard]] Result<bool> waits_for_rename(int directory, const std::string& name);

/// Which messages are below a directory: 24 bytes for each, no names.
class TargetIndex {
 public:
  struct Record {
    NameHash hash;
    std::uint32_t folder = 0;
    friend auto operator<=>(const Record&, const Record&) = default;
    friend bool operator==(const Record&, const Record&) = default;
  };
  /// Lists `new` and `cur` of every folder, at any depth.
  /// Not those of `others`: paths that somebody else delivers to (ReceiveOptions::others).
  Status build(Target&, FolderNumbers&, const std::set<std::string, std::less<>>* others);
  [[nodiscard]] std::span<const Record> find(const NameHash&) const;
  /// True if a `tmp` holds the temporary of this name hash.
  [[nodiscard]] bool is_unfinished(const NameHash&) const;
  /// This pass builds a temporary under that name; it is left over no more.
  void take_over(const std::string& directory, const std::string& name);
  /// Directory and name of temporaries that a stopped pass left and nobody has taken over.
  [[nodiscard]] const std::set<std::pair<std::string, std::string>>& left_over() const {
    return left_over_;
  }

 private:
  Status enter(Target&, int directory, const std::string& relative, int depth);

  std::vector<Record> records_;
  std::set<NameHash> unfinished_;
  std::set<std::pair<std::string, std::string>> left_over_;
  FolderNumbers* folders_ = nullptr;
  const std::set<std::string, std::less<>>* others_ = nullptr;
};

/// A new file of `owner`, with what `write` puts into it. One of that name is of a stopped run; it
/// is never written into, since it may be anything. A failure leaves no file.
Status write_temporary(int directory, const std::string& name, unsigned mode, Owner owner,
                       std::string_view shown, const std::function<Status(int)>& write);

/// Renames unless the new name is taken (EEXIST), also where the file system has no such rename.
/// False: errno says why.
[[nodiscard]] bool rename_where_free(int from, const char* name, int to, const char* new_name);

/// The name that a message has in `tmp` until it is placed.
[[nodiscard]] std::string temporary_name(const NameHash&);

/// A message of the target, open for nothing yet.
struct Located {
  std::string path;  ///< relative to the target
  SharedHandle directory;
  std::string name;
  std::uint64_t size = 0;
};

/// The message that stands at a path, if one does.
[[nodiscard]] Result<std::optional<Located>> locate(Target&, std::string_view path);

/// Finds the file of a message that the index knows.
class Locator {
 public:
  Locator(Target& target, const FolderNumbers& folders) : target_(target), folders_(folders) {}
  /// Tries `likely` (the path in the archive, if it is in that folder) before it lists the folder.
  [[nodiscard]] Result<std::optional<Located>> find(std::uint32_t folder, std::string_view unique,
                                                    std::string_view likely);

 private:
  Target& target_;
  const FolderNumbers& folders_;
  // The folder that was searched last: messages of an archive come folder by folder.
  std::uint32_t searched_ = 0;
  SharedHandle searched_directory_;
  std::optional<FolderSearch> search_;
};

}  // namespace vstate::mail
