#include "vstate/sys/handle.h"

#include <sys/fsuid.h>
#include <unistd.h>

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

ActingAs::ActingAs(std::uint32_t uid, std::uint32_t gid) {
  if (geteuid() != 0) return;
  // The group first: once the user is not root, the group cannot be set any more.
  old_gid_ = static_cast<gid_t>(setfsgid(gid));
  old_uid_ = static_cast<uid_t>(setfsuid(uid));
  is_active_ = true;
}

ActingAs::~ActingAs() {
  if (!is_active_) return;
  setfsuid(old_uid_);
  setfsgid(old_gid_);
}

}  // namespace vstate
