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

bool Handle::close() {
  if (descriptor_ < 0) return true;
  return ::close(std::exchange(descriptor_, -1)) == 0;
}

bool is_no_directory(int directory, const char* name) {
  const int number = errno;
  bool is_none = number == ENOENT;
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
  const bool is_removed = number == ENOENT && fstat(directory, &st) == 0 && st.st_nlink == 0;
  errno = number;
  return is_removed;
}

}  // namespace vstate
