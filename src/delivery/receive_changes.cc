// What changed at the source, or went, of what is here.

#include <algorithm>

#include <fmt/format.h>

#include "delivery/receiver.h"
#include "format/maildir_name.h"

namespace vstate {

namespace {

/// What is remembered of a message that is here, of which a stopped run announced a change: the
/// change is done if something of it is to be seen.
EntryState settled(const EntryState& before, const MailMemory::Change& change,
                   const EntryState& here) {
  if ((change.after.marks & k_mark_gone) != 0 || here == change.from) return before;
  const auto marks = (before.marks ^ change.after.marks) & ~k_marks_of_letters;
  const auto done =
      marks & (change.from.marks ^ change.after.marks) & ~(here.marks ^ change.after.marks);
  const bool has_moved = change.after.place != before.place && here.place == change.after.place &&
                         here.place != change.from.place;
  return done != 0 || has_moved ? change.after : before;
}

}  // namespace

bool DeletionBudget::take(std::uint64_t count, std::uint64_t remembered) {
  constexpr std::uint64_t few = 10;
  if (remembered < few || count * 3 <= remembered) return true;
  auto left = left_.load();
  while (count <= left)
    if (left_.compare_exchange_weak(left, left - count)) return true;
  return false;
}

/// Calls `visit(path, message)` for each message that is here.
template <class Visit>
Status Receiver::Impl::for_each_message(Visit visit) {
  for (std::uint32_t number = 0; number < folders_.size(); ++number)
    for (const std::string_view part : {"new", "cur"}) {
      const auto directory = mail::relative_join(folders_.path(number), part);
      VSTATE_TRY_ASSIGN(const auto handle, target_->directory_here(directory));
      if (!handle) continue;
      VSTATE_TRY_ASSIGN(const auto listing, target_->list(directory));
      for (std::size_t i = 0; listing && i < listing->size(); ++i) {
        const auto path = mail::relative_join(directory, listing->name(i));
        if (const auto message = mail::as_message(path)) VSTATE_TRY(visit(path, *message));
      }
    }
  return {};
}

Result<std::optional<mail::Located>> Receiver::Impl::find_here(const Identity& identity,
                                                               const mail::MessagePath& message,
                                                               const EntryState& before) {
  const bool was_new = (before.marks & k_mark_new) != 0;
  const auto likely = fmt::format(
      "{}/{}{}{}", mail::relative_join(message.folder, was_new ? "new" : "cur"), message.unique,
      was_new ? "" : ":2,", flags_of(before.marks & ~(k_mark_new | k_mark_gone)));
  if (state_of_message(likely).place == before.place) {
    // Most often nobody here touched it, and no folder has to be listed.
    VSTATE_TRY_ASSIGN(auto found, mail::locate(*target_, likely));
    if (found) return found;
  }
  VSTATE_TRY(prepare_index());
  std::optional<mail::Located> other;
  const auto own_folder = folders_.of(message.folder);
  for (const auto& record : index_->find(identity.name)) {
    if (identity.is_scoped && record.folder != own_folder) continue;
    VSTATE_TRY_ASSIGN(auto found, locator_->find(record.folder, message.unique, likely));
    if (!found) continue;
    if (state_of_message(found->path).place == before.place) return found;
    other = std::move(found);
  }
  return other;
}

Status Receiver::Impl::restate(const NameHash& key, const mail::MessagePath& message,
                               const EntryState& before, const EntryState& now) {
  if (!has_all_keywords_ && mail::has_letters(before.marks ^ now.marks)) {
    const auto path = mail::relative_join(message.directory, message.name);
    waiting_.push_back({key, path, before, now});
    return {};
  }
  const auto name = key_of_message(message.unique);
  const Identity identity{name, key, key != name};
  VSTATE_TRY_ASSIGN(const auto here, find_here(identity, message, before));
  // Its owner deleted it: what happens to it elsewhere is not news here.
  if (!here) return note(key, now);
  const auto state = state_of_message(here->path);
  const std::string source_folder(message.folder);
  VSTATE_TRY_ASSIGN(const auto old_marks, translated_marks(source_folder, before.marks));
  VSTATE_TRY_ASSIGN(const auto new_marks, translated_marks(source_folder, now.marks));
  const auto changed = old_marks ^ new_marks;
  const auto marks = (state.marks & ~changed) | (new_marks & changed);
  const auto found = *mail::as_message(here->path);
  const bool moves = now.place != before.place && state.place == before.place;
  const std::string folder(moves ? message.folder : found.folder);
  const auto flags = flags_of(marks & ~k_mark_new);
  const bool is_new = (marks & k_mark_new) != 0 && flags.empty();
  std::string path = mail::relative_join(folder, is_new ? "new" : "cur");
  path += fmt::format("/{}{}{}", message.unique, is_new ? "" : ":2,", flags);
  if (path == here->path) return note(key, now);
  VSTATE_TRY_ASSIGN(const bool has_parents, make_parents(path));
  if (!has_parents) return {};
  ++count.restated;
  return change(key, before, now, here->path, path);
}

/// Announced first: `after` is what is remembered once it is done.
Status Receiver::Impl::change(const NameHash& key, const EntryState& before,
                              const EntryState& after, const std::string& from,
                              const std::string& to) {
  // The entry may be what `before` refers to.
  Batch::Move move{target_, label_, from, to, memory_.number(), key, before, after};
  memory_.set_state(key, after);
  return batch_.add(std::move(move));
}

Status Receiver::Impl::settle_announced() {
  auto announced = memory_.announced();
  if (announced.empty()) return {};
  memory_.set_announced({});
  VSTATE_TRY(prepare_index());
  VSTATE_TRY(
      for_each_message([&](const std::string& path, const mail::MessagePath& message) -> Status {
        auto found = announced.find(key_of_message(message.unique));
        if (found == announced.end())
          found = announced.find(key_in_folder(message.folder, message.unique));
        if (found == announced.end()) return {};
        const auto [key, change] = *found;
        announced.erase(found);
        const auto* entry = memory_.find_unseen(key);
        if (entry == nullptr) return {};
        return note(key, settled(entry->state, change, state_of_message(path)));
      }));
  // What is not here was deleted, by the pass or by its owner.
  for (const auto& [key, change] : announced) VSTATE_TRY(note(key, change.after));
  return {};
}

Status Receiver::Impl::restate(const NameHash& key, const std::string& path) {
  const auto message = mail::as_message(path);
  if (!message) return fail(Errc::invalid, fmt::format("{}: is no message's path", path));
  const auto* entry = memory_.find(key);
  if (entry == nullptr || entry->state == state_of_message(path)) return {};
  return restate(key, *message, entry->state, state_of_message(path));
}

Status Receiver::Impl::forget(const NameHash& key) {
  gone_.insert(key);
  return {};
}

Status Receiver::Impl::remove_gone() {
  if (gone_.empty()) return {};
  const auto remembered = static_cast<std::uint64_t>(
      std::count_if(memory_.entries().begin(), memory_.entries().end(),
                    [](const auto& entry) { return (entry.state.marks & k_mark_gone) == 0; }));
  if (options_.prune && options_.may_delete != nullptr &&
      !options_.may_delete->take(gone_.size(), remembered))
    return fail(Errc::conflict,
                fmt::format("{} of {} messages are gone at the source; none was deleted here; "
                            "--max-delete {} allows it",
                            gone_.size(), remembered, gone_.size()));
  VSTATE_TRY(prepare_index());
  mail::HashSet left = gone_;
  VSTATE_TRY(for_each_message([&](const std::string& path, const mail::MessagePath& message) {
    return left.empty() ? Status() : remove_gone(path, message, left);
  }));
  // What is not here any more is not asked about again.
  for (const auto& key : left)
    if (const auto* entry = memory_.find(key); entry != nullptr)
      VSTATE_TRY(note(key, {entry->state.place, entry->state.marks | k_mark_gone}));
  return {};
}

Status Receiver::Impl::remove_gone(const std::string& path, const mail::MessagePath& message,
                                   mail::HashSet& left) {
  auto key = key_of_message(message.unique);
  if (!left.contains(key)) key = key_in_folder(message.folder, message.unique);
  if (left.erase(key) == 0) return {};
  const auto* entry = memory_.find(key);
  if (entry == nullptr) return {};
  if (!options_.prune) {
    ++count.gone;
    return {};
  }
  const EntryState told{entry->state.place, entry->state.marks | k_mark_gone};
  auto as_left = entry->state;
  if (options_.conversions != nullptr)
    if (const auto* converted =
            options_.conversions->find(key_in_folder(message.folder, message.unique)))
      as_left.marks |= converted->state.marks;
  // Somebody here moved or marked it since the last pass: it is theirs now.
  if (state_of_message(path) != as_left) {
    ++count.gone;
    return note(key, told);
  }
  ++count.removed;
  return change(key, entry->state, told, path, "");
}

}  // namespace vstate
