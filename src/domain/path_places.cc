// Where paths of a copied or running server lead, through whatever links. Whoever made a link
// decides where it leads: a link in a circle, or to what its maker may not read, leads nowhere, and
// must not stop the inspection of a whole domain. What the machine cannot answer stays an error.

#include "domain/path_places.h"
#include "sys/path.h"
#include "sys/process/identity.h"

namespace vstate {

Result<Behind> look_behind(const Files& files, const std::string& path) {
  auto found = files.look_followed(path);
  if (found) return Behind{*found, "where nothing is"};
  const auto code = found.error().code;
  if (code != Errc::invalid && code != Errc::denied) return propagate(found);
  // What is denied to vstate itself is not the doing of who made the link.
  VSTATE_TRY_ASSIGN(const auto here, files.look(path));
  const bool is_links_doing = here && here->is_link() && can_act_as_others();
  if (code == Errc::denied && !is_links_doing) return propagate(found);
  return Behind{std::nullopt, code == Errc::denied ? "which cannot be read" : "in a circle"};
}

bool is_links_doing(const Error& error) {
  return error.code == Errc::invalid || (error.code == Errc::denied && can_act_as_others());
}

std::optional<PlaceId> PathPlaces::find(const std::string& path) {
  if (const auto known = known_.find(path); known != known_.end()) return known->second;
  std::optional<PlaceId> place;
  const auto behind = look_behind(files_, path);
  if (!behind) {
    // The first failure is kept; the answer that follows it is of no use to anybody.
    if (status_) status_ = tl::unexpected<Error>(behind.error());
    return std::nullopt;
  }
  if (behind->info) place = PlaceId{behind->info->device, behind->info->inode};
  if (behind->info && behind->info->is_behind_link) behind_links_.insert(path);
  // Thousands of delivery lines name the same few directories.
  return known_.emplace(path, place).first->second;
}

bool PathPlaces::is_direct(const std::string& path) {
  return find(path) && !behind_links_.contains(path);
}

std::optional<std::string> PathPlaces::below(const std::string& path, const PlaceId& directory) {
  // Names do not tell: /var/vpopmail may be a link, and a line may use either spelling.
  for (auto parent = path_parent(path); parent.size() > 1; parent = path_parent(parent))
    if (find(std::string(parent)) == directory) return path.substr(parent.size() + 1);
  return std::nullopt;
}

}  // namespace vstate
