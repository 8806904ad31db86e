// The filter is asked in the order of the visits, since the first message of a name has a key of
// its own; only the opening comes later.

#include "maildir/look_ahead.h"

#include <algorithm>

#include "format/maildir_name.h"
#include "maildir/names.h"

namespace vstate::mail {

namespace {

/// Enough for a link of a long way, and little to remember.
constexpr std::size_t k_ahead = 256;

}  // namespace

Status LookAhead::reach(std::size_t i, const std::string& path, bool opens, const NameOf& name_of) {
  if (i < end_) return {};
  begin_ = i;
  end_ = std::min(listing_.size(), i + k_ahead);
  is_wanted_.assign(end_ - begin_, true);
  std::vector<std::string> names;
  for (; i < end_; ++i) {
    if (listing_.type(i) != FileInfo::Type::regular) continue;
    const auto file = relative_join(path, listing_.name(i));
    if (expressed_.contains(file)) continue;
    const bool is_message = as_message(file).has_value();
    if (!is_message && classify_maildir_file(listing_.name(i)).fate == FileFate::drop) continue;
    if (is_message && filter_ != nullptr) {
      VSTATE_TRY_ASSIGN(const bool is_opened, (*filter_)(file));
      is_wanted_[i - begin_] = is_opened;
      if (!is_opened) continue;
    }
    if (opens) names.push_back(name_of(file));
  }
  if (!names.empty()) directory_.expect_files(std::move(names));
  return {};
}

void expect_listings(const Directory& directory, const Listing& listing, const Exclusion& expressed,
                     const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < listing.size(); ++i) {
    std::string name(listing.name(i));
    const auto below = relative_join(path, name);
    if (listing.type(i) == FileInfo::Type::directory && !expressed.contains(below) &&
        !expressed.contains(below + "/"))
      names.push_back(std::move(name));
  }
  if (!names.empty()) directory.expect_listings(std::move(names));
}

}  // namespace vstate::mail
