/// \file
/// Places of one server by the paths that lead there, each asked of the kernel once.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "sys/files.h"
#include "vstate/model/template.h"

namespace vstate {

/// What a path leads to, links followed. Where a link leads is the doing of who made it: in a
/// circle, or to what they may not look at, is nowhere. All other failures stay errors.
struct Behind {
  std::optional<FileInfo> info;
  const char* why = "";  ///< without `info`: "where nothing is"
  [[nodiscard]] bool is_directory() const { return info && info->is_directory(); }
};
[[nodiscard]] Result<Behind> look_behind(const Files&, const std::string& path);

/// The failure is where a link leads, not the machine: in a circle, or to what its maker may not
/// look at.
[[nodiscard]] bool is_links_doing(const Error&);

class PathPlaces {
 public:
  explicit PathPlaces(const Files& files) : files_(files) {}
  /// Where a path leads, through links; nullopt for nowhere, and for where it cannot be told: then
  /// `status` says why, and whatever was made of the answer must not be used.
  [[nodiscard]] std::optional<PlaceId> find(const std::string& path);
  /// Whether it leads somewhere, and no link is on the way.
  [[nodiscard]] bool is_direct(const std::string& path);
  /// The part of `path` below a directory, by whatever names both are reached; nullopt if it is not
  /// below it.
  [[nodiscard]] std::optional<std::string> below(const std::string& path, const PlaceId& directory);
  /// The first failure of a question since the start.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  const Files& files_;
  Status status_;
  std::unordered_map<std::string, std::optional<PlaceId>> known_;
  std::unordered_set<std::string> behind_links_;
};

}  // namespace vstate
