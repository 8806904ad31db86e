// The two questions at the end belong to the rule of absence: only ENOENT and ENOTDIR of an open by
// path say that something is not there, and a failing disk or a link in the way can produce similar
// numbers. Both ask again before they believe it, and both give errno back as they found it, since
// the caller's message is made from it.

#include "sys/handle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace vstate {

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

Handle::~Handle() { close(); }

// The number is given up first, so that a failed close is not repeated: on Linux the descriptor is
// gone either way, and the number may belong to another thread's file by then.
bool Handle::close() {
  if (descriptor_ < 0) return true;
  return ::close(std::exchange(descriptor_, -1)) == 0;
}

// The handle itself, by an empty name, is what fstatat(2) can be asked for since Linux 2.6.39.
bool stat_handle(int descriptor, struct stat& st) {
  return fstatat(descriptor, "", &st, AT_EMPTY_PATH) == 0;
}

bool is_no_directory(int directory, const char* name) {
  const int number = errno;
  bool is_none = number == ENOENT;
  // O_NOFOLLOW together with O_DIRECTORY may give either number for a link. What stands there must
  // be seen to be something else before it counts as no directory.
  if (number == ENOTDIR || number == ELOOP) {
    struct stat st {};
    is_none = fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
  }
  errno = number;
  return is_none;
}

bool is_removed_directory(int directory) {
  const int number = errno;
  struct stat st {};
  // A link count of 0 is the proof that the last name is gone. Other directories answer ENOENT only
  // when something is wrong.
  const bool is_removed = number == ENOENT && stat_handle(directory, st) && st.st_nlink == 0;
  errno = number;
  return is_removed;
}

}  // namespace vstate
