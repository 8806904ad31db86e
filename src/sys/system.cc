// What is the same whatever a server's files are changed by.

#include "sys/system.h"

namespace vstate {

Status System::before_step(std::string_view, std::string_view) { return {}; }

Status ensure_directory(System& system, std::string_view path, Ownership ownership) {
  const auto made = system.make_directory(path, ownership);
  return made ? Status() : Status(tl::unexpected<Error>(made.error()));
}

Status replace_unless_same(System& system, const std::string& path, std::string_view bytes,
                           Ownership ownership, std::optional<std::chrono::sys_seconds> mtime) {
  // A file that cannot be read counts as another one: to replace it is then what says why it cannot
  // be.
  const auto now = system.read_if_there(path);
  if (now && *now && **now == bytes) {
    VSTATE_TRY_ASSIGN(const auto info, system.info(path));
    // A link to a file with the right bytes is not the file that was asked for, and gets replaced
    // by one.
    if (info.is_regular() && info.mode == ownership.mode &&
        info.mtime == mtime.value_or(info.mtime))
      return {};
  }
  return system.replace_file(path, bytes, ownership, Durability::batch, mtime);
}

}  // namespace vstate
