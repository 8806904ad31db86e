// What is the same whatever a server's files are changed by.

#include "sys/system.h"

namespace vstate {

Status System::before_step(std::string_view, std::string_view) { return {}; }

Status ensure_directory(System& system, std::string_view path, Ownership ownership) {
  const auto made = system.make_directory(path, ownership);
  return made ? Status() : Status(tl::unexpected<Error>(made.error()));
}

Result<std::vector<Status>> System::replace_files(const std::vector<NewFile>& files) {
  std::vector<Status> statuses;
  for (const auto& file : files) {
    statuses.push_back(
        replace_file(file.path, file.bytes, file.ownership, Durability::now, file.mtime));
    if (!statuses.back() && statuses.back().error().ends_run()) return propagate(statuses.back());
  }
  return statuses;
}

Result<bool> is_same(const System& system, const NewFile& file) {
  const auto now = system.read_if_there(file.path);
  if (!now || !*now || **now != file.bytes) return false;
  VSTATE_TRY_ASSIGN(const auto info, system.info(file.path));
  // A link to a file with the right bytes is not the file that was asked for, and gets replaced by
  // one.
  return info.is_regular() && info.mode == file.ownership.mode &&
         info.mtime == file.mtime.value_or(info.mtime);
}

Status replace_unless_same(System& system, const std::string& path, std::string_view bytes,
                           Ownership ownership, Durability durability) {
  VSTATE_TRY_ASSIGN(const bool is_there,
                    is_same(system, {path, std::string(bytes), ownership, {}}));
  return is_there ? Status() : system.replace_file(path, bytes, ownership, durability);
}

}  // namespace vstate
