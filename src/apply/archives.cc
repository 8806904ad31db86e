// Where an archive belongs, and what of it is not taken. Archives come from another machine: a
// delivery must not put a .qmail into a home, or a program's line into a list, that the plan has
// not shown. What the State describes comes from the State alone.

#include "apply/archives.h"

#include <algorithm>
#include <array>

#include "sys/path.h"
#include "vstate/model/names.h"

namespace vstate {

std::optional<std::string> archive_target(const Box& box, const Paths& paths) {
  if (box.kind == Box::Kind::files) return paths.domain;
  if (box.kind == Box::Kind::list) return paths.list_directory(box.name);
  const auto home = paths.homes.find(box.name);
  return home == paths.homes.end() ? std::nullopt : std::optional(home->second);
}

Reserved reserved_in(Box::Kind kind, const Paths& paths, const State& desired,
                     const std::set<std::string>& leave) {
  Reserved reserved;
  if (kind == Box::Kind::mailbox)
    reserved.is_kept = [](std::string_view path) { return path == ".qmail"; };
  // What a link of the list's may lead to, and what runs then, is in the file.
  if (kind == Box::Kind::list)
    reserved.is_kept = [](std::string_view path) {
      constexpr std::array names{"editor",  "manager",   "owner", "moderator",
                                 "bouncer", "confirmer", "lock",  "lockbounce"};
      return std::find(names.begin(), names.end(), path_name(path)) != names.end();
    };
  if (kind != Box::Kind::files) return reserved;
  reserved.is_kept = [](std::string_view path) {
    return is_kept_name(path.substr(0, path.find('/')));
  };
  const auto add = [&](const std::string& path) {
    // A home outside of the domain's directory is in no way of these files.
    if (path.starts_with(paths.domain + "/"))
      reserved.others.insert(path.substr(paths.domain.size() + 1));
  };
  for (const auto& [name, home] : paths.homes)
    if (!leave.contains(name)) add(home);
  for (const auto& [name, list] : desired.lists) add(paths.list_directory(name.text()));
  return reserved;
}

ArchiveFiles archive_files(const std::string& root, const ArchiveRef& archive, std::size_t known) {
  std::vector<std::string> paths;
  std::uint64_t bytes = 0;
  bool is_announced = true;
  archive.for_each([&](const ArchivePart& part) {
    if (known > 0) {
      --known;
      return;
    }
    paths.push_back(path_join(root, part.archive));
    bytes += part.bytes;
    is_announced = is_announced && part.bytes > 0;
  });
  // Fewer paths than parts say that the first ones were left out.
  const bool continues = paths.size() <= archive.increments.size();
  ArchiveFiles files(std::move(paths));
  if (continues) files.continue_earlier();
  // Where one part does not say how large it is, the sum would be too small, and right archives
  // would be refused.
  if (is_announced) files.announce(bytes);
  return files;
}

std::string digests_of(const ArchiveRef& archive, std::size_t count) {
  std::string digests;
  archive.for_each([&](const ArchivePart& part) {
    if (count == 0) return;
    --count;
    digests += (digests.empty() ? "" : " ") + part.sha256;
  });
  return digests;
}

OnDifference on_difference(Box::Kind kind) {
  return kind == Box::Kind::files ? OnDifference::replace : OnDifference::keep;
}

}  // namespace vstate
