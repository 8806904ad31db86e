// Rules about names and paths, without a look at any disk: both sides of a stream apply them, and
// must come to the same answer for the same text.

#include "maildir/names.h"

#include <algorithm>

#include "format/maildir_name.h"
#include "sys/system.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate {

NameHash hash_name(std::string_view unique) {
  thread_local Sha256 digest;
  digest.update(unique);
  const auto value = digest.finish();
  return name_hash_of(view_of(value));
}

}  // namespace vstate

namespace vstate::mail {

std::optional<MessagePath> as_message(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  MessagePath out;
  out.directory = path.substr(0, slash);
  out.name = path.substr(slash + 1);
  const auto place = path_name(out.directory);
  if ((place != "new" && place != "cur") || out.name.starts_with('.')) return std::nullopt;
  out.folder = path_parent(out.directory);
  out.unique = parse_message_name(out.name).unique;
  return out;
}

std::string variant_of(std::string_view unique, std::string_view sha256_hex) {
  // The digest goes in front of the sizes, which stay readable as such.
  const auto comma = std::min(unique.find(','), unique.size());
  std::string out(unique.substr(0, comma));
  out.append(".v").append(sha256_hex.substr(0, 8)).append(unique.substr(comma));
  return out;
}

std::string_view link_refusal(std::string_view path, std::string_view target) {
  // An absolute link would lead to wherever that path leads on the target, and out of the mailbox.
  if (target.empty() || target.front() == '/') return "the link is absolute";
  // The link's own directory is as deep below the mailbox as there are slashes in its path.
  auto depth = std::count(path.begin(), path.end(), '/');
  bool is_start = true;
  for (const auto part : split(target, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      is_start = false;
      continue;
    }
    // A name in front may be a link itself, so what ".." behind it means cannot be known from the
    // text.
    if (!is_start) return "the link goes up behind a name";
    if (--depth < 0) return "the link leads out of the directory";
  }
  return {};
}

std::string relative_join(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : path_join(directory, name);
}

std::uint32_t FolderNumbers::of(std::string_view folder) {
  const auto found = numbers_.find(folder);
  if (found != numbers_.end()) return found->second;
  const auto number = static_cast<std::uint32_t>(paths_.size());
  // Keys of a map stay where they are, so the list may point to them.
  paths_.push_back(&numbers_.emplace(folder, number).first->first);
  return number;
}

}  // namespace vstate::mail
