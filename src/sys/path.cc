// Spelling only: nothing here asks the disk. Two paths that are spelt differently may be one place,
// which `Files::resolve` or device and inode tell.

#include "sys/path.h"

#include <algorithm>
#include <climits>
#include <functional>
#include <iterator>

#include <fmt/format.h>

namespace vstate {

std::string path_join(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (out.empty() || out.back() != '/') out.push_back('/');
  out.append(name);
  return out;
}

std::string_view path_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view path_parent(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

// The "/" behind the directory matters: "/home/example.com.au" is not below "/home/example.com".
bool is_within(std::string_view path, std::string_view directory) {
  return path == directory || directory == "/" ||
         (path.starts_with(directory) && path.size() > directory.size() &&
          path[directory.size()] == '/');
}

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, end - at);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    at = end + 1;
  }
  return parts;
}

void Components::push(std::string_view path) {
  auto parts = components_of(path);
  left_.insert(left_.end(), std::make_move_iterator(parts.rbegin()),
               std::make_move_iterator(parts.rend()));
}

std::string Components::pop() {
  auto part = std::move(left_.back());
  left_.pop_back();
  return part;
}

std::string Components::rest() const {
  std::string out;
  for (auto part = left_.rbegin(); part != left_.rend(); ++part) out += "/" + *part;
  return out;
}

std::string temporary_of(std::string_view path) {
  // Not ".qmail-...": listings take such names as aliases. A leading ".vstate-" keeps the name out
  // of them, and out of Maildir folders, which begin with a dot and hold new, cur and tmp.
  constexpr std::string_view prefix = ".vstate-";
  auto name = std::string(path_name(path));
  // A name near the limit would become too long with its prefix and suffix. Its hash stands for it,
  // which is the same in each run, so that a stopped run's leftover is found and replaced.
  if (prefix.size() + name.size() + k_temporary_suffix.size() > NAME_MAX)
    name = fmt::format("long-{:016x}", std::hash<std::string>{}(name));
  return path_join(path_parent(path), fmt::format("{}{}{}", prefix, name, k_temporary_suffix));
}

bool is_temporary(std::string_view name) {
  return name.starts_with(".vstate-") && name.ends_with(k_temporary_suffix);
}

}  // namespace vstate
