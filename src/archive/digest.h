/// \file
/// The content digest of an archive, as docs/formats/archive.md defines it.
#pragma once

#include <string>
#include <string_view>

#include "maildir/walk.h"
#include "vstate/base/digest.h"

namespace vstate::mail {

class ContentDigest {
 public:
  /// Takes in all of an entry but its bytes; `entry.size` bytes must follow for a regular file. A
  /// message has the mode k_message_mode, whatever mode its file had.
  void begin(const TreeEntry& entry);
  void bytes(std::string_view part) { digest_.update(part); }
  [[nodiscard]] std::string finish() { return digest_.finish_hex(); }

 private:
  Sha256 digest_;
  std::string header_;
};

}  // namespace vstate::mail
