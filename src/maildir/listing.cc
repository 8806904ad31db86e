#include "maildir/listing.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fmt/format.h>

#include "format/maildir_name.h"

namespace vstate::mail {

namespace {

bool is_same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

Status list_once(int directory, std::string_view path,
                 const std::function<void(const char*, FileInfo::Type)>& found) {
  const Handle fresh(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fresh.is_open() && read_entries(fresh.get(), found)) return {};
  return is_removed_directory(directory) ? fail_errno(path, "cannot list")
                                         : fail_errno_of_open(path, "cannot list");
}

}  // namespace

Status list_names(int directory, std::string_view path, const std::function<void()>& again,
                  const std::function<void(const char*, FileInfo::Type)>& found) {
  constexpr int most_tries = 6;
  for (int tries = 1;; ++tries) {
    struct stat before {};
    struct stat after {};
    if (fstat(directory, &before) != 0) return fail_errno_of_open(path, "cannot stat");
    VSTATE_TRY(list_once(directory, path, found));
    if (fstat(directory, &after) != 0) return fail_errno_of_open(path, "cannot stat");
    if (is_same(before.st_mtim, after.st_mtim) || tries == most_tries) return {};
    again();
  }
}

Result<Listing> Listing::read(int directory, std::string_view path) {
  Listing out;
  const auto again = [&] {
    out.names_.clear();
    out.items_.clear();
  };
  VSTATE_TRY(list_names(directory, path, again, [&](const char* name, FileInfo::Type type) {
    const std::string_view text = name;
    out.items_.push_back({static_cast<std::uint32_t>(out.names_.size()),
                          static_cast<std::uint16_t>(text.size()), type});
    out.names_.append(text).push_back('\0');
  }));
  if (out.names_.size() > std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::unsupported, fmt::format("{}: too many names", path));
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
  at = lower_bound(std::string(unique) + ":");
  if (at < size() && parse_message_name(name(at)).unique == unique) return name(at);
  return std::nullopt;
}

Status FolderSearch::refresh(Place& place, bool& has_changed) {
  const std::string where = path_join(path_, place.name);
  const Handle directory(openat(folder_, std::string(place.name).c_str(),
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.is_open()) {
    if (!is_no_directory(folder_, std::string(place.name).c_str()))
      return fail_errno_of_open(where, "cannot open");
    has_changed = has_changed || place.listing.size() != 0;
    place.listing = {};
    place.is_listed = false;
    return {};
  }
  struct stat st {};
  if (fstat(directory.get(), &st) != 0) return fail_errno_of_open(where, "cannot stat");
  if (place.is_listed && is_same(place.changed, st.st_mtim)) return {};
  VSTATE_TRY_ASSIGN(place.listing, Listing::read(directory.get(), where));
  place.changed = st.st_mtim;
  place.is_listed = true;
  has_changed = true;
  return {};
}

std::optional<FoundMessage> FolderSearch::look(std::string_view unique) const {
  for (const Place* place : {&cur_, &new_}) {
    const auto name = place->listing.find_message(unique);
    if (!name) continue;
    const auto path = fmt::format("{}/{}", place->name, *name);
    if (faccessat(folder_, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      return FoundMessage{place->name, std::string(*name)};
  }
  return std::nullopt;
}

Result<std::optional<FoundMessage>> FolderSearch::find(std::string_view unique) {
  constexpr int most_tries = 4;
  for (int tries = 0; tries < most_tries; ++tries) {
    if (auto found = look(unique)) return found;
    bool has_changed = false;
    VSTATE_TRY(refresh(new_, has_changed));
    VSTATE_TRY(refresh(cur_, has_changed));
    if (!has_changed) break;
  }
  return look(unique);
}

}  // namespace vstate::mail
