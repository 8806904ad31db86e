#include "store/account_store.h"

namespace vstate {

std::string next_directory(Placement& placement) {
  if (placement.free_directories.empty()) {
    if (placement.rereads_counter && placement.counter.current_users > 0)
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
  if (!directory.empty()) placement.free_directories.push_back(directory);
}

std::string hash_directory_of(const std::string& home, const std::string& domain) {
  const auto parent = std::string(path_parent(home));
  return parent.size() > domain.size() && parent.rfind(domain + "/", 0) == 0
             ? parent.substr(domain.size() + 1)
             : std::string();
}

}  // namespace vstate
