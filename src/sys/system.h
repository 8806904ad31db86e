/// \file
/// The machine: files below a root, locks, users, processes. The only module that changes a server.
///
/// Every path is absolute as the server's own programs see it; the root (--root) is put in front,
/// and symbolic links inside it resolve inside it, so that a copied server cannot lead out to the
/// machine that vstate runs on.
///
/// A link is followed as whoever made it: what is behind one that root made is reached with root's
/// rights, what is behind anybody else's with theirs alone, and so is what is done there. A
/// mailbox's owner gains nothing by a link, also when it appears while vstate works. A path that
/// somebody else wrote down, such as a home in vpasswd, is no better than a link of theirs:
/// `reach_as` says whose it is.
///
/// Only ENOENT and ENOTDIR mean that something is not there (`not_found`). A file that may not be
/// looked at, a dying disk, or a process without handles left are errors, never an absence.
#pragma once

#include <dirent.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate {

struct FileInfo {
  enum class Type { regular, directory, link, other };
  Type type = Type::other;
  std::uint64_t size = 0;
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0;  ///< permission bits, set-id and sticky included
  std::int64_t mtime = 0;
  std::int64_t changed = 0;  ///< ctime in nanoseconds
  std::uint64_t device = 0, inode = 0;
  bool is_behind_link = false;  ///< asked with links followed, and there was one on the way
  [[nodiscard]] bool is_directory() const { return type == Type::directory; }
  [[nodiscard]] bool is_regular() const { return type == Type::regular; }
  [[nodiscard]] bool is_link() const { return type == Type::link; }
  /// Two names of one place: its device and inode are the same, however it is spelt.
  [[nodiscard]] bool is_same_place(const FileInfo& other) const {
    return device == other.device && inode == other.inode;
  }
};

/// All that an open file or pipe still gives, `unsupported` if it is more than `limit` bytes;
/// `shown` names it in the error.
[[nodiscard]] Result<std::string> read_all(int file, std::string_view shown,
                                           std::size_t limit = std::string::npos - 1);
/// All bytes into an open file or pipe; `shown` names it in the error.
Status write_all(int file, std::string_view bytes, std::string_view shown);

/// What a listing says of an entry of `directory`; asks the inode where a file system does not
/// tell.
[[nodiscard]] FileInfo::Type entry_type(int directory, const struct dirent&);

/// Calls `found` for what is left to read of an open directory, but "." and "..". Not by
/// readdir(3), which asks the kernel four things more and allocates a buffer for each directory.
/// False: errno says why.
bool read_entries(int directory, const std::function<void(const char*, FileInfo::Type)>& found);

struct DirEntry {
  std::string name;
  FileInfo::Type type = FileInfo::Type::other;
};

/// Owner and permission bits that a new file or directory gets, whatever the umask is.
struct Ownership {
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0600;
};

/// A directory that is looked at through one handle, where asking for path after path would walk
/// down to it each time. Entries are not followed.
class OpenDirectory {
 public:
  OpenDirectory(Handle handle, std::string path, std::optional<Identity> as = {})
      : handle_(std::move(handle)), path_(std::move(path)), as_(as) {}
  [[nodiscard]] int handle() const { return handle_.get(); }
  [[nodiscard]] Result<FileInfo> info() const;
  /// nullopt for an entry that is not there.
  [[nodiscard]] Result<std::optional<FileInfo>> info_of(const char* name) const;
  /// nullopt for an entry that is not there, or is no directory.
  [[nodiscard]] Result<std::optional<OpenDirectory>> open(const char* name) const;
  /// Sorted by name, without "." and "..".
  [[nodiscard]] Result<std::vector<DirEntry>> list() const;

 private:
  Handle handle_;
  std::string path_;            ///< for errors
  std::optional<Identity> as_;  ///< whose rights are used below it
};

/// When the bytes of a replaced file must be on the disk.
enum class Durability {
  now,    ///< before the rename: fsync of the file, and of its directory after
  batch,  ///< the caller ends the batch with sync()
};

/// A system account (from etc/passwd of the root, or the name service when the root is "/").
struct SystemAccount {
  std::uint32_t uid = 0, gid = 0;
  std::string home;
};

/// A held fcntl(2) write lock on a whole file, as vpopmail's file_lock.c takes it. The lock goes
/// with the object; the file stays, since vpopmail never removes it either.
class FileLock {
 public:
  explicit FileLock(Handle handle) : handle_(std::move(handle)) {}

 private:
  Handle handle_;
};

class System {
 public:
  /// Sets the process's umask to 0: all modes here are exact.
  explicit System(std::string root = "/");
  virtual ~System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool is_whole_machine() const { return root_ == "/"; }

  // Reading. A missing file is `not_found`; links are followed unless a comment says otherwise.

  /// At most `limit` bytes; a larger file is `unsupported`.
  [[nodiscard]] Result<std::string> read(std::string_view path,
                                         std::size_t limit = std::size_t{1} << 30) const;
  /// Nothing for a file that is not there; other failures stay errors.
  [[nodiscard]] Result<std::optional<std::string>> read_if_there(std::string_view path) const;
  /// Does not follow the last component.
  [[nodiscard]] Result<FileInfo> info(std::string_view path) const;
  [[nodiscard]] Result<FileInfo> info_followed(std::string_view path) const;
  /// The same; nullopt for what is not there.
  [[nodiscard]] Result<std::optional<FileInfo>> look(std::string_view path) const;
  [[nodiscard]] Result<std::optional<FileInfo>> look_followed(std::string_view path) const;
  [[nodiscard]] Result<bool> exists(std::string_view path) const;  ///< follows links
  [[nodiscard]] Result<bool> is_executable(std::string_view path) const;
  /// Sorted by name, without "." and "..".
  [[nodiscard]] Result<std::vector<DirEntry>> list(std::string_view path) const;
  [[nodiscard]] Result<OpenDirectory> look_into(std::string_view path) const;
  [[nodiscard]] Result<std::string> link_target(std::string_view path) const;
  /// Where a path leads: absolute below the root, without links, "//", "." and "..". What does not
  /// exist at its end is kept as it is spelt.
  [[nodiscard]] Result<std::string> resolve(std::string_view path) const;
  /// The same, and who made the first link on the way that root did not make.
  struct Way {
    std::string path;
    std::optional<Identity> made_by;
  };
  [[nodiscard]] Result<Way> way_of(std::string_view path) const;
  /// From now on a path that is spelt as `path` or below it is reached with the rights of `as`
  /// alone, for reading and for changing. Not while other threads use this object.
  void reach_as(std::string path, Identity as);
  /// Whether it is so reached: what is denied there is denied to them, and not to vstate.
  [[nodiscard]] bool is_reached_as_another(std::string_view path) const;
  /// What the file system of `path`, or of what is above it, has left for who is not root.
  struct FreeSpace {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> inodes;  ///< nothing: it makes them as they are needed
  };
  [[nodiscard]] Result<FreeSpace> free_space(std::string_view path) const;
  /// A directory and whose rights are to be used below it: whoever made the link on the way to it,
  /// nullopt if nobody but root did. For modules that work relative to a directory (mail).
  struct Opened {
    Handle handle;
    std::optional<Identity> as;
    bool is_behind_link = false;
  };
  [[nodiscard]] Result<Opened> open_directory(std::string_view path) const;
  [[nodiscard]] Result<std::optional<SystemAccount>> account(std::string_view name) const;

  // Changing. Each call is announced to `before_step`, and does nothing if that refuses.

  /// Makes one directory; true if it was made, false if a directory is already there.
  Result<bool> make_directory(std::string_view path, Ownership);
  /// The same where it does not matter which.
  Status ensure_directory(std::string_view path, Ownership);
  /// Replaces or creates a file as qmail-newu does: temporary beside it with owner and mode set,
  /// rename. Readers see the old bytes or the new ones, nothing in between.
  /// A time that is given is the file's before the rename: nobody reads the bytes without it.
  Status replace_file(std::string_view path, std::string_view bytes, Ownership, Durability,
                      std::optional<std::int64_t> mtime = {});
  /// Replaces or creates a symbolic link, by rename.
  Status replace_link(std::string_view path, std::string_view target, Ownership);
  Status rename(std::string_view from, std::string_view to);
  Status remove_file(std::string_view path);  ///< a missing file is no error
  /// Removes a directory that holds nothing; one that holds something stays, which is no error.
  Status remove_directory(std::string_view path);
  Status remove_tree(std::string_view path);  ///< follows no link; a missing tree is no error
  Status set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid);
  /// Gives a tree to somebody, entry by entry beneath its handles: no link is followed, also when
  /// one is put in a directory's place meanwhile. A file with another name elsewhere that belongs
  /// to somebody else is `conflict`: giving it away would give away what stands there.
  Status own_tree(std::string_view path, std::uint32_t uid, std::uint32_t gid);
  Status set_mode(std::string_view path, unsigned mode);
  /// Waits up to `seconds` (vpopmail itself waits 18), then fails with `busy`.
  Result<FileLock> lock(std::string_view path, Ownership, int seconds = 25);
  /// The same for a lock that ezmlm's programs take: flock(2), which does not see fcntl locks. The
  /// file must be there.
  Result<FileLock> lock_like_ezmlm(std::string_view path, int seconds = 25);
  /// Writes out everything that was changed on the file system that holds `path`.
  Status sync(std::string_view path);
  /// SIGHUP to each process named qmail-send that works in `qmail_dir` of this root. Returns how
  /// many there were.
  Result<int> hup_qmail_send(std::string_view qmail_dir);

  /// Called before each change with what is to be done; an error stops it. Plans run on a system
  /// that refuses all steps, tests on one that stops at the Nth.
  virtual Status before_step(std::string_view what, std::string_view path);

  /// The name of the temporary that stands beside `path` while it is replaced. It is shorter than
  /// the longest name that a file system takes, whatever `path` is.
  [[nodiscard]] static std::string temporary_of(std::string_view path);
  /// Whether a name is one that temporary_of makes.
  [[nodiscard]] static bool is_temporary(std::string_view name);
  static constexpr std::string_view k_temporary_suffix = ".vstate-tmp";

 private:
  struct Parent {
    Handle directory;
    std::string name;
    std::optional<Identity> as;
  };
  using Remover = Status (*)(int directory, const char* name, std::string_view shown);
  Status remove_with(std::string_view what, std::string_view path, Remover);
  [[nodiscard]] Result<Opened> open_at_root(std::string_view path, int flags) const;
  [[nodiscard]] Result<Parent> open_parent(std::string_view path) const;
  [[nodiscard]] std::optional<Identity> reached_as(std::string_view path) const;

  std::string root_;
  Handle root_handle_;
  std::map<std::string, Identity, std::less<>> reached_as_;
};

/// Waits until a pipe can be read or has ended. False if neither came for so long as `patience`; 0
/// waits for ever.
[[nodiscard]] bool can_be_read(int file, std::chrono::seconds patience);
/// The same for writing to it.
[[nodiscard]] bool can_be_written(int file, std::chrono::seconds patience);

/// A system on which nothing can be changed: what plans and verifications run on.
class ReadOnlySystem : public System {
 public:
  using System::System;
  Status before_step(std::string_view what, std::string_view path) override;
};

/// Joins two path parts with exactly one "/".
[[nodiscard]] std::string path_join(std::string_view directory, std::string_view name);
/// The last component, and what stands before it.
[[nodiscard]] std::string_view path_name(std::string_view path);
[[nodiscard]] std::string_view path_parent(std::string_view path);
/// True for the directory itself and for what is below it, by their spelling: both are absolute and
/// without links.
[[nodiscard]] bool is_within(std::string_view path, std::string_view directory);

}  // namespace vstate
