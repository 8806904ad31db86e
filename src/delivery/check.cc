// Checking that an archive is in a directory.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/compare.h"
#include "delivery/convert.h"
#include "delivery/deliver.h"

namespace vstate {

namespace {

using mail::Presence;

class Checker {
 public:
  Checker(const mail::Comparison& comparison, const mail::TargetIndex& index,
          mail::FolderNumbers& folders, mail::Target* target, bool is_deep)
      : comparison_(comparison),
        index_(index),
        folders_(folders),
        target_(target),
        is_deep_(is_deep) {
    if (target != nullptr) locator_.emplace(*target, folders);
    for (const auto& link : comparison.links) links_.emplace(link.path, link.presence);
  }
  Status check(mail::Chain&);
  std::vector<std::string> problems;

 private:
  void problem(const std::string& path, std::string_view what) {
    problems.push_back(fmt::format("{}: {}", path, what));
  }
  Status check_message(mail::Chain&);
  Result<std::optional<mail::Located>> locate(const mail::ReadEntry&);
  Result<bool> has_content(mail::Chain&, const mail::Located&);

  const mail::Comparison& comparison_;
  const mail::TargetIndex& index_;
  mail::FolderNumbers& folders_;
  mail::Target* target_;
  bool is_deep_;
  std::optional<mail::Locator> locator_;
  std::map<std::string, Presence> links_;
};

Status Checker::check(mail::Chain& reader) {
  const auto& entry = reader.entry();
  if (entry.is_message) return check_message(reader);
  switch (entry.kind) {
    case EntryKind::directory: {
      const auto presence = comparison_.directories.at(entry.path).presence;
      if (presence == Presence::absent) problem(entry.path, "the directory is missing");
      if (presence == Presence::blocked) problem(entry.path, "not reached: no directory here");
      break;
    }
    case EntryKind::link:
      if (links_.at(entry.path) == Presence::absent) problem(entry.path, "the link is missing");
      break;
    case EntryKind::regular:
      if (comparison_.wanted[entry.number]) problem(entry.path, "the file is missing");
      break;
  }
  return {};
}

/// The message's file: of the archive's size, if there is one.
Result<std::optional<mail::Located>> Checker::locate(const mail::ReadEntry& entry) {
  const auto message = *mail::as_message(entry.path);
  std::string unique(message.unique);
  if (const auto variant = comparison_.variants.find(entry.number);
      variant != comparison_.variants.end())
    unique = variant->second;
  std::optional<mail::Located> best;
  const auto own = folders_.of(message.folder);
  for (const bool is_own : {true, false})
    for (const auto& record : index_.find(hash_name(unique))) {
      if ((record.folder == own) != is_own) continue;
      VSTATE_TRY_ASSIGN(auto found, locator_->find(record.folder, unique, entry.path));
      if (!found) continue;
      if (found->size == entry.size) return found;
      if (!best) best = std::move(found);
    }
  return best;
}

Status Checker::check_message(mail::Chain& reader) {
  const auto& entry = reader.entry();
  if (comparison_.wanted[entry.number]) {
    problem(entry.path, comparison_.variants.contains(entry.number)
                            ? "the message has another size here"
                            : "the message is missing");
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto found, locate(entry));
  if (!found) {
    problem(entry.path, "the message is missing");
  } else if (found->size != entry.size) {
    problem(entry.path, fmt::format("the message has {} bytes here, {} in the archive", found->size,
                                    entry.size));
  } else if (is_deep_) {
    VSTATE_TRY_ASSIGN(const bool is_same, has_content(reader, *found));
    if (!is_same) problem(entry.path, "the message has another content here");
  }
  return {};
}

Result<bool> Checker::has_content(mail::Chain& reader, const mail::Located& found) {
  const Handle file(openat(found.directory->get(), found.name.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  // A reader may have renamed it this instant; it was there with its size.
  if (!file.is_open() && errno == ENOENT) return true;
  if (!file.is_open()) return fail_errno(target_->full(reader.entry().path), "cannot open");
  bool is_same = true;
  VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
    if (!is_same) return {};
    VSTATE_TRY_ASSIGN(is_same,
                      mail::has_bytes(file.get(), part, target_->full(reader.entry().path)));
    return {};
  }));
  return is_same;
}

}  // namespace

Result<std::vector<std::string>> check_archive(const System& system, const ArchiveFiles& archive,
                                               std::string_view directory, bool is_deep,
                                               bool to_dovecot, ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(system, directory));
  auto* opened = target ? &*target : nullptr;
  mail::Comparer comparer(archive, opened,
                          {OnDifference::keep, limits, false, nullptr, to_dovecot});
  VSTATE_TRY_ASSIGN(const auto comparison, comparer.run());
  VSTATE_TRY_ASSIGN(auto reader, mail::Chain::open(archive, limits));
  if (reader.identity() != comparison.status.identity)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive.paths().front()));
  reader.adopt(comparison.hard_links);
  Checker checker(comparison, comparer.index(), comparer.folders(), opened, is_deep);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    if (to_dovecot) reader.rename(with_dovecot_folder(reader.entry().path));
    VSTATE_TRY(checker.check(reader));
  }
  return std::move(checker.problems);
}

}  // namespace vstate
