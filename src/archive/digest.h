/// \file
/// The content digest, as archive.h defines it.
#pragma once

#include <string>
#include <string_view>

#include "maildir/walk.h"
#include "vstate/base/digest.h"

namespace vstate::mail {

class ContentDigest {
 public:
  /// All of an entry but its bytes; `entry.size` bytes must follow for a regular file. A link's
  /// target is taken from the entry.
  void begin(const TreeEntry& entry, bool is_message);
  void bytes(std::string_view part) { digest_.update(part); }
  [[nodiscard]] std::string finish() { return digest_.finish_hex(); }

 private:
  Sha256 digest_;
  std::string header_;
};

}  // namespace vstate::mail
