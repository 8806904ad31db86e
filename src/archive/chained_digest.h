/// \file
/// The digests of a stream: behind the bytes of each file that of all since the one before, so that
/// a reader knows what it has before it does anything with it.
#pragma once

#include <string>
#include <string_view>

#include "archive/digest.h"
#include "maildir/names.h"

namespace vstate::mail {

class ChainedDigest {
 public:
  /// Hexadecimal digits behind the bytes of a file.
  static constexpr std::size_t k_length = 64;

  /// `entry` as it was before the digest made it longer.
  void begin(const TreeEntry& entry) {
    digest_.begin(entry, false);
    digest_.bytes(std::to_string(entry.stamp));
  }
  void bytes(std::string_view part) { digest_.bytes(part); }
  /// At the end of a file. Directories and links are in the digest of the next one.
  [[nodiscard]] std::string finish() {
    auto hex = digest_.finish();
    digest_.bytes(hex);
    return hex;
  }

 private:
  ContentDigest digest_;
};

}  // namespace vstate::mail
