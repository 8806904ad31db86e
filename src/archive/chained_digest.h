/// \file
/// The digests of a stream (docs/formats/stream.md): behind the bytes of each file stands that of
/// all since the one before, so that a reader knows what it has before it does anything with it.
#pragma once

#include <string>
#include <string_view>

#include "archive/digest.h"
#include "maildir/names.h"

namespace vstate::mail {

class ChainedDigest {
 public:
  /// How many hexadecimal digits stand behind the bytes of a file.
  static constexpr std::size_t k_length = 64;

  /// Begins an entry with the size that it has without the digest.
  void begin(const TreeEntry& entry) {
    digest_.begin(entry);
    digest_.bytes(std::to_string(entry.stamp));
  }
  void bytes(std::string_view part) { digest_.bytes(part); }
  /// Ends a file and returns its digest. Directories and links are in the digest of the next file.
  [[nodiscard]] std::string finish() {
    auto hex = digest_.finish();
    digest_.bytes(hex);
    return hex;
  }

 private:
  ContentDigest digest_;
};

}  // namespace vstate::mail
