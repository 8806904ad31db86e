/// \file
/// As whom a thread touches files (setfsuid(2)).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace vstate {

/// Who touches a file.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// While it lives, this thread touches files as `uid`/`gid` (setfsuid(2)): what it creates belongs
/// to them, and the kernel refuses what they may not do. Other threads are not affected. Does
/// nothing unless the program runs as root, or where the thread is them already.
class ActingAs {
 public:
  ActingAs(std::uint32_t uid, std::uint32_t gid);
  /// Without an identity the thread stays who it is.
  explicit ActingAs(const std::optional<Identity>&);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  void become(Identity);
  Identity before_;
  bool is_active_ = false;
};

/// Whether ActingAs changes anything: the program runs as root.
[[nodiscard]] bool can_act_as_others();

/// Whether root may read an open file that it found as `name` in a directory. One that has another
/// name elsewhere may have been given this one by whoever owns the directory: then only if they may
/// read it.
[[nodiscard]] bool is_theirs_to_read(int directory, const char* name, const struct stat& file);

/// Drops the groups that the program's caller is in besides its own. ActingAs does not change them,
/// so whoever acts as another would have their rights too. Does nothing unless run as root.
void drop_supplementary_groups();

}  // namespace vstate
