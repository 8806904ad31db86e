// Verification reads both sides again and asks of each entry of the archive whether it is here. It
// believes neither the memory nor what an apply reported: the comparison runs with an empty memory,
// and messages that it counts as there are looked at once more, each at its place.

#include "delivery/check.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "delivery/compare.h"
#include "maildir/names.h"

namespace vstate {

namespace {

/// Reads as many bytes as `expected` has, and returns whether they are those.
Result<bool> has_bytes(OpenFile& file, std::string_view expected) {
  std::array<char, 65536> buffer;
  while (!expected.empty()) {
    VSTATE_TRY_ASSIGN(const auto count,
                      file.read(std::span(buffer).first(std::min(buffer.size(), expected.size()))));
    if (count == 0 || std::string_view(buffer.data(), count) != expected.substr(0, count))
      return false;
    expected.remove_prefix(count);
  }
  return true;
}

/// Names what a comparison found missing, and looks at the messages that are not.
class Checker {
 public:
  Checker(const mail::Comparison& comparison, mail::TargetMessages& messages, CheckDepth depth)
      : comparison_(comparison), messages_(messages), depth_(depth) {}
  Status check(mail::Chain&);
  [[nodiscard]] std::vector<std::string> take_problems() { return std::move(problems_); }

 private:
  void problem(const std::string& path, std::string_view what) {
    problems_.push_back(fmt::format("{}: {}", path, what));
  }
  Status check_message(mail::Chain&);
  Result<std::optional<mail::Located>> locate(const mail::ReadEntry&);
  Result<bool> has_content(mail::Chain&, const mail::Located&);

  const mail::Comparison& comparison_;
  mail::TargetMessages& messages_;
  CheckDepth depth_;
  std::vector<std::string> problems_;
};

Status Checker::check(mail::Chain& reader) {
  const auto& entry = reader.entry();
  if (entry.is_message) return check_message(reader);
  if (comparison_.blocked.contains(entry.number))
    problem(entry.path, "not reached: no directory here");
  if (comparison_.missing[entry.number])
    problem(entry.path, entry.kind == EntryKind::directory ? "the directory is missing"
                        : entry.kind == EntryKind::link    ? "the link is missing"
                                                           : "the file is missing");
  return {};
}

/// Returns the message's file, of the archive's size if there is one.
Result<std::optional<mail::Located>> Checker::locate(const mail::ReadEntry& entry) {
  const auto message = *mail::as_message(entry.path);
  std::string unique(message.unique);
  // One that came under a name of its own is looked for by that name.
  if (const auto variant = comparison_.variants.find(entry.number);
      variant != comparison_.variants.end())
    unique = variant->second;
  std::optional<mail::Located> best;
  const auto own = messages_.folders().of(message.folder);
  VSTATE_TRY_ASSIGN(const auto* index, messages_.index());
  // First in the folder that the archive has it in, then wherever its owner moved it.
  for (const bool is_own : {true, false})
    for (const auto& record : index->find(hash_name(unique))) {
      if ((record.folder == own) != is_own) continue;
      VSTATE_TRY_ASSIGN(auto found, messages_.find(record.folder, unique, entry.path));
      if (!found) continue;
      // Of two messages with one name the one with the archive's size is the one that is meant.
      if (found->size == entry.size) return found;
      if (!best) best = std::move(found);
    }
  return best;
}

Status Checker::check_message(mail::Chain& reader) {
  const auto& entry = reader.entry();
  if (comparison_.missing[entry.number]) {
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
  } else if (depth_ == CheckDepth::contents) {
    VSTATE_TRY_ASSIGN(const bool is_same, has_content(reader, *found));
    if (!is_same) problem(entry.path, "the message has another content here");
  }
  return {};
}

Result<bool> Checker::has_content(mail::Chain& reader, const mail::Located& found) {
  VSTATE_TRY_ASSIGN(const auto file, mail::open_regular(*found.directory, found.name, found.path));
  // A reader may have renamed it this instant; it was there with its size.
  if (file == nullptr) return true;
  bool is_same = true;
  // The archive is read to the end of the entry even when a difference is found: its parts come in
  // order and cannot be left.
  VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
    if (!is_same) return {};
    VSTATE_TRY_ASSIGN(is_same, has_bytes(*file, part));
    return {};
  }));
  return is_same;
}

}  // namespace

Result<std::vector<std::string>> check_archive(const Files& files, const ArchiveFiles& archive,
                                               std::string_view directory, CheckDepth depth,
                                               FolderNames names, ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(files, directory));
  MailMemory nothing;
  mail::Judge judge(target ? &*target : nullptr, nothing, {.folder_names = names});
  mail::Comparer comparer(archive, limits, judge, nothing);
  VSTATE_TRY_ASSIGN(const auto comparison, comparer.run(mail::Chain::Digests::none));
  VSTATE_TRY_ASSIGN(auto reader, mail::Chain::open(archive, limits));
  // Numbers of entries connect the two readings, and mean nothing in an archive that was replaced
  // between them.
  if (reader.identity() != comparison.status.identity)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive.paths().front()));
  reader.adopt(comparison.hard_links);
  Checker checker(comparison, judge.messages(), depth);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    reader.rename(judge.path_here(reader.entry().path));
    VSTATE_TRY(checker.check(reader));
  }
  return checker.take_problems();
}

}  // namespace vstate
