/// \file
/// What a walk does with a link that it meets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/walk.h"
#include "sys/path.h"

namespace vstate::mail {

/// Where a link leads.
struct LinkEnd {
  std::shared_ptr<const Directory> directory;  ///< of a link that is walked as a directory
  std::string refusal;                         ///< of one that cannot travel; else it is an entry
  std::string resolved;                        ///< the absolute path of what is walked
};

class LinkFollower {
 public:
  LinkFollower(const Files& files, std::string directory, const LinkedDirectories& links)
      : files_(files), directory_(std::move(directory)), links_(links) {}

  /// `path` is relative to the walked directory; `above` are the directories that the walk is in.
  /// An error is one of the run: what is there cannot be told.
  [[nodiscard]] Result<LinkEnd> follow(const std::string& path,
                                       const std::vector<PlaceId>& above) const;
  /// The target of a link that stays a link, relative to where it stands if it leads to something
  /// in the walked directory; nullopt if it leads out of it.
  [[nodiscard]] Result<std::optional<std::string>> kept_target(const std::string& path,
                                                               const std::string& target) const;
  [[nodiscard]] bool is_named(const std::string& path) const {
    return links_.followed.contains(path);
  }

 private:
  [[nodiscard]] std::string full(const std::string& path) const {
    return path_join(directory_, path);
  }
  /// Why a link that cannot be opened as a directory cannot travel either; empty: it is an entry.
  [[nodiscard]] Result<std::string> obstacle_of(const Error& opening, const std::string& at) const;
  [[nodiscard]] Result<std::string> owner_of(const std::string& resolved) const;

  const Files& files_;
  std::string directory_;
  const LinkedDirectories& links_;
};

}  // namespace vstate::mail
