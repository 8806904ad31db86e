// How things are written. A message is built in its folder's tmp and placed by the batch, so that
// no reader sees half of one; the name of each temporary follows from its final name, so that the
// run after a killed one finds and reuses it. All is done with the rights of the mailbox's owner: a
// link that they put in the way leads only where they could go themselves.

#include "delivery/builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "delivery/temporary.h"
#include "format/maildir_name.h"
#include "maildir/names.h"
#include "sys/process/identity.h"
#include "vstate/base/digest.h"

namespace vstate::mail {

namespace {

/// Each of them holds a file of the source open.
constexpr std::size_t k_most_queued = 64;

/// The files that tell of the messages beside them come when those are there, and so do messages
/// whose letters are only known from such a file.
bool is_late(const Batch::Item& item) {
  return item.is_message ? (item.record.state.marks & k_marks_of_letters) != 0
                         : is_uid_file(path_name(item.path));
}

/// Removes a temporary that is not to be placed.
Status drop(const Delivery& delivery, const Batch::Item& item) {
  VSTATE_TRY_ASSIGN(const auto place, delivery.target->directory(item.build_in));
  const ActingAs acting(delivery.owner.uid, delivery.owner.gid);
  unlinkat(place->descriptor(), item.temporary.c_str(), 0);
  return {};
}

}  // namespace

Result<bool> Builder::make_directory(const std::string& path, unsigned mode) {
  VSTATE_TRY_ASSIGN(const auto way, judge_.way_to(path));
  if (!way.refusal.empty()) delivery_.count.refused.push_back(way.refusal);
  if (way.is_blocked) return false;
  // Parents come first in the list.
  for (const auto& missing : way.missing) {
    VSTATE_TRY(delivery_.step(missing));
    VSTATE_TRY_ASSIGN(const auto parent, delivery_.target->directory(path_parent(missing)));
    // The source's mode is kept as far as it takes nothing from the owner and gives nothing to
    // write to others.
    const mode_t bits = missing == path ? (mode & 0755U) | 0700U : 0700U;
    const ActingAs acting(delivery_.owner.uid, delivery_.owner.gid);
    // A delivery may have made the same folder this instant.
    if (mkdirat(parent->descriptor(), std::string(path_name(missing)).c_str(), bits) != 0 &&
        errno != EEXIST)
      return fail_errno(delivery_.target->full(missing), "cannot make the directory");
    ++delivery_.count.files;
  }
  return true;
}

/// What messages and files have in common. The path decides the name of the temporary, so that the
/// run after a killed one finds it again.
Batch::Item Builder::item_of(const TreeEntry& entry) const {
  Batch::Item item;
  item.target = delivery_.target;
  item.label = delivery_.label;
  item.path = entry.path;
  item.build_in = path_parent(entry.path);
  item.temporary = path_name(temporary_of(entry.path));
  item.size = entry.size;
  item.record.box = delivery_.memory.number();
  item.record.kind = DeliveryLog::Kind::arrival;
  return item;
}

/// Returns nullopt if the message's `tmp` cannot be made.
Result<std::optional<Batch::Item>> Builder::begin_message(const TreeEntry& entry,
                                                          const NameHash& named_by) {
  VSTATE_TRY(delivery_.step(entry.path));
  auto item = item_of(entry);
  item.is_message = true;
  item.record.state = state_of_message(entry.path);
  // The directory may come later in the source, or be missing there.
  item.build_in = relative_join(as_message(entry.path)->folder, "tmp");
  item.temporary = temporary_name(named_by);
  VSTATE_TRY_ASSIGN(const bool has_place, make_directory(item.build_in));
  return has_place ? std::optional(std::move(item)) : std::nullopt;
}

/// A file of this machine can be read later, which saves two changes of identity for each message.
/// What comes out of an archive or a stream has to be read now.
Status Builder::message(const TreeEntry& entry, Content& content, const NameHash& key) {
  VSTATE_TRY_ASSIGN(auto item, begin_message(entry, key));
  if (!item) return {};
  item->record.key = key;
  if (auto kept = content.keep()) {
    queued_.push_back({entry, std::move(kept), *std::move(item)});
    return queued_.size() < k_most_queued ? Status() : build_queued();
  }
  VSTATE_TRY(write(entry, content, *item));
  return hand_on(*std::move(item));
}

Status Builder::contested(const TreeEntry& entry, Content& content,
                          const MessageIdentity& identity) {
  VSTATE_TRY_ASSIGN(auto item, begin_message(entry, identity.key));
  if (!item) return {};
  item->record.key = identity.key;
  VSTATE_TRY(write(entry, content, *item));
  contested_.push_back({*std::move(item), identity.name});
  return {};
}

/// The batch makes moves before it places what was built.
Status Builder::settle_contested() {
  for (auto& [item, name] : std::exchange(contested_, {})) {
    if (judge_.departures().are_from(as_message(item.path)->folder, name)) {
      VSTATE_TRY(hand_on(std::move(item)));
      continue;
    }
    VSTATE_TRY(drop(delivery_, item));
    VSTATE_TRY(delivery_.note(item.record.key, item.record.state));
  }
  return {};
}

/// The name is known when the bytes have been read, and they can be read once: the temporary is
/// written under a name that follows from the path, and gets the right one afterwards.
Status Builder::variant(const TreeEntry& entry, Content& content) {
  VSTATE_TRY_ASSIGN(auto item, begin_message(entry, hash_name(entry.path)));
  if (!item) return {};
  Sha256 digest;
  VSTATE_TRY(write(entry, content, *item, &digest));
  const auto message = *as_message(entry.path);
  const auto unique = variant_of(message.unique, digest.finish_hex());
  item->record.key = key_of_message(unique);
  // Only now can it be told whether this very message came in an earlier pass.
  VSTATE_TRY_ASSIGN(const auto verdict, judge_.variant(item->record.key, entry.size));
  if (verdict != Verdict::place) return drop(delivery_, *item);
  VSTATE_TRY(rename_temporary(*item, temporary_name(item->record.key)));
  const auto info = message.name.substr(message.unique.size());
  item->path = relative_join(message.directory, std::string(unique).append(info));
  return hand_on(*std::move(item));
}

/// That the content is what is here already is known when it has been read: it is built all the
/// same, and then not placed, so that the file here keeps its inode and time.
Result<Verdict> Builder::file(const TreeEntry& entry, Content& content,
                              const Judgement& judgement) {
  VSTATE_TRY(delivery_.step(entry.path));
  auto item = item_of(entry);
  item.record.key = key_of_file(entry.path);
  item.record.state.marks = entry.stamp;
  const auto* known = delivery_.memory.find(item.record.key);
  // What a stopped run announced is not certain, so it is not what the log may go back to.
  if (known != nullptr && known->pending == 0) item.before = known->state;
  // A file that is ours is replaced only if it is still ours at the rename, which may be minutes
  // away.
  if (judgement.verdict == Verdict::replace) {
    const bool is_ours = judgement.is_in_step && judgement.here;
    item.place = is_ours ? Batch::Place::unchanged : Batch::Place::any;
    item.replaces = judgement.here.value_or(0);
    // Whatever a stopped run announced: if this one is withdrawn, what is here is still ours.
    if (is_ours && !item.before) item.before = EntryState{item.replaces, 0};
  }
  Sha256 digest;
  VSTATE_TRY(write(entry, content, item, &digest));
  item.record.state.place = short_digest_of(digest);
  const auto verdict = judgement.given(item.record.state.place);
  if (verdict == Verdict::there) {
    VSTATE_TRY(drop(delivery_, item));
    VSTATE_TRY(delivery_.note(item.record.key, item.record.state));
    return verdict;
  }
  VSTATE_TRY(hand_on(std::move(item)));
  return verdict;
}

/// A link cannot be made in place of something, so it is made beside it and renamed. It is on the
/// disk with the next syncfs; nobody's mail hangs on it before.
Status Builder::link(const TreeEntry& link) {
  VSTATE_TRY_ASSIGN(const auto parent, delivery_.target->directory(path_parent(link.path)));
  const int place = parent->descriptor();
  const std::string name(path_name(link.path));
  const std::string temporary(path_name(temporary_of(link.path)));
  VSTATE_TRY(delivery_.step(link.path));
  {
    const ActingAs acting(delivery_.owner.uid, delivery_.owner.gid);
    unlinkat(place, temporary.c_str(), 0);
    if (symlinkat(link.target.c_str(), place, temporary.c_str()) != 0 ||
        renameat(place, temporary.c_str(), place, name.c_str()) != 0) {
      auto failure = fail_errno(delivery_.target->full(link.path), "cannot make the link");
      unlinkat(place, temporary.c_str(), 0);
      return failure;
    }
  }
  ++delivery_.count.files;
  return delivery_.note(key_of_file(link.path), {digest_of_link(link.target), 0});
}

/// `digest` takes in what is written.
Status Builder::write(const TreeEntry& entry, Content& content, const Batch::Item& item,
                      Sha256* digest) {
  VSTATE_TRY_ASSIGN(const auto place, delivery_.target->directory(item.build_in));
  // The temporary of this name is being built anew, so at the end it is not one that was left over.
  judge_.messages().take_over(item.build_in, item.temporary);
  const mode_t mode = item.is_message ? 0600U : (entry.mode & 0755U) | 0600U;
  const auto where = delivery_.target->full(entry.path);
  const auto fill = [&](int file) -> Status {
    // Without a digest the kernel can copy the bytes itself, and they need not pass through this
    // program.
    VSTATE_TRY(digest == nullptr ? content.copy_to(file, entry.path)
                                 : content.read([&](std::string_view part) {
                                     digest->update(part);
                                     return write_all(file, part, entry.path);
                                   }));
    // The time of the file is the message's date of arrival for IMAP and the order of POP3.
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                        timespec{entry.mtime.time_since_epoch().count(), 0}};
    if (futimens(file, times.data()) != 0) return fail_errno(where, "cannot set the time");
    return {};
  };
  return write_temporary(place->descriptor(), item.temporary, mode, delivery_.owner, where, fill);
}

/// Gives a temporary the name that a run after a killed one looks for.
Status Builder::rename_temporary(Batch::Item& item, std::string name) {
  VSTATE_TRY_ASSIGN(const auto place, delivery_.target->directory(item.build_in));
  judge_.messages().take_over(item.build_in, name);
  const auto shown = delivery_.target->full(item.path);
  const ActingAs acting(delivery_.owner.uid, delivery_.owner.gid);
  if (renameat(place->descriptor(), item.temporary.c_str(), place->descriptor(), name.c_str()) != 0)
    return fail_errno(shown, "cannot rename the temporary");
  item.temporary = std::move(name);
  return {};
}

/// What is built waits for the batch, or for the end of this mailbox.
Status Builder::hand_on(Batch::Item item) {
  ++(item.is_message ? delivery_.count.messages : delivery_.count.files);
  delivery_.count.bytes += item.size;
  if (!is_late(item)) return delivery_.batch.add(std::move(item));
  late_.push_back(std::move(item));
  return {};
}

Status Builder::build_queued() {
  auto queued = std::exchange(queued_, {});
  std::size_t built = 0;
  Status status;
  {
    // write_temporary acts as the owner for each file; nested in this, that costs no system call.
    const ActingAs acting(delivery_.owner.uid, delivery_.owner.gid);
    for (; built < queued.size(); ++built) {
      auto& one = queued[built];
      status = write(one.entry, *one.content, one.item);
      if (!status) break;
      // Each content that is queued holds a file of the source open, so it is let go of here and
      // not when all are built.
      one.content.reset();
    }
  }
  // The batch may write into the log, which is not the owner's.
  for (std::size_t i = 0; i < built; ++i) VSTATE_TRY(hand_on(std::move(queued[i].item)));
  return status;
}

Status Builder::hand_over_late(Keywords& keywords) {
  for (auto& item : late_) {
    if (!item.is_message) continue;
    const auto message = *as_message(item.path);
    item.path = relative_join(message.directory, keywords.translated(std::string(message.folder),
                                                                     std::string(message.name)));
  }
  // The lists of UIDs and keywords tell of messages that are there.
  std::stable_partition(late_.begin(), late_.end(),
                        [](const Batch::Item& item) { return item.is_message; });
  for (auto& item : std::exchange(late_, {})) VSTATE_TRY(delivery_.batch.add(std::move(item)));
  return {};
}

Status remove_left_over(Delivery& delivery, const TargetMessages& messages) {
  // Without a listing of the target nothing can be known to be left over, and a pass that brought
  // nothing has listed nothing.
  const auto* index = messages.listed();
  if (index == nullptr) return {};
  for (const auto& [folder, name] : index->left_over()) {
    VSTATE_TRY_ASSIGN(const auto directory, delivery.target->directory_here(folder));
    if (!directory) continue;
    VSTATE_TRY(delivery.step(relative_join(folder, name)));
    const auto shown = delivery.target->full(folder);
    const ActingAs acting(delivery.owner.uid, delivery.owner.gid);
    if (unlinkat((*directory)->descriptor(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(shown, "cannot remove a left-over temporary");
  }
  return {};
}

}  // namespace vstate::mail
