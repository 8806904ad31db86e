/// \file
/// Paths as texts. They come from vpasswd and users/assign as they are, so they have no type of
/// their own; what guards them is how `Files` walks them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vstate {

/// Joins two path parts with exactly one "/".
[[nodiscard]] std::string path_join(std::string_view directory, std::string_view name);
/// The last component, and what stands before it.
[[nodiscard]] std::string_view path_name(std::string_view path);
[[nodiscard]] std::string_view path_parent(std::string_view path);
/// True for the directory itself and for what is below it, by their spelling: both are absolute and
/// without links.
[[nodiscard]] bool is_within(std::string_view path, std::string_view directory);

/// Without empty parts and ".", which say nothing; ".." stays, since what it means depends on the
/// links before it.
[[nodiscard]] std::vector<std::string> components_of(std::string_view path);

/// What is left of a path that is walked; a link's target is put in front of it.
class Components {
 public:
  explicit Components(std::string_view path) { push(path); }
  void push(std::string_view path);
  [[nodiscard]] bool is_empty() const { return left_.empty(); }
  /// Takes the next one away.
  std::string pop();
  /// What is left as one path, from the next component on: "/a/b", or nothing.
  [[nodiscard]] std::string rest() const;

 private:
  std::vector<std::string> left_;  ///< the next one last
};

/// Links that a walk follows before it calls them a circle: as many as the kernel.
inline constexpr int k_most_links = 40;

/// The name of the temporary that stands beside `path` while it is replaced. It is shorter than the
/// longest name that a file system takes, whatever `path` is.
[[nodiscard]] std::string temporary_of(std::string_view path);
/// Whether a name is one that temporary_of makes.
[[nodiscard]] bool is_temporary(std::string_view name);
inline constexpr std::string_view k_temporary_suffix = ".vstate-tmp";

}  // namespace vstate
