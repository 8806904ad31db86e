/// \file
/// Ownership of file descriptors.
#pragma once

#include <sys/stat.h>

#include <utility>

namespace vstate {

/// A file descriptor that is closed with the object.
class Handle {
 public:
  Handle() = default;
  explicit Handle(int descriptor) : descriptor_(descriptor) {}
  Handle(Handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  /// Gives it up to the caller.
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
  /// True if close(2) succeeded: a write that failed late is told there.
  bool close();

 private:
  int descriptor_ = -1;
};

/// fstat(2), which refuses a handle of O_PATH before Linux 3.6. False if it failed; errno says why.
[[nodiscard]] bool stat_handle(int descriptor, struct stat& st);

/// Right behind an openat with O_DIRECTORY and O_NOFOLLOW that failed: whether `name` is not there,
/// or is seen to be something else than a directory. False for all other failures, whatever they
/// call themselves. Keeps errno.
[[nodiscard]] bool is_no_directory(int directory, const char* name);

/// Right behind a listing that failed: a directory that was removed while it was open cannot be
/// listed any more, with ENOENT. That is believed where the directory has no name left.
[[nodiscard]] bool is_removed_directory(int directory);

}  // namespace vstate
