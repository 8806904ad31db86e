/// \file
/// Paths as texts. They come from vpasswd and users/assign as they are, so they have no type of
/// their own; what guards them is how `Files` walks them.
#pragma once

#include <string>
#include <string_view>

namespace vstate {

/// Joins two path parts with exactly one "/".
[[nodiscard]] std::string path_join(std::string_view directory, std::string_view name);
/// The last component, and what stands before it.
[[nodiscard]] std::string_view path_name(std::string_view path);
[[nodiscard]] std::string_view path_parent(std::string_view path);
/// True for the directory itself and for what is below it, by their spelling: both are absolute and
/// without links.
[[nodiscard]] bool is_within(std::string_view path, std::string_view directory);

/// The name of the temporary that stands beside `path` while it is replaced. It is shorter than the
/// longest name that a file system takes, whatever `path` is.
[[nodiscard]] std::string temporary_of(std::string_view path);
/// Whether a name is one that temporary_of makes.
[[nodiscard]] bool is_temporary(std::string_view name);
inline constexpr std::string_view k_temporary_suffix = ".vstate-tmp";

}  // namespace vstate
