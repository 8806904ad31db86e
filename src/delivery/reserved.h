/// \file
/// What below a directory is not for the mail that is brought there.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace vstate {

struct Reserved {
  /// Relative paths that others deliver to at the same time: homes and lists below the domain's
  /// directory. They are not looked into, and what comes for one is refused.
  std::set<std::string, std::less<>> others;
  /// Returns whether vpopmail or vstate keeps that path for itself. What comes under one is refused
  /// by name.
  bool (*is_kept)(std::string_view path) = nullptr;
  [[nodiscard]] bool keeps(std::string_view path) const {
    if (is_kept != nullptr && is_kept(path)) return true;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      if (others.contains(path.substr(0, slash))) return true;
    return false;
  }
};

}  // namespace vstate
