/// \file
/// Under which key a message is remembered, as it passes by with all others of its directory.
#pragma once

#include <unordered_set>

#include "maildir/memory.h"
#include "maildir/names.h"

namespace vstate::mail {

struct HashOfHash {
  std::size_t operator()(const NameHash& hash) const { return hash.low; }
};
using HashSet = std::unordered_set<NameHash, HashOfHash>;

/// The first message of a name by its name, all others of it by folder and name.
class MessageKeys {
 public:
  /// `known`: those that it has need no memory here, once they are looked up there.
  explicit MessageKeys(const MailMemory* known = nullptr) : known_(known) {}
  [[nodiscard]] NameHash of(const MessagePath& message) {
    return of(message, key_of_message(message.unique));
  }
  /// `key`: key_of_message of it.
  [[nodiscard]] NameHash of(const MessagePath& message, const NameHash& key) {
    if (passed_.contains(key) || (known_ != nullptr && known_->is_seen(key)))
      return key_in_folder(message.folder, message.unique);
    if (known_ == nullptr || known_->find(key) == nullptr) passed_.insert(key);
    return key;
  }
  /// The next of this name is the first again.
  void forget(const NameHash& key) { passed_.erase(key); }

 private:
  const MailMemory* known_;
  HashSet passed_;
};

}  // namespace vstate::mail
