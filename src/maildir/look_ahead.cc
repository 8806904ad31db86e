// The filter is asked in the order of the visits, since the first message of a name has a key of
// its own; only the opening comes later.

#include "maildir/look_ahead.h"

#include <algorithm>

#include "format/maildir_name.h"
#include "maildir/names.h"

namespace vstate::mail {

namespace {

/// Enough for a link of a long way, and little to remember.
constexpr std::size_t k_ahead = 1024;

}  // namespace

Status LookAhead::reach(std::size_t i, const std::string& path, bool opens, const NameOf& name_of) {
  // In large steps, and long before the last one is used up, so that what was asked for never runs
  // out.
  if (end_ == listing_.size() || i + k_ahead / 2 < end_) return {};
  std::vector<std::string> names;
  for (const auto end = std::min(listing_.size(), i + k_ahead); end_ < end; ++end_) {
    if (listing_.type(end_) != FileInfo::Type::regular) continue;
    const auto file = relative_join(path, listing_.name(end_));
    if (expressed_.contains(file)) continue;
    const bool is_message = as_message(file).has_value();
    if (!is_message && classify_maildir_file(listing_.name(end_)).fate == FileFate::drop) continue;
    if (is_message && filter_ != nullptr) {
      VSTATE_TRY_ASSIGN(const bool is_opened, (*filter_)(file));
      is_wanted_[end_] = is_opened;
      if (!is_opened) continue;
    }
    if (opens && directory_.is_far_away()) names.push_back(name_of(file));
  }
  if (!names.empty()) directory_.expect_files(names);
  return {};
}

void expect_listings(const Directory& directory, const Listing& listing, const Exclusion& expressed,
                     const std::string& path) {
  if (!directory.is_far_away()) return;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < listing.size(); ++i) {
    std::string name(listing.name(i));
    const auto below = relative_join(path, name);
    if (listing.type(i) == FileInfo::Type::directory && !expressed.contains(below) &&
        !expressed.contains(below + "/"))
      names.push_back(std::move(name));
  }
  if (!names.empty()) directory.expect_listings(names);
}

}  // namespace vstate::mail
