/// \file
/// What the last apply left of one domain: the third side of the comparison of file and server.
/// It holds keyed digests of values, never the values, which may be secrets.
///
///     file vs last apply   server vs last apply   result
///     same                 same                   nothing to do
///     changed              same                   change the server
///     same                 changed                kept: a person did that on the server
///     changed              changed                conflict: kept and shown; --overwrite takes the
///                                                 file's
///     (nothing is known)   differs from the file  change the server, as a first apply does
///
/// Alias domains have no third side: a name that is in none of qmail's places may have been taken
/// out, or lost, and a file that names it wants it there.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "vstate/model/parts.h"

namespace vstate {

/// By the address of an item ("mailbox.alice") and the name of its part: the digest of its text.
using RememberedParts = std::map<std::string, std::map<std::string, std::string>>;

enum class Verdict {
  take_file,  ///< nobody but the file changed it, or nothing is known
  kept,       ///< only the server changed it
  conflict,   ///< both changed it, differently
};

class Memory {
 public:
  /// Knows nothing.
  Memory() = default;
  Memory(std::string key, RememberedParts parts) : key_(std::move(key)), parts_(std::move(parts)) {}

  [[nodiscard]] bool knows(const std::string& item) const { return parts_.contains(item); }
  [[nodiscard]] bool knows(const std::string& item, const std::string& part) const {
    return knows(item) && parts_.at(item).contains(part);
  }
  /// Whether the last apply left exactly this.
  [[nodiscard]] bool left(const std::string& item, const std::string& part,
                          const std::string& text) const {
    return knows(item, part) && is_as_left(item, part, &text);
  }
  /// For a part that file and server have differently; nothing is a part that is absent there.
  [[nodiscard]] Verdict judge(const std::string& item, const std::string& part,
                              const std::string* in_file, const std::string* on_server) const;
  /// The same for a whole item that the file has and the server has no more.
  [[nodiscard]] Verdict judge_removed(const std::string& item, const Parts& in_file) const;

 private:
  [[nodiscard]] bool is_as_left(const std::string& item, const std::string& part,
                                const std::string* text) const;

  std::string key_;
  RememberedParts parts_;
};

/// HMAC-SHA-256 of a value, as the ledger keeps it.
[[nodiscard]] std::string digest_of_part(const std::string& key, std::string_view text);

/// What an apply that does all of a plan will have left: for each item the text of each part, or
/// nothing for a part that was kept, whose old digest stays. No parts: the item is to be forgotten.
using MemoryUpdate = std::map<std::string, std::map<std::string, std::optional<std::string>>>;

}  // namespace vstate
