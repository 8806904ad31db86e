// SFTP answers one question at a time about one name, and a long way is gone for each. So what may
// be asked is asked for together, and kept until somebody wants to know how it is now.

#include "remote/sftp/known_places.h"

#include <fmt/format.h>

#include "sys/path.h"

namespace vstate::remote {

namespace {

/// What a reply to readlink says.
Result<std::string> target_in(const Reply& reply, std::string_view shown) {
  if (const auto status = status_of(reply))
    return fail_status(*status, shown, "cannot read the link", Missing::impossible);
  if (auto target = path_in(reply)) return *std::move(target);
  return fail(Errc::io, fmt::format("{}: the other side does not say where it leads", shown));
}

}  // namespace

std::string KnownPlaces::there(std::string_view path) const {
  if (root_ == "/") return std::string(path);
  return path == "/" ? root_ : root_ + std::string(path);
}

/// What was gathered outlives its snapshot here, as any answer about a name does.
std::optional<std::optional<FileInfo>> KnownPlaces::known(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  if (const auto known = looks_.find(path); known != looks_.end()) return known->second;
  for (const auto& held : snapshots_) {
    const auto snapshot = held.lock();
    if (snapshot == nullptr) continue;
    if (auto found = snapshot->look(path)) {
      looks_.emplace(path, *found);
      return found;
    }
  }
  return std::nullopt;
}

Result<std::optional<FileInfo>> KnownPlaces::look(const std::string& path,
                                                  std::string_view shown) const {
  tasks_.add_name(path);
  if (const auto answer = known(path)) return *answer;
  VSTATE_TRY_ASSIGN(const auto reply,
                    channel_.ask(PacketType::lstat, PacketWriter().text(there(path)).take()));
  VSTATE_TRY_ASSIGN(const auto found, look_in(reply, there(path), shown));
  const std::lock_guard lock(mutex_);
  looks_.insert_or_assign(path, found);
  return found;
}

Result<std::string> KnownPlaces::target(const std::string& path, std::string_view shown) const {
  tasks_.add_link(path);
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = targets_.find(path); known != targets_.end()) return known->second;
  }
  VSTATE_TRY_ASSIGN(const auto reply,
                    channel_.ask(PacketType::readlink, PacketWriter().text(there(path)).take()));
  VSTATE_TRY_ASSIGN(const auto target, target_in(reply, shown));
  const std::lock_guard lock(mutex_);
  targets_.insert_or_assign(path, target);
  return target;
}

/// The names on the way to a place, as far as they stand where they are spelt.
void KnownPlaces::add_names_on_way(const std::string& path, std::set<std::string>& names) const {
  std::string at;
  for (const auto& part : components_of(path)) {
    if (part == "..") return;
    names.insert(at += "/" + part);
    // What is behind it is asked for where it leads.
    if (const auto info = known(at).value_or(std::nullopt); info && info->is_link()) return;
  }
}

/// All that is known of the ways there is asked for at once: first each name on each way, then
/// where the links among them lead, and so on behind these.
void KnownPlaces::expect(const std::vector<std::string>& paths) const {
  std::set<std::string> wanted(paths.begin(), paths.end());
  for (int links = 0; !wanted.empty() && links <= k_most_links; ++links) {
    std::set<std::string> names{"/"};
    for (const auto& path : wanted) add_names_on_way(path, names);
    if (!look_ahead(names) || !follow_ahead(names)) return;
    std::set<std::string> behind;
    for (const auto& path : wanted)
      if (auto next = behind_known_link(path)) behind.insert(*std::move(next));
    wanted = std::move(behind);
  }
}

/// Questions that are under way, and what came of them.
struct KnownPlaces::Looks {
  std::map<std::string, std::optional<FileInfo>> found;
  std::size_t left = 0;
};
struct KnownPlaces::Targets {
  std::map<std::string, std::string> found;
  std::size_t left = 0;
};

void KnownPlaces::begin(const std::set<std::string>& names, Looks& looks) const {
  for (const auto& path : names) {
    tasks_.add_name(path);
    if (known(path)) continue;
    const std::lock_guard lock(channel_.mutex());
    ++looks.left;
    channel_.submit(PacketType::lstat, PacketWriter().text(there(path)).take(),
                    [&looks, path, place = there(path)](const Reply& reply) {
                      --looks.left;
                      if (const auto info = look_in(reply, place, path))
                        looks.found.emplace(path, *info);
                    });
  }
}

/// False if the connection failed. What was refused is asked again by who wants it, and named then.
bool KnownPlaces::end(Looks& looks) const {
  if (!channel_.wait([&] { return looks.left == 0; })) return false;
  auto& found = looks.found;
  // The other side has followed a link on the way by rules of its own.
  const auto is_behind_link = [&](const std::string& path) {
    for (auto above = path_parent(path); above.size() > 1; above = path_parent(above)) {
      const auto asked = found.find(std::string(above));
      const auto info =
          asked != found.end() ? asked->second : known(std::string(above)).value_or(std::nullopt);
      if (info && info->is_link()) return true;
    }
    return false;
  };
  std::erase_if(found, [&](const auto& item) { return is_behind_link(item.first); });
  const std::lock_guard lock(mutex_);
  looks_.merge(found);
  return true;
}

bool KnownPlaces::look_ahead(const std::set<std::string>& names) const {
  Looks looks;
  begin(names, looks);
  return end(looks);
}

void KnownPlaces::begin(const std::set<std::string>& links, Targets& targets) const {
  for (const auto& path : links) {
    tasks_.add_link(path);
    {
      const std::lock_guard lock(mutex_);
      if (targets_.contains(path)) continue;
    }
    const std::lock_guard lock(channel_.mutex());
    ++targets.left;
    channel_.submit(PacketType::readlink, PacketWriter().text(there(path)).take(),
                    [&targets, path](const Reply& reply) {
                      --targets.left;
                      if (auto target = target_in(reply, path))
                        targets.found.emplace(path, *target);
                    });
  }
}

bool KnownPlaces::end(Targets& targets) const {
  if (!channel_.wait([&] { return targets.left == 0; })) return false;
  const std::lock_guard lock(mutex_);
  targets_.merge(targets.found);
  return true;
}

/// Asks where the links among `names` lead.
bool KnownPlaces::follow_ahead(const std::set<std::string>& names) const {
  std::set<std::string> links;
  for (const auto& path : names) {
    const auto info = known(path).value_or(std::nullopt);
    if (info && info->is_link()) links.insert(path);
  }
  Targets targets;
  begin(links, targets);
  return end(targets);
}

/// What is in a directory that is listed need not be looked at by itself.
std::shared_ptr<const Snapshot> KnownPlaces::ask_again(const Asked& asked) {
  if (asked.names.empty()) return nullptr;
  std::set<std::string> names;
  for (const auto& path : asked.names)
    if (!asked.directories.contains(std::string(path_parent(path)))) names.insert(path);
  Looks looks;
  Targets targets;
  begin(names, looks);
  begin(asked.links, targets);
  auto snapshot = Snapshot::take_again(channel_, *this, asked);
  if (end(looks) && end(targets)) add(snapshot);
  return snapshot;
}

/// The path with its first known link replaced by what it says; nullopt if there is none.
std::optional<std::string> KnownPlaces::behind_known_link(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  Components left(path);
  std::string at;
  while (!left.is_empty()) {
    const auto above = at;
    at += "/" + left.pop();
    const auto target = targets_.find(at);
    if (target == targets_.end()) continue;
    return (target->second.starts_with('/') ? "" : above + "/") + target->second + left.rest();
  }
  return std::nullopt;
}

std::shared_ptr<const Listed> KnownPlaces::listing(const std::string& place) const {
  const std::lock_guard lock(mutex_);
  for (const auto& held : snapshots_)
    if (const auto snapshot = held.lock())
      if (const auto* listing = snapshot->listing(place)) return {snapshot, listing};
  return nullptr;
}

bool KnownPlaces::may_be_directory(const std::string& path) const {
  const auto answer = known(path);
  return !answer || (*answer && (*answer)->is_directory());
}

std::shared_ptr<const Snapshot::Text> KnownPlaces::text(const std::string& place) const {
  const std::lock_guard lock(mutex_);
  for (const auto& held : snapshots_)
    if (const auto snapshot = held.lock())
      if (auto text = snapshot->text(place)) return text;
  return nullptr;
}

void KnownPlaces::add(const std::shared_ptr<const Snapshot>& snapshot) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(snapshots_, [](const auto& held) { return held.expired(); });
    // The latest is asked first.
    snapshots_.insert(snapshots_.begin(), snapshot);
  }
  follow_ahead(snapshot->links());
}

std::vector<std::string> KnownPlaces::directories_below(const std::string& place) const {
  const auto prefix = path_join(place, "");
  std::vector<std::string> found;
  const std::lock_guard lock(mutex_);
  for (auto known = looks_.lower_bound(prefix);
       known != looks_.end() && known->first.starts_with(prefix); ++known)
    if (known->second && known->second->is_directory()) found.push_back(known->first);
  return found;
}

void KnownPlaces::forget() {
  const std::lock_guard lock(mutex_);
  looks_.clear();
  targets_.clear();
  snapshots_.clear();
}

}  // namespace vstate::remote
