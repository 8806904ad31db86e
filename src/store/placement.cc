// Which hash directory the next home goes to, by vpopmail's own counting (vpopmail.c:vadduser,
// backfill.c). Its programs go on counting from what is left here, so even a defect of theirs is
// followed: a home goes where vpopmail itself would have put it.

#include "store/account_store.h"

namespace vstate {

std::string next_directory(Placement& placement) {
  if (placement.free_directories.empty()) {
    if (placement.rereads_counter && placement.counter.current_users > 0)
      // Each vadduser reads what the one before it wrote, and the reader drops a number on the way.
      placement.counter = *parse_dir_control(to_text(placement.counter));
    return advance(placement.counter);
  }
  // A slot that a deletion freed is taken without moving the counter's directory on.
  auto directory = placement.free_directories.front();
  placement.free_directories.erase(placement.free_directories.begin());
  if (placement.counter.current_users > 0) ++placement.counter.current_users;
  return directory;
}

void give_back(Placement& placement, const std::string& directory) {
  retreat(placement.counter);
  // backfill.c records no account that lived in the domain's directory itself.
  if (!directory.empty()) placement.free_directories.push_back(directory);
}

std::string hash_directory_of(const std::string& home, const std::string& domain) {
  const auto parent = std::string(path_parent(home));
  return parent.size() > domain.size() && parent.rfind(domain + "/", 0) == 0
             ? parent.substr(domain.size() + 1)
             : std::string();
}

}  // namespace vstate
