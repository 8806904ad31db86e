/// \file
/// What can be changed of a server. What is asked of it stands in files.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/files.h"
#include "sys/handle.h"
#include "sys/io.h"
#include "sys/path.h"

namespace vstate {

/// Owner and permission bits that a new file or directory gets, whatever the umask is.
struct Ownership {
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0600;
};

/// When the bytes of a replaced file must be on the disk.
enum class Durability {
  now,    ///< before the rename: fsync of the file, and of its directory after
  batch,  ///< the caller ends the batch with sync()
};

/// A file that is to be there, with these bytes.
struct NewFile {
  std::string path, bytes;
  Ownership ownership;
  std::optional<std::chrono::sys_seconds> mtime;
};

/// A held fcntl(2) write lock on a whole file, as vpopmail's file_lock.c takes it. The lock goes
/// with the object; the file stays, since vpopmail never removes it either.
class FileLock {
 public:
  explicit FileLock(Handle handle) : handle_(std::move(handle)) {}

 private:
  Handle handle_;
};

class System : public virtual Files {
 public:
  // Each call is announced to `before_step`, and does nothing if that refuses.

  /// Makes one directory; true if it was made, false if a directory is already there.
  virtual Result<bool> make_directory(std::string_view path, Ownership) = 0;
  /// Replaces or creates a file as qmail-newu does: temporary beside it with owner and mode set,
  /// rename. Readers see the old bytes or the new ones, nothing in between.
  /// A time that is given is the file's before the rename: nobody reads the bytes without it.
  virtual Status replace_file(std::string_view path, std::string_view bytes, Ownership, Durability,
                              std::optional<std::chrono::sys_seconds> mtime = {}) = 0;
  /// The same for many: each has its old bytes or its new ones, also after a loss of power. The
  /// renames are on the disk after the next sync(). A status for each file; an error ends it.
  virtual Result<std::vector<Status>> replace_files(const std::vector<NewFile>&);
  /// Replaces or creates a symbolic link, by rename.
  virtual Status replace_link(std::string_view path, std::string_view target, Ownership) = 0;
  virtual Status rename(std::string_view from, std::string_view to) = 0;
  virtual Status remove_file(std::string_view path) = 0;  ///< a missing file is no error
  /// Removes a directory that holds nothing; one that holds something stays, which is no error.
  virtual Status remove_directory(std::string_view path) = 0;
  virtual Status remove_tree(
      std::string_view path) = 0;  ///< follows no link; a missing tree is no error
  /// Of a directory.
  virtual Status set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid) = 0;
  /// Gives a tree to somebody, entry by entry beneath its handles: no link is followed, also when
  /// one is put in a directory's place meanwhile. A file with another name elsewhere that belongs
  /// to somebody else is `conflict`: giving it away would give away what stands there.
  virtual Status own_tree(std::string_view path, std::uint32_t uid, std::uint32_t gid) = 0;
  virtual Status set_mode(std::string_view path, unsigned mode) = 0;  ///< of a directory
  /// Waits up to `seconds` (vpopmail itself waits 18), then fails with `busy`.
  virtual Result<FileLock> lock(std::string_view path, Ownership, int seconds = 25) = 0;
  /// The same for a lock that ezmlm's programs take: flock(2), which does not see fcntl locks. The
  /// file must be there.
  virtual Result<FileLock> lock_like_ezmlm(std::string_view path, int seconds = 25) = 0;
  /// Writes out everything that was changed on the file system that holds `path`.
  virtual Status sync(std::string_view path) = 0;
  /// Called before each change with what is to be done; an error stops it. Plans run on a system
  /// that refuses all steps, tests on one that stops at the Nth.
  virtual Status before_step(std::string_view what, std::string_view path);
};

/// System::make_directory, where it does not matter whether it was there.
Status ensure_directory(System&, std::string_view path, Ownership);

/// Whether the file says so already, with this mode and, if one is given, this time. One that
/// cannot be read does not: to replace it is then what says why it cannot be.
Result<bool> is_same(const System&, const NewFile&);

/// Replaces a file unless it says so already.
Status replace_unless_same(System&, const std::string& path, std::string_view bytes, Ownership,
                           Durability);

}  // namespace vstate
