#include "sys/handle.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vstate/base/result.h"

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
thread_local Identity t_identity;

/// Both calls report nothing, so the kernel is asked what it made of them. All that is done in
/// somebody's name leans on this.
void set_identity(Identity identity) {
  // The group first: once the user is not root, the group cannot be set any more.
  constexpr auto ask_uid = static_cast<uid_t>(-1);
  constexpr auto ask_gid = static_cast<gid_t>(-1);
  if (identity.uid == 0) setfsuid(identity.uid);
  setfsgid(identity.gid);
  setfsuid(identity.uid);
  VSTATE_ASSERT(static_cast<uid_t>(setfsuid(ask_uid)) == identity.uid &&
                static_cast<gid_t>(setfsgid(ask_gid)) == identity.gid);
}

}  // namespace

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

bool can_act_as_others() {
  // vstate never changes who it runs as.
  static const bool is_root = geteuid() == 0;
  return is_root;
}

void ActingAs::become(Identity wanted) {
  if (!can_act_as_others() || wanted == t_identity) return;
  before_ = std::exchange(t_identity, wanted);
  is_active_ = true;
  set_identity(wanted);
}

ActingAs::ActingAs(std::uint32_t uid, std::uint32_t gid) { become({uid, gid}); }

ActingAs::ActingAs(const std::optional<Identity>& identity) {
  if (identity) become(*identity);
}

ActingAs::~ActingAs() {
  if (!is_active_) return;
  const int kept = errno;  // of the call that was made as somebody
  t_identity = before_;
  set_identity(before_);
  errno = kept;
}

bool is_theirs_to_read(int directory, const char* name, const struct stat& file) {
  if (!can_act_as_others() || !S_ISREG(file.st_mode) || file.st_nlink < 2) return true;
  struct stat place {
  }, there{};
  if (fstat(directory, &place) != 0 || fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
      there.st_dev != file.st_dev || there.st_ino != file.st_ino)
    return false;
  if (place.st_uid == 0 || file.st_uid == place.st_uid) return true;
  return (file.st_mode & (file.st_gid == place.st_gid ? S_IRGRP : S_IROTH)) != 0;
}

void drop_supplementary_groups() {
  if (can_act_as_others()) VSTATE_ASSERT(setgroups(0, nullptr) == 0);
}

}  // namespace vstate
