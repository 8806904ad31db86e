// One walk serves dump, archive and count alike, so that they cannot disagree about what is there.
// Each entry is counted once, as carried, rebuilt, expressed elsewhere, or refused with its reason:
// what a dump prints adds up to what is on the disk. What cannot be read does not stop the walk,
// since all such places shall be named at once; the caller then must not take anything that was not
// seen for gone.

#include "maildir/walk.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "format/maildir_name.h"
#include "maildir/links.h"
#include "maildir/listing.h"
#include "maildir/look_ahead.h"
#include "maildir/memory.h"
#include "maildir/names.h"
#include "maildir/repeated.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

using mail::FolderSearch;
using mail::Listing;
using Type = FileInfo::Type;

// Deeper trees are not made by mail programs; each level holds a directory open.
constexpr int k_most_levels = 200;

/// What is known of a Maildir folder while its `cur` and `new` are walked.
struct Folder {
  struct Part {
    std::shared_ptr<const Directory> directory;
    std::optional<Listing> listing;
  };
  std::shared_ptr<const Directory> directory;
  Part new_mail, cur;
  std::optional<FolderSearch> search;
  mail::OriginalNames originals;
};

/// Links of one directory that are walked as the directories that they lead to.
using Followed = std::map<std::string, std::shared_ptr<const Directory>, std::less<>>;

/// A directory being walked.
struct Level {
  std::shared_ptr<const Directory> directory;
  std::string path;
  Folder* folder = nullptr;          ///< set in `new` and `cur` of a folder
  mail::LookAhead* ahead = nullptr;  ///< set while it is walked
  int depth = 0;
};

void add_refused(TreeCount& count, const std::string& path, std::string_view why) {
  count.refused.push_back(fmt::format("{}: {}", path, why));
}

void add_rebuilt(TreeCount& count, std::string_view reason, std::uint64_t entries) {
  if (entries == 0) return;
  count.rebuilt += entries;
  count.rebuilt_reasons[std::string(reason)] += entries;
}

class Walk {
 public:
  Walk(mail::LinkFollower links, const Exclusion& expressed, TreeCount& count,
       const TreeVisitor& visitor, const MessageFilter* filter, ListedDirectories* listed,
       bool opens)
      : links_(std::move(links)),
        expressed_(expressed),
        count_(count),
        visitor_(visitor),
        filter_(filter),
        listed_(listed),
        opens_(opens) {}
  Status enter(const Level&);

 private:
  Status walk(const Level&, Listing&);
  Status walk_contents(const Level&, const std::string& name, Folder& own, const Followed&);
  void list_folder(const Level&, const Followed&, Folder& own);
  Status visit(const Level&, const Listing&, std::size_t i, const std::string& path,
               const Followed&);
  Status visit_directory(const Level&, const std::string& path, const Followed&);
  Status visit_link(const Level&, const std::string& path);
  Status visit_file(const Level&, const std::string& path);
  Followed follow_links(const Level&, Listing&);
  [[nodiscard]] bool is_to_follow(const std::string& path, std::string_view name,
                                  bool is_maildir) const;
  void count_expressed(const Level&, const std::string& name, bool is_directory);
  [[nodiscard]] std::shared_ptr<const Directory> open_below(const Level&, const std::string& name,
                                                            const Followed&);
  /// What stands at a listed name; nullopt, with the reason counted, if that cannot be told.
  [[nodiscard]] std::optional<FileInfo> look(const Level&, const std::string& name);
  Result<std::unique_ptr<OpenFile>> open_file(const Level&, const std::string& path);
  Result<std::unique_ptr<OpenFile>> open_moved(const Level&, const std::string& path);
  Result<std::optional<FileInfo>> look_moved(const Level&, const std::string& path);
  Status take(TreeEntry&);
  void note(const Level&, std::string path);
  void fail_with(const Error& error) {
    // What was listed and is gone is a change at the source and not a fault; it is counted, since
    // the copy is then not whole.
    if (error.code == Errc::not_found)
      ++count_.gone;
    else
      count_.failures.push_back(error);
  }
  /// The name that the file of a visited path has.
  [[nodiscard]] static std::string name_of_file(const Level&, const std::string& path);

  mail::LinkFollower links_;
  const Exclusion& expressed_;
  TreeCount& count_;
  const TreeVisitor& visitor_;
  const MessageFilter* filter_;
  ListedDirectories* listed_;
  bool opens_;
  std::vector<PlaceId> above_;      ///< the directories that the walk is in
  std::optional<PlaceId> maildir_;  ///< where a link called Maildir leads
};

/// All entries below a directory; without it. What cannot be read counts as empty: the caller has
/// named it already, or counts what does not travel.
std::uint64_t count_below(const Directory& directory, const std::string& name, int depth) {
  const auto below = directory.open(name);
  if (!below || *below == nullptr || depth > k_most_levels) return 0;
  const auto listing = Listing::read(**below);
  if (!listing) return 0;
  std::uint64_t entries = listing->size();
  for (std::size_t i = 0; i < listing->size(); ++i)
    if (listing->type(i) == Type::directory)
      entries += count_below(**below, std::string(listing->name(i)), depth + 1);
  return entries;
}

Status Walk::take(TreeEntry& entry) {
  // A visitor that refuses an entry has named it itself, and it did not travel.
  VSTATE_TRY_ASSIGN(const bool is_taken, visitor_(entry));
  if (!is_taken) return {};
  ++count_.archived;
  if (entry.kind != EntryKind::regular) return {};
  count_.bytes += entry.size;
  if (mail::as_message(entry.path)) ++count_.messages;
  return {};
}

void Walk::note(const Level& level, std::string path) {
  // The stamp is taken before the listing: a name that comes in between makes the directory look
  // changed, which is the safe mistake.
  if (listed_ == nullptr || !level.directory->is_on_disk()) return;
  if (const auto info = level.directory->info())
    listed_->emplace_back(std::move(path), listing_stamp(*info));
}

std::shared_ptr<const Directory> Walk::open_below(const Level& level, const std::string& name,
                                                  const Followed& followed) {
  if (const auto link = followed.find(name); link != followed.end()) return link->second;
  auto opened = level.directory->open(name);
  if (!opened) {
    fail_with(opened.error());
    return nullptr;
  }
  if (*opened == nullptr) ++count_.gone;
  return *std::move(opened);
}

std::optional<FileInfo> Walk::look(const Level& level, const std::string& name) {
  auto info = level.directory->look(name);
  if (!info) {
    fail_with(info.error());
    return std::nullopt;
  }
  if (!*info) ++count_.gone;
  return *std::move(info);
}

Status Walk::enter(const Level& level) {
  note(level, level.path);
  auto listing = Listing::read(*level.directory);
  if (listing) return walk(level, *listing);
  fail_with(listing.error());
  return {};
}

/// A Maildir or a folder of it may be on another disk, and so may what somebody named.
bool Walk::is_to_follow(const std::string& path, std::string_view name, bool is_maildir) const {
  const bool is_part = name == "new" || name == "cur" || name == "tmp";
  const bool is_mail = path == "Maildir" || (is_maildir && (is_part || name.starts_with('.')));
  // A link that is expressed in the TOML, or that belongs to another walk, is not for this one to
  // judge.
  return (is_mail || links_.is_named(path)) && !expressed_.contains(path) &&
         !expressed_.contains(path + "/");
}

/// The TOML holds it already. It is counted all the same, with all below it, or the sums would not
/// add up.
void Walk::count_expressed(const Level& level, const std::string& name, bool is_directory) {
  ++count_.expressed;
  if (is_directory) count_.expressed += count_below(*level.directory, name, level.depth);
}

Followed Walk::follow_links(const Level& level, Listing& listing) {
  Followed followed;
  const auto has = [&](std::string_view name) { return listing.contains(name); };
  const bool is_maildir = path_name(level.path) == "Maildir" || (has("new") && has("cur"));
  for (std::size_t i = 0; i < listing.size(); ++i) {
    if (listing.type(i) != Type::link) continue;
    const std::string name(listing.name(i));
    const auto path = mail::relative_join(level.path, name);
    if (!is_to_follow(path, name, is_maildir)) continue;
    auto end = links_.follow(path, above_);
    if (!end) {
      fail_with(end.error());
      continue;
    }
    if (!end->directory) continue;  // visit_link names what it cannot take
    // From here on the walk treats it as the directory that stands there for the mail server.
    listing.set_directory(i);
    if (path == "Maildir")
      if (const auto info = end->directory->info()) maildir_ = PlaceId{info->device, info->inode};
    count_.followed.push_back(fmt::format("{} is on {}", path, end->resolved));
    followed.emplace(name, std::move(end->directory));
  }
  return followed;
}

Status Walk::walk(const Level& entered, Listing& listing) {
  const auto info = entered.directory->info();
  if (!info) {
    fail_with(info.error());
    return {};
  }
  const PlaceId here{info->device, info->inode};
  if (maildir_ == here && entered.path != "Maildir") {
    // It travels as the Maildir that a link makes of it.
    count_.expressed += listing.size();
    return {};
  }
  above_.push_back(here);
  Level level = entered;
  const auto followed = follow_links(level, listing);
  mail::LookAhead ahead(*level.directory, listing, expressed_, filter_);
  level.ahead = &ahead;
  mail::expect_listings(*level.directory, listing, expressed_, level.path);
  Folder own;
  // Only a directory with both is one of Maildir's; a `new` or `tmp` elsewhere is a directory like
  // all others.
  const bool is_folder = listing.has_directory("new") && listing.has_directory("cur");
  // By path and not by name, so that two servers, or two passes, visit in one order, and a stream
  // and an archive can be compared entry by entry.
  for (const auto& item : mail::in_path_order(listing)) {
    const std::string name(listing.name(item.index));
    const std::string path = mail::relative_join(level.path, name);
    if (expressed_.contains(path + "/")) continue;
    const bool is_directory = listing.type(item.index) == Type::directory;
    if (expressed_.contains(path)) {
      if (!item.is_contents) count_expressed(level, name, is_directory);
    } else if (!item.is_contents) {
      VSTATE_TRY(visit(level, listing, item.index, path, followed));
    } else if (is_folder && name == "tmp") {
      add_rebuilt(count_, "unfinished delivery in tmp",
                  count_below(*level.directory, name, level.depth));
    } else {
      if (is_folder) own.directory = level.directory;
      VSTATE_TRY(walk_contents(level, name, own, followed));
    }
  }
  above_.pop_back();
  return {};
}

/// `new` first: what moves from there to `cur` meanwhile is then in one listing or in both.
void Walk::list_folder(const Level& level, const Followed& followed, Folder& own) {
  if (own.search) return;
  // Both listings are taken together and at once, before any message is opened, which may take
  // hours in a large folder.
  const auto read = [&](const char* name, Folder::Part& into) {
    Level listed = level;
    listed.directory = open_below(level, name, followed);
    listed.path = mail::relative_join(level.path, name);
    if (listed.directory == nullptr) return;
    note(listed, listed.path);
    if (auto listing = Listing::read(*listed.directory))
      into = {listed.directory, *std::move(listing)};
    else
      fail_with(listing.error());
  };
  read("new", own.new_mail);
  read("cur", own.cur);
  own.search.emplace(own.directory);
  const auto pointer = [](Folder::Part& part) { return part.listing ? &*part.listing : nullptr; };
  for (const auto& failure :
       mail::name_apart(*own.directory, pointer(own.new_mail), pointer(own.cur), own.originals))
    fail_with(failure);
}

Status Walk::walk_contents(const Level& level, const std::string& name, Folder& own,
                           const Followed& followed) {
  Level below;
  below.path = mail::relative_join(level.path, name);
  below.depth = level.depth + 1;
  const bool is_of_folder = own.directory != nullptr && (name == "new" || name == "cur");
  if (is_of_folder) list_folder(level, followed, own);
  auto& part = name == "new" ? own.new_mail : own.cur;
  below.directory = is_of_folder ? part.directory : open_below(level, name, followed);
  if (below.directory == nullptr) return {};
  if (below.depth > k_most_levels) {
    add_refused(count_, below.path, "too many levels of directories");
    return {};
  }
  if (!is_of_folder) return enter(below);
  below.folder = &own;
  return walk(below, *part.listing);
}

Status Walk::visit(const Level& level, const Listing& listing, std::size_t i,
                   const std::string& path, const Followed& followed) {
  switch (listing.type(i)) {
    case Type::directory:
      return visit_directory(level, path, followed);
    case Type::link:
    case Type::regular: {
      const bool is_far_away = level.directory->is_far_away();
      if (is_far_away)
        VSTATE_TRY(level.ahead->reach(i, level.path, opens_, [&](const std::string& file) {
          return name_of_file(level, file);
        }));
      const auto name = listing.name(i);
      const bool is_message = listing.type(i) == Type::regular && mail::as_message(path);
      const auto fate = classify_maildir_file(name);
      if (!is_message && fate.fate == FileFate::drop) {
        add_rebuilt(count_, fate.reason, 1);
        return {};
      }
      // A message that is known already is neither opened nor asked about: in a repeated pass this
      // is nearly all of them.
      if (is_message && filter_ != nullptr) {
        VSTATE_TRY_ASSIGN(const bool is_wanted,
                          is_far_away ? Result<bool>(level.ahead->is_wanted(i)) : (*filter_)(path));
        if (!is_wanted) {
          ++count_.archived;
          return {};
        }
      }
      return listing.type(i) == Type::link ? visit_link(level, path) : visit_file(level, path);
    }
    case Type::socket:
    case Type::fifo:
    case Type::other:
      break;
  }
  // The listing's type may be of a moment ago; what is refused is named by what it is now.
  const auto info = look(level, std::string(listing.name(i)));
  if (!info) return {};
  add_refused(count_, path,
              info->type == Type::socket ? "a socket"
              : info->type == Type::fifo ? "a fifo"
                                         : "a device or another special file");
  return {};
}

Status Walk::visit_directory(const Level& level, const std::string& path,
                             const Followed& followed) {
  const std::string name(path_name(path));
  std::optional<FileInfo> info;
  if (const auto link = followed.find(name); link == followed.end()) {
    info = look(level, name);
  } else if (auto linked = link->second->info()) {
    info = *linked;
  } else {
    fail_with(linked.error());
  }
  if (!info || !info->is_directory()) return {};
  // The directory behind a link called Maildir travels under that name, and only once.
  if (maildir_ == PlaceId{info->device, info->inode} && path != "Maildir") {
    ++count_.expressed;
    return {};
  }
  TreeEntry entry;
  entry.path = path;
  entry.kind = EntryKind::directory;
  // Set-id and sticky bits are left out: a domain that is frozen for the copy has its sticky bit
  // set.
  entry.mode = info->mode & 0777U;
  entry.mtime = info->mtime;
  return take(entry);
}

Status Walk::visit_link(const Level& level, const std::string& path) {
  const auto said = level.directory->link_target(std::string(path_name(path)));
  if (!said) {
    fail_with(said.error());
    return {};
  }
  if (!*said) {
    ++count_.gone;
    return {};
  }
  const auto& target = **said;
  auto kept = links_.kept_target(path, target);
  // A circle, or what its owner may not look at, leads nowhere.
  if (!kept && kept.error().code != Errc::invalid && kept.error().code != Errc::denied) {
    fail_with(kept.error());
    return {};
  }
  // A link that cannot stay one is refused with the reason why it was not walked either.
  if (!kept || !*kept) {
    const auto end = links_.follow(path, above_);
    if (!end)
      fail_with(end.error());
    else
      add_refused(count_, path,
                  end->refusal.empty()
                      ? fmt::format("a link to {}, out of the directory", visible(target))
                      : end->refusal);
    return {};
  }
  TreeEntry entry;
  entry.path = path;
  entry.kind = EntryKind::link;
  // The mode of a link means nothing, and differs between systems.
  entry.mode = 0777;
  entry.target = **std::move(kept);
  entry.size = entry.target.size();
  return take(entry);
}

std::string Walk::name_of_file(const Level& level, const std::string& path) {
  std::string name(path_name(path));
  if (level.folder == nullptr) return name;
  const auto& originals = level.folder->originals;
  const auto found = originals.find(fmt::format("{}/{}", path_name(level.path), name));
  return found == originals.end() ? name : found->second;
}

/// The file of a listed message that is no longer there by that name; null if it is gone, or is
/// visited under its present name.
Result<std::unique_ptr<OpenFile>> Walk::open_moved(const Level& level, const std::string& path) {
  if (level.folder == nullptr || !mail::as_message(path)) return nullptr;
  const auto name = name_of_file(level, path);
  // Of several with one unique name, which it is now cannot be told.
  if (name != path_name(path)) return nullptr;
  const auto unique = parse_message_name(name).unique;
  constexpr int most_tries = 4;
  for (int tries = 0; tries < most_tries; ++tries) {
    VSTATE_TRY_ASSIGN(const auto found, level.folder->search->find(unique));
    if (!found) break;
    // Its present name was listed too, and is visited there: to take it here as well would carry it
    // twice.
    const auto& listed =
        (found->place == "new" ? level.folder->new_mail : level.folder->cur).listing;
    if (listed && listed->contains(found->name)) break;
    VSTATE_TRY_ASSIGN(auto file, level.folder->directory->open_file(
                                     fmt::format("{}/{}", found->place, found->name)));
    // It may have been moved once more between the search and the open.
    if (file != nullptr) return file;
  }
  return nullptr;
}

Result<std::optional<FileInfo>> Walk::look_moved(const Level& level, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto file, open_moved(level, path));
  if (file == nullptr) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto info, file->info());
  return std::optional(info);
}

Result<std::unique_ptr<OpenFile>> Walk::open_file(const Level& level, const std::string& path) {
  VSTATE_TRY_ASSIGN(auto file, level.directory->open_file(name_of_file(level, path)));
  return file != nullptr ? Result<std::unique_ptr<OpenFile>>(std::move(file))
                         : open_moved(level, path);
}

Status Walk::visit_file(const Level& level, const std::string& path) {
  TreeEntry entry;
  std::optional<FileInfo> info;
  // What an entry says comes from the open file, so that name, size, time and bytes belong
  // together.
  if (opens_) {
    auto file = open_file(level, path);
    if (file && *file == nullptr) return {};  // gone, or visited by its present name
    const auto opened = file ? (*file)->info() : Result<FileInfo>(tl::unexpected(file.error()));
    if (!opened) {
      fail_with(opened.error());
      return {};
    }
    info = *opened;
    entry.file = *std::move(file);
  } else {
    auto found = level.directory->look(name_of_file(level, path));
    if (found && !*found) found = look_moved(level, path);
    if (!found) fail_with(found.error());
    if (!found || !*found) return {};
    info = **found;
  }
  // Something else was put in the message's place since it was listed.
  if (!info->is_regular()) {
    add_refused(count_, path, "no regular file any more");
    return {};
  }
  entry.path = path;
  entry.kind = EntryKind::regular;
  entry.mode = info->mode & 0777U;
  entry.mtime = info->mtime;
  entry.size = info->size;
  entry.stamp = stamp_of(*info);
  return take(entry);
}

/// What a walk is for, besides what it counts.
struct Purpose {
  const TreeVisitor& visitor;
  const MessageFilter* filter = nullptr;
  ListedDirectories* listed = nullptr;
  bool opens = true;
};

Status walk_opened(const Files& files, const TreeSource& source, TreeCount& count,
                   const Purpose& purpose) {
  VSTATE_TRY_ASSIGN(auto root, source.view != nullptr ? source.view->open(files)
                                                      : files.open_directory(source.directory));
  Walk walk(mail::LinkFollower(files, source.directory, source.links), source.expressed, count,
            purpose.visitor, purpose.filter, purpose.listed, purpose.opens);
  Level level;
  level.directory = std::move(root);
  auto status = walk.enter(level);
  if (source.view != nullptr) count.lost = source.view->lost();
  // Only an error of the visitor ends a walk; the directory in front tells whose it was.
  if (!status) return tl::unexpected<Error>(status.error().in(source.directory));
  return status;
}

}  // namespace

Status walk_tree(const Files& files, const TreeSource& source, TreeCount& count,
                 const TreeVisitor& visitor, const MessageFilter* filter,
                 ListedDirectories* listed) {
  return walk_opened(files, source, count, {visitor, filter, listed});
}

bool has_seen_all(const TreeSource& source, const TreeCount& count) {
  return !source.is_partial && count.refused.empty() && count.failures.empty() && count.gone == 0;
}

Result<TreeCount> count_tree(const Files& files, const TreeSource& source) {
  TreeCount count;
  const TreeVisitor takes_all = [](const TreeEntry&) -> Result<bool> { return true; };
  VSTATE_TRY(
      walk_opened(files, source, count,
                  {.visitor = takes_all, .filter = nullptr, .listed = nullptr, .opens = false}));
  return count;
}

Status failure_of(const TreeCount& count) {
  if (count.failures.empty()) return {};
  auto error = count.failures.front();
  // A dying disk can fail a million times, and a terminal shows so many lines.
  constexpr std::size_t most = 20;
  for (std::size_t i = 1; i < count.failures.size() && i < most; ++i)
    error.message += "\n" + count.failures[i].message;
  if (count.failures.size() > most)
    error.message += fmt::format("\nand {} more that cannot be read", count.failures.size() - most);
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace vstate
