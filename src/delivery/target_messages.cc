// The index of a target is hashes and numbers of folders, and no names: with a million messages,
// names would take most of the memory. The name of the one message that is looked at is found again
// by a search in its folder.

#include "delivery/target_messages.h"

#include <algorithm>

#include <fmt/format.h>

#include "delivery/temporary.h"
#include "sys/path.h"

namespace vstate::mail {

namespace {

/// Deeper trees are no mailbox, and each level holds a handle open.
constexpr int k_most_levels = 200;

}  // namespace

Status TargetIndex::build(Target& target, FolderNumbers& folders, const Reserved* reserved) {
  folders_ = &folders;
  reserved_ = reserved;
  VSTATE_TRY(enter(target, target.root(), "", 0));
  // A message that was listed in both new and cur while a reader moved it is one.
  std::sort(records_.begin(), records_.end());
  records_.erase(std::unique(records_.begin(), records_.end()), records_.end());
  return {};
}

Status TargetIndex::enter(Target& target, const Directory& directory, const std::string& relative,
                          int depth) {
  if (depth > k_most_levels)
    return fail(Errc::unsupported,
                fmt::format("{}: too many levels of directories", target.full(relative)));
  VSTATE_TRY_ASSIGN(const auto below, list(directory, relative));
  for (const auto& item : below) {
    const auto path = relative_join(relative, item.name);
    // Others deliver there at this moment, and what they bring is not this mailbox's.
    if (reserved_ != nullptr && reserved_->others.contains(path)) continue;
    VSTATE_TRY(descend(target, directory, path, item, depth + 1));
  }
  return {};
}

/// Takes in the messages and temporaries of one directory, and returns the directories in it.
Result<std::vector<TargetIndex::Below>> TargetIndex::list(const Directory& directory,
                                                          const std::string& relative) {
  const auto place = path_name(relative);
  const bool has_messages = place == "new" || place == "cur";
  const bool is_tmp = place == "tmp";
  const auto number = has_messages ? folders_->of(path_parent(relative)) : 0;
  const auto before = records_.size();
  std::vector<Below> below;
  const auto again = [&] {
    below.clear();
    records_.resize(before);
  };
  const auto visit = [&](const char* name, FileInfo::Type type) {
    if (type == FileInfo::Type::directory) below.push_back({name, false});
    if (type == FileInfo::Type::link && may_be_link(name)) below.push_back({name, true});
    note_temporary(relative, is_tmp, name, type);
    if (!has_messages || type != FileInfo::Type::regular || *name == '.') return;
    const std::string_view text = name;
    records_.push_back({hash_name(text.substr(0, text.find(':'))), number});
  };
  VSTATE_TRY(list_names(directory, again, visit));
  std::vector<std::string> next;
  for (const auto& item : below)
    if (directory.is_far_away() && !item.is_link) next.push_back(item.name);
  directory.expect_listings(next);
  // `new` before `cur`: a message that a reader moves meanwhile is seen in one of them at least.
  std::sort(below.begin(), below.end(),
            [](const Below& a, const Below& b) { return a.name > b.name; });
  return below;
}

/// A temporary of a message lies in a `tmp`, one of a file beside the file.
void TargetIndex::note_temporary(const std::string& directory, bool is_tmp, const char* name,
                                 FileInfo::Type type) {
  const auto hash = is_tmp ? hash_of_temporary(name) : std::nullopt;
  // A temporary says that a stopped pass built this message and did not place it.
  if (hash) unfinished_.insert(*hash);
  if (hash || (is_temporary(name) && type != FileInfo::Type::directory))
    left_over_.emplace(directory, name);
}

Status TargetIndex::descend(Target& target, const Directory& directory, const std::string& path,
                            const Below& item, int depth) {
  if (item.is_link) {
    const auto behind = target.directory(path);
    if (behind) return enter(target, **behind, path, depth);
    // A link that leads nowhere, in a circle, or where its maker may not go holds no mail.
    const auto code = behind.error().code;
    const bool is_links_doing = code == Errc::conflict || code == Errc::not_found ||
                                code == Errc::denied || code == Errc::invalid;
    return is_links_doing ? Status() : tl::unexpected<Error>(behind.error());
  }
  VSTATE_TRY_ASSIGN(const auto below, directory.open(item.name));
  // It was removed or replaced since it was listed.
  return below == nullptr ? Status() : enter(target, *below, path, depth);
}

std::span<const TargetIndex::Record> TargetIndex::find(const NameHash& hash) const {
  // Folder 0 is the lowest, so the search begins at the first record of this name.
  const auto first = std::lower_bound(records_.begin(), records_.end(), Record{hash, 0});
  auto last = first;
  while (last != records_.end() && last->hash == hash) ++last;
  return {first, last};
}

Result<std::optional<Located>> locate(Target& target, std::string_view path) {
  VSTATE_TRY_ASSIGN(const auto found, target.status(path));
  if (!found || !found->is_regular()) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto directory, target.directory(path_parent(path)));
  return std::optional(Located{.path = std::string(path),
                               .directory = std::move(directory),
                               .name = std::string(path_name(path)),
                               .size = found->size});
}

Result<const TargetIndex*> TargetMessages::index() {
  if (!index_) {
    TargetIndex index;
    if (target_ != nullptr) VSTATE_TRY(index.build(*target_, folders_, reserved_));
    for (const auto& temporary : std::exchange(taken_over_, {})) index.take_over(temporary);
    index_.emplace(std::move(index));
  }
  return &*index_;
}

void TargetMessages::take_over(const std::string& directory, const std::string& name) {
  if (index_)
    index_->take_over({directory, name});
  else
    taken_over_.emplace_back(directory, name);
}

Result<std::optional<Located>> TargetMessages::find(std::uint32_t folder, std::string_view unique,
                                                    std::string_view likely) {
  if (target_ == nullptr) return std::nullopt;
  const auto& path = folders_.path(folder);
  // In most passes the message has the same name on both sides, and asking for that one file is
  // cheaper than listing its folder.
  if (const auto message = as_message(likely); message && message->folder == path) {
    const auto info = message->name.substr(message->unique.size());
    const auto name = std::string(unique).append(info);
    VSTATE_TRY_ASSIGN(auto found, locate(*target_, relative_join(message->directory, name)));
    if (found) return found;
  }
  // Its owner has moved or flagged it: the folder is listed, once for all of its messages.
  if (!search_ || searched_ != folder) {
    auto directory = target_->directory(path);
    if (!directory) return std::nullopt;
    search_.emplace(*std::move(directory));
    searched_ = folder;
  }
  VSTATE_TRY_ASSIGN(const auto found, search_->find(unique));
  if (!found) return std::nullopt;
  return locate(*target_, relative_join(relative_join(path, found->place), found->name));
}

Status TargetMessages::for_each(const Visitor& visit) {
  VSTATE_TRY(index());  // it knows the folders
  for (std::uint32_t number = 0; target_ != nullptr && number < folders_.size(); ++number)
    for (const std::string_view part : {"new", "cur"}) {
      const auto directory = relative_join(folders_.path(number), part);
      VSTATE_TRY_ASSIGN(const auto opened, target_->directory_here(directory));
      if (!opened) continue;
      VSTATE_TRY_ASSIGN(const auto listing, target_->list(directory));
      for (std::size_t i = 0; listing && i < listing->size(); ++i) {
        const auto path = relative_join(directory, listing->name(i));
        if (const auto message = as_message(path)) VSTATE_TRY(visit(path, *message));
      }
    }
  return {};
}

}  // namespace vstate::mail
