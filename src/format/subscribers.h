/// \file
/// The subscriber files of an ezmlm list: 53 buckets, chosen by a hash whose width differs between
/// versions of ezmlm. An address in the wrong bucket gets mail, yet is no member to ezmlm.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate::ezmlm {

constexpr unsigned k_buckets = 53;
constexpr std::size_t k_address_maximum = 400;  ///< bytes

/// How wide the hash is calculated.
enum class HashRule {
  bits32,  ///< ezmlm 0.53, ezmlm-idx up to 0.4x, and 7.x on 32-bit systems
  bits64,  ///< ezmlm-idx 7.2.2 on 64-bit systems (lib/subhash.c)
};

/// 0 to 52, for the address in lower case, as ezmlm-sub places new ones.
[[nodiscard]] unsigned bucket(std::string_view address, HashRule);

/// The file name of a bucket: "@" for 0 to "t" for 52.
[[nodiscard]] char bucket_name(unsigned bucket);

/// What one file holds.
struct Bucket {
  std::vector<std::string> addresses;  ///< in its order
  /// Records that are no "T", address of 1 to 400 bytes, NUL: what is wrong with each, and the
  /// bytes that are left of it. ezmlm's programs do not send to them.
  std::vector<std::string> blemishes;
};
[[nodiscard]] Bucket parse_bucket(std::string_view bytes);

/// The file for these addresses, sorted by bytes, so that equal sets give equal files.
[[nodiscard]] std::string bucket_bytes(const std::vector<std::string>& addresses);

/// The rule that puts every address where it is, by file name; nothing if both do, or neither. An
/// address in the bucket of its spelling with capitals counts as well: older versions put it there,
/// and the later ones still look there.
[[nodiscard]] std::optional<HashRule> rule_of(
    const std::map<char, std::vector<std::string>>& buckets);

}  // namespace vstate::ezmlm
