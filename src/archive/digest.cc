#include "archive/digest.h"

namespace vstate::mail {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i, number >>= 8U) out.push_back(static_cast<char>(number & 0xFFU));
}

}  // namespace

void ContentDigest::begin(const TreeEntry& entry, bool is_message) {
  const bool is_regular = entry.kind == EntryKind::regular;
  header_.clear();
  append_number(header_, entry.path.size());
  header_ += entry.path;
  append_number(header_, static_cast<std::uint64_t>(entry.kind));
  append_number(header_, is_regular && !is_message ? entry.mode & 0100U : 0);
  append_number(header_, is_regular ? static_cast<std::uint64_t>(entry.mtime) : 0);
  append_number(header_, entry.size);
  header_ += entry.target;
  digest_.update(header_);
}

}  // namespace vstate::mail
