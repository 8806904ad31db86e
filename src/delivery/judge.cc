// Says of each entry of a source what becomes of it, by what is remembered and what stands here.
// The table in the header is what it follows. It asks the disk as late as it can: most messages are
// remembered and unchanged, and for those nothing here is looked at at all.

#include "delivery/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "delivery/convert.h"
#include "delivery/temporary.h"
#include "format/maildir_name.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

Result<std::optional<std::uint64_t>> digest_here(const vstate::Directory& directory,
                                                 const std::string& name, const FileInfo& found,
                                                 const std::string& shown) {
  if (!found.is_link()) return digest_of_file(directory, name, shown);
  VSTATE_TRY_ASSIGN(const auto target, directory.link_target(name));
  return target ? std::optional(digest_of_link(*target)) : std::nullopt;
}

unsigned sighting_of(bool is_same, bool is_own) {
  if (is_own) return is_same ? k_same_here : k_other_here;
  return is_same ? k_same_elsewhere : k_other_elsewhere;
}

}  // namespace

std::uint64_t digest_of_link(std::string_view target) {
  // A file whose content is the link's target is something else than the link.
  return short_digest("link\n" + std::string(target));
}

std::string Judge::path_here(const std::string& path) const {
  return rules_.folder_names == FolderNames::of_dovecot ? with_dovecot_folder(path) : path;
}

std::string Judge::refusal_of(const TreeEntry& entry) const {
  // vpopmail and vstate keep such files for this server, and homes below this directory get their
  // mail by themselves.
  if (rules_.reserved != nullptr && rules_.reserved->keeps(entry.path))
    return fmt::format("{}: a file of the mail server's own", entry.path);
  if (entry.kind != EntryKind::link) return {};
  const auto why = link_refusal(entry.path, entry.target);
  return why.empty() ? std::string() : fmt::format("{} -> {}: {}", entry.path, entry.target, why);
}

Result<Way> Judge::way_to(const std::string& directory) {
  Way way;
  // Entries come directory by directory.
  if (last_directory_ == directories_.end() || last_directory_->first != directory) {
    VSTATE_TRY(judge_directory(directory, way));
    last_directory_ = directories_.find(directory);
  }
  way.is_blocked =
      last_directory_ != directories_.end() && last_directory_->second == Directory::blocked;
  return way;
}

Result<Judge::Directory> Judge::judge_directory(const std::string& path, Way& way) {
  if (path.empty()) return target_ == nullptr ? Directory::missing : Directory::there;
  if (const auto known = directories_.find(path); known != directories_.end()) return known->second;
  // Nothing is below what is missing, and what is below something else is not this mailbox's.
  VSTATE_TRY_ASSIGN(auto state, judge_directory(std::string(path_parent(path)), way));
  if (state == Directory::there) {
    VSTATE_TRY_ASSIGN(const auto found, target_->status(path));
    bool is_directory = false;
    if (found) {
      VSTATE_TRY_ASSIGN(is_directory, target_->is_directory(path, *found));
    }
    if (!found) state = Directory::missing;
    if (found && !is_directory) {
      state = Directory::blocked;
      way.refusal = fmt::format("{}: {} here, and a directory at the source", path,
                                found->is_link() ? "a symbolic link" : "no directory");
    }
  }
  if (state != Directory::there) way.missing.push_back(path);
  // A directory is judged once in a pass, so that its lack is named once and the disk is asked
  // once.
  directories_.emplace(path, state);
  return state;
}

/// About what stands at a path. `size` is that of the source's file; a link has none.
Result<Judgement> Judge::judge_place(const std::string& path, std::optional<std::uint64_t> size) {
  Judgement out;
  // Seen in this pass: what is left unseen at its end is gone at the source.
  const auto* known = memory_.mark_seen(key_of_file(path));
  std::optional<FileInfo> found;
  if (target_ != nullptr) {
    VSTATE_TRY_ASSIGN(found, target_->status(path));
  }
  if (!found) {
    // What was announced and not seen in its place since may never have come.
    if (known != nullptr && known->pending == 0) out.verdict = Verdict::known;
    return out;
  }
  if (found->is_directory()) {
    out.verdict = Verdict::blocked;
    out.refusal =
        fmt::format("{}: a directory is in the way of the {}", path, size ? "file" : "link");
    return out;
  }
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(path)));
  const std::string name(path_name(path));
  // Whose bytes differ is settled by the sizes, unless the memory asks what exactly is here.
  const bool can_differ_only =
      known == nullptr && size && found->is_regular() && found->size != *size;
  if (!can_differ_only) {
    VSTATE_TRY_ASSIGN(out.here, digest_here(*parent, name, *found, target_->full(path)));
  }
  out.is_in_step = known != nullptr && out.here == known->state.place;
  // What a stopped run announced and did not rename is not somebody's change.
  if (!out.is_in_step && known != nullptr && known->pending != 0) {
    VSTATE_TRY_ASSIGN(out.is_in_step, waits_for_rename(*parent, name));
  }
  // Where nobody remembers the file, the rules say whether the source's goes over it.
  const bool is_replaced =
      known != nullptr ? out.is_in_step : rules_.on_difference == OnDifference::replace;
  out.verdict = is_replaced ? Verdict::replace : Verdict::keep;
  return out;
}

Result<Judgement> Judge::file(const TreeEntry& entry) {
  return judge_place(entry.path, entry.size);
}

Result<Judgement> Judge::link(const TreeEntry& entry) {
  if (auto refusal = refusal_of(entry); !refusal.empty())
    return Judgement{.verdict = Verdict::refused, .here = {}, .refusal = std::move(refusal)};
  VSTATE_TRY_ASSIGN(auto out, judge_place(entry.path, std::nullopt));
  // The digest of a link is known at once, that of a file only once all of it was read.
  out.verdict = out.given(digest_of_link(entry.target));
  return out;
}

MessageIdentity Judge::identify(const MessagePath& message, bool is_scoped) {
  // The name is what Maildir programs keep when they move or flag a message; the folder and the
  // flags change.
  const auto name = key_of_message(message.unique);
  if (is_scoped)
    return {.name = name, .key = key_in_folder(message.folder, message.unique), .is_scoped = true};
  if (std::binary_search(repeated_.begin(), repeated_.end(), name))
    return identify_repeated(message, name);
  // Without that knowledge, as in a stream, the first that comes has the name's own key.
  const auto key = keys_.of(message, name);
  return {.name = name, .key = key, .is_scoped = key != name};
}

MessageIdentity Judge::identify_repeated(const MessagePath& message, const NameHash& name) {
  MessageIdentity out{.name = name, .key = name, .is_scoped = true};
  const auto own = key_in_folder(message.folder, message.unique);
  // One that came while its name was the only one is remembered by the name.
  const auto* first = memory_.find(own) != nullptr ? nullptr : memory_.find(name);
  if (first == nullptr || first->state.place != place_of_folder(message.folder)) out.key = own;
  return out;
}

Result<std::optional<Remembered>> Judge::remembered(const MessageIdentity& identity) {
  const auto* entry = memory_.mark_seen(identity.key);
  if (entry == nullptr || (entry->state.marks & k_mark_gone) != 0) return std::nullopt;
  const Remembered out{.state = entry->state, .is_announced = entry->pending != 0};
  if (!out.is_announced) return std::optional(out);
  // Its temporary is still there, so its rename never happened; or neither file is there.
  VSTATE_TRY_ASSIGN(const auto* index, messages_.index());
  if (index->is_unfinished(identity.key) || index->find(identity.name).empty()) return std::nullopt;
  return std::optional(out);
}

std::optional<EntryState> Judge::restated(const NameHash& key, std::string_view path) {
  const auto* entry = memory_.mark_seen(key);
  const auto now = state_of_message(path);
  if (entry == nullptr || entry->state == now) return std::nullopt;
  return entry->state;
}

void Departures::expect(const NameHash& key, const EntryState& before, const EntryState& now) {
  if (before.place != now.place) places_.insert_or_assign(key, before.place);
}

/// A copy in another folder looks like a move as long as the message itself has not come: it comes
/// later, and what stands in its folder then is what the move takes away.
bool Departures::are_from(std::string_view folder, const NameHash& name) const {
  const auto found = places_.find(name);
  return found != places_.end() && found->second == place_of_folder(folder);
}

bool is_contested(const MailMemory& memory, const MessagePath& message,
                  const MessageIdentity& identity) {
  if (!identity.is_scoped || memory.is_seen(identity.name)) return false;
  return memory.has(identity.name) &&
         memory.find(identity.name)->state.place == place_of_folder(message.folder);
}

/// What is remembered by folder and name is no trace of the message that is known by the name.
bool Judge::is_another(std::uint32_t folder, std::string_view unique) {
  return !memory_.empty() && memory_.has(key_in_folder(messages_.folders().path(folder), unique));
}

Result<unsigned> Judge::sightings(const TreeEntry& entry, const MessageIdentity& identity) {
  const auto message = *as_message(entry.path);
  VSTATE_TRY_ASSIGN(const auto* index, messages_.index());
  const auto own = messages_.folders().of(message.folder);
  // Courier and vpopmail write the size into the name; with it no file needs to be looked at, of
  // which there may be a million.
  const bool is_trusted = size_in_name(message.unique) == entry.size;
  unsigned out = 0;
  for (const auto& record : index->find(identity.name)) {
    const bool is_own = record.folder == own;
    if (identity.is_scoped && (!is_own || departures_.are_from(message.folder, identity.name)))
      continue;
    if (!is_own && is_another(record.folder, message.unique)) continue;
    std::optional<std::uint64_t> size = entry.size;
    if (!is_trusted) {
      VSTATE_TRY_ASSIGN(size, size_here(record.folder, message.unique, entry.path));
    }
    if (!size) continue;  // a reader was quicker
    const bool is_same = *size == entry.size;
    out |= sighting_of(is_same, is_own);
  }
  return out;
}

Result<std::optional<std::uint64_t>> Judge::size_here(std::uint32_t folder, std::string_view unique,
                                                      std::string_view likely) {
  VSTATE_TRY_ASSIGN(const auto found, messages_.find(folder, unique, likely));
  return found ? std::optional(found->size) : std::nullopt;
}

Verdict decide(unsigned sightings, bool is_scoped, std::uint64_t size,
               std::optional<std::uint64_t> earlier) {
  // In another folder it is another message of the same name.
  if (is_scoped) sightings &= k_same_here | k_other_here;
  // One with the same size is the message itself, whatever others have its name.
  if ((sightings & (k_same_here | k_same_elsewhere)) != 0) return Verdict::there;
  if (earlier == size) return Verdict::known;
  return sightings != 0 || earlier ? Verdict::variant : Verdict::place;
}

Result<Verdict> Judge::message(const TreeEntry& entry, const MessageIdentity& identity) {
  VSTATE_TRY_ASSIGN(const auto seen, sightings(entry, identity));
  // What this very pass brings is not in the index.
  const auto earlier = placed_.find(identity.key);
  const auto verdict =
      decide(seen, identity.is_scoped, entry.size,
             earlier == placed_.end() ? std::nullopt : std::optional(earlier->second));
  if (verdict == Verdict::place || verdict == Verdict::variant)
    placed_.emplace(identity.key, entry.size);
  return verdict;
}

Result<Verdict> Judge::variant(const NameHash& name, std::uint64_t size) {
  VSTATE_TRY_ASSIGN(const auto* index, messages_.index());
  if (!index->find(name).empty() || placed_.contains(name)) return Verdict::known;
  VSTATE_TRY_ASSIGN(const auto before, remembered({.name = name, .key = name}));
  if (before) return Verdict::known;
  // From here on it is a message of its own; the name that it came with stays the other's.
  placed_.emplace(name, size);
  return Verdict::place;
}

}  // namespace vstate::mail
