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

namespace {
/// What this thread touches files as; asking the kernel costs as much as telling it.
thread_local std::pair<uid_t, gid_t> t_identity{0, 0};
}  // namespace

ActingAs::ActingAs(std::uint32_t uid, std::uint32_t gid) {
  // vstate never changes who it runs as.
  static const bool is_root = geteuid() == 0;
  const Identity wanted{uid, gid};
  if (!is_root || wanted == t_identity) return;
  before_ = std::exchange(t_identity, wanted);
  is_active_ = true;
  // The group first: once the user is not root, the group cannot be set any more.
  setfsgid(gid);
  setfsuid(uid);
}

ActingAs::~ActingAs() {
  if (!is_active_) return;
  t_identity = before_;
  setfsuid(before_.first);
  setfsgid(before_.second);
}

}  // namespace vstate
