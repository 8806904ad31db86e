// Directories change while they are read: mail arrives, readers move it from new to cur and set
// flags. A listing that was disturbed is taken again, and a message that is not found by its listed
// name is looked for by the part of it that never changes. The names of one directory are kept in
// one block, since a folder may hold a million of them.

#include "maildir/listing.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "format/maildir_name.h"

namespace vstate::mail {

namespace {

// A folder that never rests must still come to an end; a message that was missed then comes with
// the next pass.
constexpr int k_most_listings = 6;
constexpr int k_most_searches = 4;

}  // namespace

Status list_names(const Directory& directory, const std::function<void()>& again,
                  const Directory::Found& found) {
  for (int tries = 1;; ++tries) {
    VSTATE_TRY_ASSIGN(const auto before, directory.info());
    VSTATE_TRY(directory.read_names(found));
    VSTATE_TRY_ASSIGN(const auto after, directory.info());
    // Each added, removed or renamed name changes the directory's time, and nothing else does.
    if (before.modified == after.modified || tries == k_most_listings) return {};
    again();
  }
}

Result<Listing> Listing::read(const Directory& directory) {
  Listing out;
  const auto again = [&] {
    out.names_.clear();
    out.items_.clear();
  };
  VSTATE_TRY(list_names(directory, again, [&](const char* name, FileInfo::Type type) {
    const std::string_view text = name;
    out.items_.push_back({static_cast<std::uint32_t>(out.names_.size()),
                          static_cast<std::uint16_t>(text.size()), type});
    out.names_.append(text).push_back('\0');
  }));
  // Offsets have 32 bits to halve the memory of an entry.
  if (out.names_.size() > std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::unsupported, fmt::format("{}: too many names", directory.path()));
  out.sort();
  return out;
}

void Listing::sort() {
  std::sort(items_.begin(), items_.end(), [&](const Item& a, const Item& b) {
    return std::string_view(names_.data() + a.at, a.length) <
           std::string_view(names_.data() + b.at, b.length);
  });
}

void Listing::rename(const std::vector<std::pair<std::size_t, std::string>>& names) {
  for (const auto& [i, name_wanted] : names) {
    // The new name goes behind all others; the old one stays in the block, unused, since nothing is
    // moved in it.
    items_[i].at = static_cast<std::uint32_t>(names_.size());
    items_[i].length = static_cast<std::uint16_t>(name_wanted.size());
    names_.append(name_wanted).push_back('\0');
  }
  sort();
}

std::size_t Listing::lower_bound(std::string_view name_wanted) const {
  std::size_t low = 0;
  std::size_t high = items_.size();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (name(middle) < name_wanted)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool Listing::contains(std::string_view name_wanted) const {
  const auto at = lower_bound(name_wanted);
  return at < size() && name(at) == name_wanted;
}

bool Listing::has_directory(std::string_view name_wanted) const {
  const auto at = lower_bound(name_wanted);
  return at < size() && name(at) == name_wanted && type(at) == FileInfo::Type::directory;
}

std::optional<std::string_view> Listing::find_message(std::string_view unique) const {
  auto at = lower_bound(unique);
  if (at < size() && name(at) == unique) return name(at);
  // A name with flags sorts right behind the unique name with its colon, however many other names
  // begin alike.
  at = lower_bound(std::string(unique) + ":");
  if (at < size() && parse_message_name(name(at)).unique == unique) return name(at);
  return std::nullopt;
}

Status FolderSearch::refresh(Place& place, bool& has_changed) {
  VSTATE_TRY_ASSIGN(const auto directory, folder_->open(std::string(place.name)));
  // A folder without `new` or `cur` has no messages there, which is no failure.
  if (directory == nullptr) {
    has_changed = has_changed || place.listing.size() != 0;
    place.listing = {};
    place.is_listed = false;
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto info, directory->info());
  // The listing still holds. The time is that of before the listing, so a change while it was read
  // is seen at the next question.
  if (place.is_listed && place.changed == info.modified) return {};
  VSTATE_TRY_ASSIGN(place.listing, Listing::read(*directory));
  place.changed = info.modified;
  place.is_listed = true;
  has_changed = true;
  return {};
}

Result<std::optional<FoundMessage>> FolderSearch::look(std::string_view unique) const {
  // `cur` comes first: a message that was moved is mostly there.
  for (const Place* place : {&cur_, &new_}) {
    const auto name = place->listing.find_message(unique);
    if (!name) continue;
    // A listing is of a moment ago; only a file that is there now counts as found.
    VSTATE_TRY_ASSIGN(const auto info, folder_->look(fmt::format("{}/{}", place->name, *name)));
    if (info) return std::optional(FoundMessage{place->name, std::string(*name)});
  }
  return std::nullopt;
}

std::vector<PathOrder> in_path_order(const Listing& listing) {
  std::vector<PathOrder> items;
  items.reserve(listing.size());
  bool has_directories = false;
  for (std::uint32_t i = 0; i < listing.size(); ++i) {
    items.push_back({i, false});
    if (listing.type(i) != FileInfo::Type::directory) continue;
    items.push_back({i, true});
    has_directories = true;
  }
  // A listing is sorted already, and without directories the two orders are the same.
  if (!has_directories) return items;
  // Character by character, with "/" as the last one of what a directory holds.
  std::stable_sort(items.begin(), items.end(), [&](const PathOrder& a, const PathOrder& b) {
    const auto left = listing.name(a.index);
    const auto right = listing.name(b.index);
    const auto common = std::min(left.size(), right.size());
    const int order = left.substr(0, common).compare(right.substr(0, common));
    if (order != 0) return order < 0;
    const auto next = [common](std::string_view name, bool is_contents) {
      if (name.size() > common) return static_cast<int>(static_cast<unsigned char>(name[common]));
      return is_contents ? static_cast<int>('/') : -1;
    };
    return next(left, a.is_contents) < next(right, b.is_contents);
  });
  return items;
}

Result<std::optional<FoundMessage>> FolderSearch::find(std::string_view unique) {
  for (int tries = 0; tries < k_most_searches; ++tries) {
    VSTATE_TRY_ASSIGN(auto found, look(unique));
    if (found) return found;
    bool has_changed = false;
    VSTATE_TRY(refresh(new_, has_changed));
    VSTATE_TRY(refresh(cur_, has_changed));
    // Where nothing has changed since the last look, to look again would find the same nothing.
    if (!has_changed) break;
  }
  return look(unique);
}

}  // namespace vstate::mail
