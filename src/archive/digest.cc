#include "archive/digest.h"

#include "base/number_bytes.h"

namespace vstate::mail {

void ContentDigest::begin(const TreeEntry& entry) {
  const bool is_regular = entry.kind == EntryKind::regular;
  header_.clear();
  append_little_endian(header_, entry.path.size());
  header_ += entry.path;
  append_little_endian(header_, static_cast<std::uint64_t>(entry.kind));
  append_little_endian(header_, is_regular ? entry.mode & 0100U : 0);
  append_little_endian(header_, is_regular ? static_cast<std::uint64_t>(entry.mtime) : 0);
  append_little_endian(header_, entry.size);
  header_ += entry.target;
  digest_.update(header_);
}

}  // namespace vstate::mail
