#include "vstate/mail/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "listing_impl.h"
#include "names_impl.h"
#include "vstate/format/maildir_name.h"
#include "vstate/mail/memory.h"

namespace vstate {

namespace {

using mail::FolderSearch;
using mail::Listing;
using Type = FileInfo::Type;

constexpr int k_most_levels = 200;

std::string errno_text() { return std::generic_category().message(errno); }

/// What is known of a Maildir folder while its `cur` and `new` are walked.
struct Folder {
  Handle directory;
  std::optional<Listing> listed_new, listed_cur;
  std::optional<FolderSearch> search;
};

/// A directory being walked.
struct Level {
  int directory = -1;
  std::string path;
  Folder* folder = nullptr;  ///< set in `new` and `cur` of a folder
  int depth = 0;
};

class Walk {
 public:
  Walk(const Exclusion& expressed, TreeCount& count, const TreeVisitor& visitor,
       const MessageFilter* filter, ListedDirectories* listed, bool opens)
      : expressed_(expressed),
        count_(count),
        visitor_(visitor),
        filter_(filter),
        listed_(listed),
        opens_(opens) {}
  Status enter(const Level&);

 private:
  Status walk(const Level&, const Listing&);
  Status walk_contents(const Level&, const std::string& name, Folder& own);
  Status visit(const Level&, const Listing&, std::size_t i, const std::string& path);
  Status visit_directory(const Level&, const std::string& path);
  Status visit_link(const Level&, const std::string& path);
  Status visit_file(const Level&, const std::string& path);
  Result<Handle> open_moved(const Level&, const std::string& path);
  Status take(TreeEntry&);
  void note(const Level&, std::string path);
  void refuse(const std::string& path, std::string_view why) {
    count_.refused.push_back(fmt::format("{}: {}", path, why));
  }
  void rebuild(std::string_view reason, std::uint64_t entries) {
    if (entries == 0) return;
    count_.rebuilt += entries;
    count_.rebuilt_reasons[std::string(reason)] += entries;
  }

  const Exclusion& expressed_;
  TreeCount& count_;
  const TreeVisitor& visitor_;
  const MessageFilter* filter_;
  ListedDirectories* listed_;
  bool opens_;
};

std::uint64_t stamp_of(const struct stat& st) {
  const auto text =
      fmt::format("{}:{}.{}:{}.{}:{}", st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                  st.st_ctim.tv_sec, st.st_ctim.tv_nsec, st.st_size);
  constexpr unsigned marks_in_use = 2;  // memory.h: the highest bits have a meaning of their own
  return short_digest(text) >> marks_in_use;
}

/// Only what adding, removing, or renaming a name changes.
std::uint64_t listing_stamp(const struct stat& st) {
  return short_digest(fmt::format("{}:{}.{}", st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec));
}

/// All entries below a directory; without it.
std::uint64_t count_below(int directory, const char* name, int depth) {
  const Handle below(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below.is_open() || depth > k_most_levels) return 0;
  const auto listing = Listing::read(below.get(), name);
  if (!listing) return 0;
  std::uint64_t entries = listing->size();
  for (std::size_t i = 0; i < listing->size(); ++i)
    if (listing->type(i) == Type::directory)
      entries += count_below(below.get(), listing->name(i).data(), depth + 1);
  return entries;
}

/// The order of a listing's names by path: a directory stands once as itself, and once, with "/"
/// behind it, for what it holds.
struct Item {
  std::uint32_t index;
  bool is_contents;
};

std::vector<Item> in_path_order(const Listing& listing) {
  std::vector<Item> items;
  items.reserve(listing.size());
  bool has_directories = false;
  for (std::uint32_t i = 0; i < listing.size(); ++i) {
    items.push_back({i, false});
    if (listing.type(i) != Type::directory) continue;
    items.push_back({i, true});
    has_directories = true;
  }
  if (!has_directories) return items;
  // Character by character, with "/" as the last one of what a directory holds.
  std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
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

Status Walk::take(TreeEntry& entry) {
  VSTATE_TRY_ASSIGN(const bool is_taken, visitor_(entry));
  if (is_taken) ++count_.archived;
  return {};
}

void Walk::note(const Level& level, std::string path) {
  struct stat st {};
  if (listed_ != nullptr && fstat(level.directory, &st) == 0)
    listed_->emplace_back(std::move(path), listing_stamp(st));
}

Status Walk::enter(const Level& level) {
  note(level, level.path);
  const auto listing = Listing::read(level.directory, level.path);
  if (!listing) {
    refuse(level.path.empty() ? "." : level.path, listing.error().message);
    return {};
  }
  return walk(level, *listing);
}

Status Walk::walk(const Level& level, const Listing& listing) {
  Folder own;
  const bool is_folder = listing.has_directory("new") && listing.has_directory("cur");
  for (const auto& item : in_path_order(listing)) {
    const std::string name(listing.name(item.index));
    const std::string path = mail::relative_join(level.path, name);
    if (expressed_.contains(path + "/")) continue;
    const bool is_directory = listing.type(item.index) == Type::directory;
    if (expressed_.contains(path)) {
      if (item.is_contents) continue;
      count_.expressed += 1;
      if (is_directory) count_.expressed += count_below(level.directory, name.c_str(), level.depth);
      continue;
    }
    if (!item.is_contents) {
      VSTATE_TRY(visit(level, listing, item.index, path));
    } else if (is_folder && name == "tmp") {
      rebuild("unfinished delivery in tmp",
              count_below(level.directory, name.c_str(), level.depth));
    } else {
      if (is_folder && !own.directory.is_open())
        own.directory = Handle(openat(level.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      VSTATE_TRY(walk_contents(level, name, own));
    }
  }
  return {};
}

Status Walk::walk_contents(const Level& level, const std::string& name, Folder& own) {
  Level below;
  below.path = mail::relative_join(level.path, name);
  below.depth = level.depth + 1;
  const auto open_below = [&](const char* which) {
    return Handle(openat(level.directory, which, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  const Handle directory = open_below(name.c_str());
  if (!directory.is_open()) {
    if (errno != ENOENT) refuse(below.path, "cannot open: " + errno_text());
    return {};
  }
  if (below.depth > k_most_levels) {
    refuse(below.path, "too many levels of directories");
    return {};
  }
  below.directory = directory.get();
  if (!own.directory.is_open() || (name != "new" && name != "cur")) return enter(below);

  below.folder = &own;
  // `new` first: what moves from there to `cur` meanwhile is then in one listing or in both.
  const auto note_place = [&](const char* place_name, const Handle& place) {
    Level listed;
    listed.directory = place.get();
    note(listed, mail::relative_join(level.path, place_name));
  };
  if (!own.listed_new) {
    const Handle place = open_below("new");
    note_place("new", place);
    if (auto listing = Listing::read(place.get(), below.path)) own.listed_new = *std::move(listing);
  }
  if (!own.listed_cur) {
    const Handle place = open_below("cur");
    note_place("cur", place);
    if (auto listing = Listing::read(place.get(), below.path)) own.listed_cur = *std::move(listing);
  }
  auto& listing = name == "new" ? own.listed_new : own.listed_cur;
  if (!own.search) own.search.emplace(own.directory.get(), level.path);
  if (!listing) {
    refuse(below.path, "cannot list");
    return {};
  }
  return walk(below, *listing);
}

Status Walk::visit(const Level& level, const Listing& listing, std::size_t i,
                   const std::string& path) {
  switch (listing.type(i)) {
    case Type::directory:
      return visit_directory(level, path);
    case Type::link:
    case Type::regular: {
      const auto name = listing.name(i);
      const bool is_message = listing.type(i) == Type::regular && mail::as_message(path);
      const auto fate = classify_maildir_file(name);
      if (!is_message && fate.fate == FileFate::drop) {
        rebuild(fate.reason, 1);
        return {};
      }
      if (is_message && filter_ != nullptr) {
        VSTATE_TRY_ASSIGN(const bool is_wanted, (*filter_)(path));
        if (!is_wanted) {
          ++count_.archived;
          return {};
        }
      }
      return listing.type(i) == Type::link ? visit_link(level, path) : visit_file(level, path);
    }
    case Type::other:
      break;
  }
  struct stat st {};
  if (fstatat(level.directory, listing.name(i).data(), &st, AT_SYMLINK_NOFOLLOW) != 0) return {};
  refuse(path, S_ISSOCK(st.st_mode)   ? "a socket"
               : S_ISFIFO(st.st_mode) ? "a fifo"
                                      : "a device or another special file");
  return {};
}

Status Walk::visit_directory(const Level& level, const std::string& path) {
  struct stat st {};
  if (fstatat(level.directory, std::string(path_name(path)).c_str(), &st, AT_SYMLINK_NOFOLLOW) !=
          0 ||
      !S_ISDIR(st.st_mode))
    return {};
  TreeEntry entry;
  entry.path = path;
  entry.kind = EntryKind::directory;
  entry.mode = st.st_mode & 0777U;
  entry.mtime = st.st_mtim.tv_sec;
  return take(entry);
}

Status Walk::visit_link(const Level& level, const std::string& path) {
  std::array<char, 4096> target{};
  const auto length = readlinkat(level.directory, std::string(path_name(path)).c_str(),
                                 target.data(), target.size());
  if (length < 0) {
    if (errno != ENOENT) refuse(path, "cannot read the link: " + errno_text());
    return {};
  }
  TreeEntry entry;
  entry.path = path;
  entry.kind = EntryKind::link;
  entry.mode = 0777;
  entry.target.assign(target.data(), static_cast<std::size_t>(length));
  entry.size = entry.target.size();
  return take(entry);
}

/// The file of a listed message that is no longer there by that name. Not open: it is gone, or it
/// is visited under its present name.
Result<Handle> Walk::open_moved(const Level& level, const std::string& path) {
  const auto message = mail::as_message(path);
  if (level.folder == nullptr || !message) return Handle();
  constexpr int most_tries = 4;
  for (int tries = 0; tries < most_tries; ++tries) {
    VSTATE_TRY_ASSIGN(const auto found, level.folder->search->find(message->unique));
    if (!found) break;
    const auto& listed =
        found->place == "new" ? level.folder->listed_new : level.folder->listed_cur;
    if (listed && listed->contains(found->name)) break;
    Handle file(openat(level.folder->directory.get(),
                       fmt::format("{}/{}", found->place, found->name).c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.is_open() || errno != ENOENT) return file;
  }
  return Handle();
}

Status Walk::visit_file(const Level& level, const std::string& path) {
  const int flags = (opens_ ? O_RDONLY : O_PATH) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Handle file(openat(level.directory, std::string(path_name(path)).c_str(), flags));
  if (!file.is_open() && errno == ENOENT) {
    VSTATE_TRY_ASSIGN(file, open_moved(level, path));
    if (!file.is_open()) return {};
  }
  struct stat st {};
  if (!file.is_open() || fstat(file.get(), &st) != 0) {
    refuse(path, "cannot read: " + errno_text());
    return {};
  }
  if (!S_ISREG(st.st_mode)) {
    refuse(path, "no regular file any more");
    return {};
  }
  TreeEntry entry;
  entry.path = path;
  entry.kind = EntryKind::regular;
  entry.mode = st.st_mode & 0777U;
  entry.mtime = st.st_mtim.tv_sec;
  entry.size = static_cast<std::uint64_t>(st.st_size);
  entry.stamp = stamp_of(st);
  if (opens_) entry.file = file.release();
  const auto status = take(entry);
  if (entry.file >= 0) file = Handle(entry.file);
  return status;
}

Status walk_opened(const System& system, std::string_view directory, const Exclusion& expressed,
                   TreeCount& count, const TreeVisitor& visitor, const MessageFilter* filter,
                   ListedDirectories* listed, bool opens) {
  VSTATE_TRY_ASSIGN(const auto root, system.open_directory(directory));
  Walk walk(expressed, count, visitor, filter, listed, opens);
  Level level;
  level.directory = root.get();
  auto status = walk.enter(level);
  if (!status) return tl::unexpected<Error>(status.error().in(directory));
  return status;
}

}  // namespace

Status walk_tree(const System& system, std::string_view directory, const Exclusion& expressed,
                 TreeCount& count, const TreeVisitor& visitor, const MessageFilter* filter,
                 ListedDirectories* listed) {
  return walk_opened(system, directory, expressed, count, visitor, filter, listed, true);
}

bool have_changed(const System& system, std::string_view directory,
                  const ListedDirectories& listed) {
  const auto root = system.open_directory(directory);
  if (!root) return true;
  for (const auto& [path, stamp] : listed) {
    struct stat st {};
    const std::string name = path.empty() ? "." : path;
    if (fstatat(root->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        listing_stamp(st) != stamp)
      return true;
  }
  return false;
}

Result<TreeCount> count_tree(const System& system, std::string_view directory,
                             const Exclusion& expressed) {
  TreeCount count;
  VSTATE_TRY(walk_opened(
      system, directory, expressed, count, [](const TreeEntry&) -> Result<bool> { return true; },
      nullptr, nullptr, false));
  return count;
}

}  // namespace vstate
