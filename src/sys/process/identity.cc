// setfsuid(2) and setfsgid(2) change whose rights the kernel uses for files, for one thread and for
// nothing else. That is what lets root work in directories that belong to mailbox owners, with no
// link or rename of theirs leading it further than they could go themselves.

#include "sys/process/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate {

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
  // An id of -1 is refused by both calls, which return the present one: that is how they are asked.
  VSTATE_ASSERT(static_cast<uid_t>(setfsuid(ask_uid)) == identity.uid &&
                static_cast<gid_t>(setfsgid(ask_gid)) == identity.gid);
}

}  // namespace

bool can_act_as_others() {
  // vstate never changes who it runs as.
  static const bool is_root = geteuid() == 0;
  return is_root;
}

void ActingAs::become(Identity wanted) {
  // Nesting is cheap and common: a walk acts as the owner whom its caller already acts as.
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
  // A program that does not run as root is held back by the kernel already, and a file with one
  // name cannot have been lent from elsewhere.
  if (!can_act_as_others() || !S_ISREG(file.st_mode) || file.st_nlink < 2) return true;
  // The name is looked up again: the file must be the one that stands there, and the directory's
  // owner is whom the answer is about.
  struct stat place {
  }, there{};
  if (!stat_handle(directory, place) ||
      fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) != 0 || there.st_dev != file.st_dev ||
      there.st_ino != file.st_ino)
    return false;
  // Only the owner of a directory can have put a foreign file's second name into it. If that is
  // root, or the file is theirs, nothing was lent; else the file's own bits decide what they may
  // read.
  if (place.st_uid == 0 || file.st_uid == place.st_uid) return true;
  return (file.st_mode & (file.st_gid == place.st_gid ? S_IRGRP : S_IROTH)) != 0;
}

void drop_supplementary_groups() {
  if (can_act_as_others()) VSTATE_ASSERT(setgroups(0, nullptr) == 0);
}

}  // namespace vstate
