/// \file
/// Gives messages the keys under which they are remembered, as they pass by with all others of
/// their directory.
#pragma once

#include <optional>
#include <unordered_set>

#include "maildir/memory.h"
#include "maildir/names.h"

namespace vstate::mail {

struct HashOfHash {
  std::size_t operator()(const NameHash& hash) const { return hash.low; }
};
using HashSet = std::unordered_set<NameHash, HashOfHash>;

/// Returns the key by folder and name of a message that is remembered by it. `key` is
/// key_of_message of it. Most messages are the first of their name and still in their folder: for
/// those nothing more is hashed.
[[nodiscard]] inline std::optional<NameHash> remembered_in_folder(const MailMemory& memory,
                                                                  const MessagePath& message,
                                                                  const NameHash& key) {
  if (memory.empty()) return std::nullopt;
  const auto* first = memory.find(key);
  if (first != nullptr && first->state.place == place_of_folder(message.folder))
    return std::nullopt;
  const auto scoped = key_in_folder(message.folder, message.unique);
  return memory.has(scoped) ? std::optional(scoped) : std::nullopt;
}

/// The first message of a name is known by its name, all others of it by folder and name. One that
/// is remembered by folder and name stays so, whatever became of the first.
class MessageKeys {
 public:
  /// Keys found in `known` are not stored again: it says itself which of them were seen.
  explicit MessageKeys(const MailMemory* known = nullptr) : known_(known) {}
  [[nodiscard]] NameHash of(const MessagePath& message) {
    return of(message, key_of_message(message.unique));
  }
  /// `key` is key_of_message of it.
  [[nodiscard]] NameHash of(const MessagePath& message, const NameHash& key) {
    if (passed_.contains(key) || (known_ != nullptr && known_->is_seen(key)))
      return key_in_folder(message.folder, message.unique);
    if (known_ != nullptr)
      if (const auto scoped = remembered_in_folder(*known_, message, key)) return *scoped;
    if (known_ == nullptr || known_->find(key) == nullptr) passed_.insert(key);
    return key;
  }
  /// Lets the next message of this name be the first again.
  void forget(const NameHash& key) { passed_.erase(key); }

 private:
  const MailMemory* known_;
  HashSet passed_;
};

}  // namespace vstate::mail
