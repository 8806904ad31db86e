// Which hash directory the next home goes to, by vpopmail's own counting (vpopmail.c:vadduser,
// backfill.c). Its programs go on counting from what is left here, so even a defect of theirs is
// followed: a home goes where vpopmail itself would have put it.

#include "store/account_store.h"

#include <algorithm>

namespace vstate {

namespace {

/// What `from` has more than `other`, each as often as that.
std::vector<std::string> lacking(const std::vector<std::string>& from,
                                 std::vector<std::string> other) {
  std::vector<std::string> out;
  for (const auto& item : from) {
    const auto found = std::find(other.begin(), other.end(), item);
    if (found == other.end())
      out.push_back(item);
    else
      other.erase(found);
  }
  return out;
}

}  // namespace

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

Placement rebased(const PlacementChange& change, const Placement& now,
                  const std::vector<AccountChange>& changes) {
  const auto& [before, after] = change;
  const auto taken = lacking(before.free_directories, after.free_directories);
  const auto given = lacking(after.free_directories, before.free_directories);
  auto out = now;
  if (now.counter == before.counter) {
    out.counter = after.counter;
  } else {
    // Which slots it steps over is the same for whoever comes later: only their number counts.
    auto from_list = taken.size();
    out.free_directories.clear();
    for (const auto& item : changes) {
      if (!item.before) {
        if (from_list > 0) out.free_directories.emplace_back();
        from_list -= from_list > 0 ? 1 : 0;
        (void)next_directory(out);
      } else if (!item.after) {
        retreat(out.counter);
      }
    }
    out.free_directories = now.free_directories;
  }
  for (const auto& directory : taken) {
    auto& free = out.free_directories;
    // One that is not there any more somebody else has taken too: two accounts then share it.
    if (const auto found = std::find(free.begin(), free.end(), directory); found != free.end())
      free.erase(found);
  }
  out.free_directories.insert(out.free_directories.end(), given.begin(), given.end());
  return out;
}

std::string hash_directory_of(const std::string& home, const std::string& domain) {
  const auto parent = std::string(path_parent(home));
  return parent.size() > domain.size() && parent.rfind(domain + "/", 0) == 0
             ? parent.substr(domain.size() + 1)
             : std::string();
}

}  // namespace vstate
