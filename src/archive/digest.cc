// The digest is over what is the same on both servers: no owner, no group, no time of a directory,
// and of the mode only whether the owner may execute a file. So an archive of the same mail has the
// same digest, whoever packed it and however. Each length stands before its text, or two different
// trees could give the same bytes.

#include "archive/digest.h"

#include "base/number_bytes.h"

namespace vstate::mail {

void ContentDigest::begin(const TreeEntry& entry) {
  const bool is_regular = entry.kind == EntryKind::regular;
  header_.clear();
  append_little_endian(header_, entry.path.size());
  header_ += entry.path;
  append_little_endian(header_, static_cast<std::uint64_t>(entry.kind));
  // Most of a mode comes from the umask of whoever made the file. The execute bit alone has a
  // meaning: ezmlm marks with it the messages that are complete.
  append_little_endian(header_, is_regular ? entry.mode & 0100U : 0);
  append_little_endian(
      header_, is_regular ? static_cast<std::uint64_t>(entry.mtime.time_since_epoch().count()) : 0);
  append_little_endian(header_, entry.size);
  header_ += entry.target;
  digest_.update(header_);
}

}  // namespace vstate::mail
