/// \file
/// Paths and names in a Maildir, without I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/name_hash.h"

namespace vstate {

/// Returns what a message is known by: the hash of its unique name.
[[nodiscard]] NameHash hash_name(std::string_view unique);

}  // namespace vstate

namespace vstate::mail {

/// Where a message stands: FOLDER/new/NAME or FOLDER/cur/NAME. The parts refer to the path.
struct MessagePath {
  std::string_view folder;     ///< without "/new" or "/cur"; empty for the walked directory itself
  std::string_view directory;  ///< with it
  std::string_view name;
  std::string_view unique;  ///< the name up to ":"
};

/// The mode of a message's file, whatever it was at the source.
constexpr unsigned k_message_mode = 0600;

/// Returns nullopt if a regular file of that path is no message. One is directly in `new` or `cur`
/// and has a name that does not begin with a dot: Maildir readers skip those.
[[nodiscard]] std::optional<MessagePath> as_message(std::string_view path);

/// Returns "A.v1a2b3c4d,S=9" for "A,S=9" with the digest "1a2b3c4d...".
[[nodiscard]] std::string variant_of(std::string_view unique, std::string_view sha256_hex);

/// Returns why a link at `path` with that target must not be made, or an empty text if it may: its
/// target is relative, and ".." stands only at its start, not more often than `path` is deep.
[[nodiscard]] std::string_view link_refusal(std::string_view path, std::string_view target);

/// Returns "a/b" of "a" and "b", and "b" of "" and "b".
[[nodiscard]] std::string relative_join(std::string_view directory, std::string_view name);

/// Gives folders numbers, which are kept for each message instead of its path.
class FolderNumbers {
 public:
  [[nodiscard]] std::uint32_t of(std::string_view folder);
  [[nodiscard]] const std::string& path(std::uint32_t number) const { return *paths_[number]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(paths_.size()); }

 private:
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<const std::string*> paths_;
};

}  // namespace vstate::mail
