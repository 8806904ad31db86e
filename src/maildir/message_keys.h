/// \file
/// Gives messages the keys under which they are remembered, as they pass by with all others of
/// their directory.
#pragma once

#include <unordered_set>

#include "maildir/memory.h"
#include "maildir/names.h"

namespace vstate::mail {

struct HashOfHash {
  std::size_t operator()(const NameHash& hash) const { return hash.low; }
};
using HashSet = std::unordered_set<NameHash, HashOfHash>;

/// The first message of a name is known by its name, all others of it by folder and name.
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
