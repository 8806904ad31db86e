// What changed at the source since the last pass is done here message by message, as a rename; what
// its owner changed here stays. Deletions wait for the end of the pass, when it is known how many
// they are: a source that seems to have lost its mail must not empty this server.

#include "delivery/source_changes.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "maildir/names.h"
#include "sys/handle.h"
#include "sys/process/identity.h"

namespace vstate {

bool DeletionBudget::take(std::uint64_t count, std::uint64_t remembered) {
  // An owner may well empty a mailbox of a few messages.
  constexpr std::uint64_t few = 10;
  if (remembered < few || count * 3 <= remembered) return true;
  auto left = left_.load();
  // Another thread may have taken some meanwhile; `left` is then what is left now.
  while (count <= left)
    if (left_.compare_exchange_weak(left, left - count)) return true;
  return false;
}

}  // namespace vstate

namespace vstate::mail {

namespace {

/// Returns what is to be remembered of a message that is here, of which a stopped run announced a
/// change. All of it was one rename: one mark that the rename would have changed tells of the
/// whole.
EntryState settled(const EntryState& before, const MailMemory::Change& change,
                   const EntryState& here) {
  // A deletion that was made would have left nothing here.
  if ((change.after.marks & k_mark_gone) != 0 || here == change.from) return before;
  const bool would_move = change.after.place != before.place && change.from.place == before.place;
  const bool has_moved = change.after.place != before.place && here.place == change.after.place &&
                         here.place != change.from.place;
  const auto changed = before.marks ^ change.after.marks;
  const auto telling = changed & (change.from.marks ^ change.after.marks) & ~k_marks_of_letters;
  const bool is_done = has_moved || (telling & ~(here.marks ^ change.after.marks)) != 0;
  if (is_done || would_move || telling != 0) return is_done ? change.after : before;
  // Letters are translated: which ones the rename gave is not known, only that it changed some.
  const auto letters_here = (here.marks ^ change.from.marks) & k_marks_of_letters;
  return (changed & k_marks_of_letters) != 0 && letters_here != 0 ? change.after : before;
}

/// Returns the key under which the message that stands in this folder is remembered. Only the one
/// of several folders that came first has the name's own.
NameHash key_here(const MailMemory& memory, const MessagePath& message) {
  const auto scoped = key_in_folder(message.folder, message.unique);
  return memory.has(scoped) ? scoped : key_of_message(message.unique);
}

/// The path of a message in a folder: in `new`, or in `cur` with its flags.
std::string path_of(std::string_view folder, std::string_view unique, bool is_new,
                    std::uint64_t marks) {
  auto path = relative_join(relative_join(folder, is_new ? "new" : "cur"), unique);
  if (!is_new) path += ":2," + flags_of(marks & ~(k_mark_new | k_mark_gone));
  return path;
}

}  // namespace

Status settle_announced(TargetMessages& messages, MailMemory& memory,
                        const std::function<Status(const NameHash&, const EntryState&)>& note) {
  // A file that stands in its place may have its temporary beside it still.
  if (memory.empty() || memory.has_pending()) VSTATE_TRY(messages.index());
  auto announced = memory.announced();
  if (announced.empty()) return {};
  memory.set_announced({});
  VSTATE_TRY(messages.for_each([&](const std::string& path, const MessagePath& message) -> Status {
    auto found = announced.find(key_in_folder(message.folder, message.unique));
    if (found == announced.end()) found = announced.find(key_here(memory, message));
    if (found == announced.end()) return {};
    const auto [key, change] = *found;
    announced.erase(found);
    const auto* entry = memory.find(key);
    if (entry == nullptr) return {};
    return note(key, settled(entry->state, change, state_of_message(path)));
  }));
  // What is not here was deleted, by the pass or by its owner.
  for (const auto& [key, change] : announced) VSTATE_TRY(note(key, change.after));
  return {};
}

/// A letter may stand for another keyword on either side, and the file that says so comes after the
/// messages of its folder.
Status Changes::restate(Restated message) {
  if (keywords_.is_complete() || !has_letters(message.before.marks ^ message.now.marks))
    return restate_now(message);
  waiting_.push_back(std::move(message));
  return {};
}

Status Changes::restate_waiting() {
  for (const auto& waiting : std::exchange(waiting_, {})) VSTATE_TRY(restate_now(waiting));
  return {};
}

Status Changes::restate_now(const Restated& restated) {
  VSTATE_TRY_ASSIGN(const auto here,
                    find_here(restated.key, *as_message(restated.path), restated.before));
  // Its owner deleted it: what happens to it elsewhere is not news here.
  if (!here) return delivery_.note(restated.key, restated.now);
  VSTATE_TRY_ASSIGN(const auto path, merged_path(restated, *here));
  if (path == here->path) return delivery_.note(restated.key, restated.now);
  VSTATE_TRY_ASSIGN(const bool has_parents,
                    builder_.make_directory(std::string(path_parent(path))));
  // Something else stands in the folder's place; the memory stays, so that the next pass tries
  // again.
  if (!has_parents) return {};
  ++delivery_.count.restated;
  return move(restated, here->path, path);
}

/// Prefers the file that stands where the last pass left the message.
Result<std::optional<Located>> Changes::find_here(const NameHash& key, const MessagePath& message,
                                                  const EntryState& before) {
  const auto likely =
      path_of(message.folder, message.unique, (before.marks & k_mark_new) != 0, before.marks);
  if (state_of_message(likely).place == before.place) {
    // Most often nobody here touched it, and no folder has to be listed for it.
    VSTATE_TRY_ASSIGN(auto found, locate(*delivery_.target, likely));
    if (found) return found;
  }
  VSTATE_TRY_ASSIGN(const auto* index, judge_.messages().index());
  std::optional<Located> other;
  const auto name = key_of_message(message.unique);
  const auto own_folder = judge_.messages().folders().of(message.folder);
  for (const auto& record : index->find(name)) {
    if (key != name && record.folder != own_folder) continue;
    VSTATE_TRY_ASSIGN(auto found, judge_.messages().find(record.folder, message.unique, likely));
    if (!found) continue;
    // Another message of that name is not to be changed for this one.
    if (key_here(delivery_.memory, *as_message(found->path)) != key) continue;
    if (state_of_message(found->path).place == before.place) return found;
    other = std::move(found);
  }
  return other;
}

/// Each flag and the folder are judged by themselves: one that changed at the source since the last
/// pass is taken from there, all others stay as they are here.
Result<std::string> Changes::merged_path(const Restated& restated, const Located& here) {
  const auto message = *as_message(restated.path);
  const std::string folder(message.folder);
  const auto state = state_of_message(here.path);
  const auto before = keywords_.translated_marks(folder, restated.before.marks);
  const auto now = keywords_.translated_marks(folder, restated.now.marks);
  const auto changed = before ^ now;
  const auto marks = (state.marks & ~changed) | (now & changed);
  const bool moves =
      restated.now.place != restated.before.place && state.place == restated.before.place;
  // A message with flags has been seen by a reader, and stands in `cur`.
  const bool is_new = (marks & k_mark_new) != 0 && flags_of(marks & ~k_mark_new).empty();
  return path_of(moves ? message.folder : as_message(here.path)->folder, message.unique, is_new,
                 marks);
}

/// The batch announces it first. `before` and `now` are values, not references into the memory,
/// which changes here.
Status Changes::move(const Restated& restated, const std::string& from, const std::string& to) {
  delivery_.memory.set_state(restated.key, restated.now);
  return delivery_.batch.add(Batch::Move{.target = delivery_.target,
                                         .label = delivery_.label,
                                         .from = from,
                                         .to = to,
                                         .box = delivery_.memory.number(),
                                         .key = restated.key,
                                         .before = restated.before,
                                         .after = restated.now});
}

void Changes::forget_unseen() {
  const auto& memory = delivery_.memory;
  for (std::size_t i = 0; i < memory.entries().size(); ++i) {
    const auto& entry = memory.entries()[i];
    if (!memory.was_seen(i) && (entry.state.marks & k_mark_gone) == 0) forget(entry.key);
  }
}

/// Nothing is deleted while the pass goes on: only at its end it is known how much is gone.
Status Changes::finish() {
  if (gone_.empty()) return {};
  const auto& entries = delivery_.memory.entries();
  const auto remembered = static_cast<std::uint64_t>(
      std::count_if(entries.begin(), entries.end(),
                    [](const auto& entry) { return (entry.state.marks & k_mark_gone) == 0; }));
  if (options_.gone == Gone::remove && options_.may_delete != nullptr &&
      !options_.may_delete->take(gone_.size(), remembered))
    return fail(Errc::conflict,
                fmt::format("{} of {} messages are gone at the source; none was deleted here; "
                            "--max-delete {} allows it",
                            gone_.size(), remembered, gone_.size()));
  auto left = gone_;
  VSTATE_TRY(judge_.messages().for_each([&](const std::string& path, const MessagePath& message) {
    return left.empty() ? Status() : remove(path, message, left);
  }));
  // What is not here any more is not asked about again.
  for (const auto& key : left)
    if (const auto* entry = delivery_.memory.find(key); entry != nullptr)
      VSTATE_TRY(delivery_.note(key, {entry->state.place, entry->state.marks | k_mark_gone}));
  return {};
}

/// `left` are the keys that were not found here yet.
Status Changes::remove(const std::string& path, const MessagePath& message, HashSet& left) {
  const auto scoped = key_in_folder(message.folder, message.unique);
  const auto key = left.contains(scoped) ? scoped : key_here(delivery_.memory, message);
  if (left.erase(key) == 0) return {};
  const auto* entry = delivery_.memory.find(key);
  if (entry == nullptr) return {};
  if (options_.gone == Gone::keep) {
    ++delivery_.count.gone;
    return {};
  }
  const auto before = entry->state;
  const EntryState told{before.place, before.marks | k_mark_gone};
  // Letters that the conversion gave are no change of an owner's.
  auto as_left = before;
  if (options_.conversions != nullptr)
    if (const auto* converted = options_.conversions->find(scoped))
      as_left.marks |= converted->state.marks;
  // Somebody here moved or marked it since the last pass: it is theirs now.
  if (state_of_message(path) != as_left) {
    ++delivery_.count.gone;
    return delivery_.note(key, told);
  }
  ++delivery_.count.removed;
  return move({.key = key, .path = path, .before = before, .now = told}, path, "");
}

Status Changes::remove_merged_keywords(bool is_whole) {
  if (delivery_.memory.empty()) return {};
  for (const auto& [directory, state] : judge_.directories()) {
    if (path_name(directory) != "courierimapkeywords") continue;
    VSTATE_TRY_ASSIGN(const auto opened, delivery_.target->directory_here(directory));
    if (!opened) continue;
    VSTATE_TRY_ASSIGN(const auto listing, delivery_.target->list(directory));
    for (std::size_t i = 0; listing && i < listing->size(); ++i) {
      const auto path = path_join(directory, listing->name(i));
      const auto key = key_of_file(path);
      if (gone_.contains(key) || (is_whole && !delivery_.memory.is_seen(key)))
        VSTATE_TRY(remove_keywords_file(**opened, path));
    }
  }
  return {};
}

/// Unless somebody here wrote it.
Status Changes::remove_keywords_file(const Directory& directory, const std::string& path) {
  const auto* entry = delivery_.memory.find(key_of_file(path));
  if (entry == nullptr) return {};
  const auto full = delivery_.target->full(path);
  const std::string name(path_name(path));
  VSTATE_TRY_ASSIGN(const auto here, digest_of_file(directory, name, full));
  if (here != entry->state.place) return {};
  VSTATE_TRY(delivery_.step(path));
  const ActingAs acting(delivery_.owner.uid, delivery_.owner.gid);
  if (unlinkat(directory.descriptor(), name.c_str(), 0) != 0 && errno != ENOENT)
    return fail_errno(full, "cannot delete");
  return {};
}

}  // namespace vstate::mail
