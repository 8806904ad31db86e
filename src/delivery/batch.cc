// The order is what lets the run after a stopped one tell a person's change from its own: bytes on
// the disk, announcements on the disk, then renames. A temporary that is still there says that its
// rename never happened; an announced message with neither file was placed and then deleted.

#include "delivery/batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "delivery/temporary.h"
#include "maildir/names.h"
#include "sys/kernel.h"
#include "sys/process/identity.h"

namespace vstate {

namespace {

constexpr std::size_t k_most_files = 8192;
constexpr std::uint64_t k_most_bytes = std::uint64_t{256} << 20;
/// Each mailbox of a batch holds a directory open.
constexpr std::size_t k_most_targets = 256;

/// True for a lock that nobody holds: it has the bytes of the file that waits for it, as a run that
/// was killed left it, or Dovecot would take it for stale too (file-dotlock.c).
/// Links are not followed: a lock is a regular file, and anything else is somebody else's doing.
bool is_stale_lock(const Directory& directory, const std::string& lock, const std::string& file,
                   std::string_view shown) {
  constexpr std::time_t most_seconds = 120;
  struct stat st {};
  if (fstatat(directory.descriptor(), lock.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(st.st_mode))
    return false;
  if (std::max(st.st_ctime, st.st_mtime) + most_seconds < std::time(nullptr)) return true;
  const auto held = mail::digest_of_file(directory, lock, shown);
  const auto wanted = mail::digest_of_file(directory, file, shown);
  return held && wanted && *held && *held == *wanted;
}

/// Dovecot's lock of a file is the file that will replace it, under the name NAME.lock: one rename
/// puts it in place and gives the lock up. False if its server holds the lock for some seconds.
Result<bool> lock_with(const Directory& directory, const std::string& file, const std::string& lock,
                       std::string_view shown) {
  constexpr int most_tries = 50;
  constexpr useconds_t pause = 100'000;
  for (int tries = 0; tries < most_tries; ++tries) {
    if (linkat(directory.descriptor(), file.c_str(), directory.descriptor(), lock.c_str(), 0) == 0)
      return true;
    if (errno != EEXIST) return fail_errno(shown, "cannot lock");
    if (is_stale_lock(directory, lock, file, shown))
      unlinkat(directory.descriptor(), lock.c_str(), 0);
    else
      usleep(pause);
  }
  return false;
}

/// Replaces what a mail server keeps of its messages, unless the server has written it meanwhile.
Status place_locked(const Batch::Item& item) {
  VSTATE_TRY_ASSIGN(const auto directory, item.target->directory(path_parent(item.path)));
  const std::string name(path_name(item.path));
  const auto full = item.target->full(item.path);
  const auto lock = name + ".lock";
  VSTATE_TRY_ASSIGN(const bool is_held, lock_with(*directory, item.temporary, lock, full));
  if (!is_held) return fail(Errc::busy, fmt::format("{}: its server holds it; run it again", full));
  const auto now = mail::digest_of_file(*directory, name, full);
  if (!now || *now != item.replaces) {
    unlinkat(directory->descriptor(), lock.c_str(), 0);
    unlinkat(directory->descriptor(), item.temporary.c_str(), 0);
    // Its server's own from now on, unless it could not be read.
    return now ? Status() : Status(tl::unexpected<Error>(now.error()));
  }
  if (renameat(directory->descriptor(), lock.c_str(), directory->descriptor(), name.c_str()) != 0) {
    auto failure = fail_errno(full, "cannot rename the temporary");
    unlinkat(directory->descriptor(), lock.c_str(), 0);
    return failure;
  }
  // The last: as long as it is there, a run that finds the lock knows whose it is.
  unlinkat(directory->descriptor(), item.temporary.c_str(), 0);
  return {};
}

/// A message never replaces anything: what appeared under its name since the index was made is
/// somebody else's delivery.
Status place(const Batch::Item& item) {
  if (item.place == Batch::Place::unchanged) return place_locked(item);
  VSTATE_TRY_ASSIGN(const auto from, item.target->directory(item.build_in));
  VSTATE_TRY_ASSIGN(const auto to, item.target->directory(path_parent(item.path)));
  const std::string name(path_name(item.path));
  const char* temporary = item.temporary.c_str();
  const bool is_placed =
      item.place == Batch::Place::any
          ? renameat(from->descriptor(), temporary, to->descriptor(), name.c_str()) == 0
          : mail::rename_where_free(from->descriptor(), temporary, to->descriptor(), name.c_str());
  if (is_placed) return {};
  const int error = errno;
  const auto full = item.target->full(item.path);
  if (error == EEXIST)
    return fail(Errc::conflict, fmt::format("{}: appeared meanwhile; run it again", full));
  errno = error;
  return fail_errno(full, "cannot rename the temporary");
}

}  // namespace

Batch::Batch(System& system, Owner owner, DeliveryLog* log, Written written)
    : system_(system), owner_(owner), log_(log), written_(std::move(written)) {}

std::map<std::string, Error> Batch::take_failures() { return std::exchange(failures_, {}); }

Status Batch::add(Item item) {
  // Items come mailbox by mailbox, so that a target that is not the last one's is a new one.
  const bool is_new_target = items_.empty() || items_.back().target != item.target;
  built_bytes_ += item.size;
  if (written_) written_(item.is_message ? 1 : 0, item.size);
  items_.push_back(std::move(item));
  if (is_new_target) ++targets_;
  // Each limit bounds something that a batch holds: names and records, space for temporaries, open
  // directories.
  if (items_.size() >= k_most_files || built_bytes_ >= k_most_bytes || targets_ >= k_most_targets)
    return flush();
  return {};
}

Status Batch::add(Move move) {
  moves_.push_back(std::move(move));
  return moves_.size() < k_most_files ? Status() : flush();
}

Status Batch::note(const DeliveryLog::Record& record) {
  if (log_ == nullptr) return {};
  records_.push_back(record);
  return records_.size() < k_most_files ? Status() : flush();
}

/// Removes temporaries that cannot be placed, so that they do not fill a disk that is full.
void Batch::drop_built() {
  const ActingAs acting(owner_.uid, owner_.gid);
  for (const auto& item : items_) {
    const auto place = item.target->directory(item.build_in);
    if (place) unlinkat((*place)->descriptor(), item.temporary.c_str(), 0);
  }
  items_.clear();
  built_bytes_ = 0;
  targets_ = 0;
}

/// Nothing is renamed before all of it is on the disk and in the log. If one of both fails, the
/// disk is full or dying, and what was built would only take room.
Status Batch::flush() {
  if (items_.empty() && records_.empty() && moves_.empty()) return {};
  auto status = sync();
  if (status) status = announce();
  if (!status) {
    drop_built();
    return status;
  }
  drop_quota_counters();
  VSTATE_TRY(make_moves(std::exchange(moves_, {})));
  return place_all();
}

/// One syncfs costs less than a fsync for each of some thousand small files.
Status Batch::sync() {
  if (!kernel_has(KernelCall::syncfs)) return sync_each();
  std::set<dev_t> synced;
  const mail::Target* last = nullptr;
  for (const auto& item : items_) {
    struct stat st {};
    if (std::exchange(last, item.target.get()) == item.target.get()) continue;
    if (fstat(item.target->root().descriptor(), &st) != 0 || !synced.insert(st.st_dev).second)
      continue;
    if (syncfs(item.target->root().descriptor()) != 0)
      return fail_errno(item.target->path(), "cannot write to the disk");
  }
  return {};
}

/// sync(2) brings all to the disk at once, so that little is left for the calls that follow; but
/// only those tell that something could not be written.
Status Batch::sync_each() {
  if (items_.empty()) return {};
  ::sync();
  const ActingAs acting(owner_.uid, owner_.gid);
  mail::SharedDirectory last;
  for (const auto& item : items_) {
    VSTATE_TRY_ASSIGN(const auto place, item.target->directory(item.build_in));
    const auto sync_one = [&](const char* name, int flags) {
      const Handle file(openat(place->descriptor(), name, O_RDONLY | O_CLOEXEC | flags));
      // Whoever removed it learns at the rename that it is gone.
      return file.is_open() ? fsync(file.get()) == 0 : errno == ENOENT;
    };
    if (!sync_one(item.temporary.c_str(), O_NOFOLLOW | O_NONBLOCK) ||
        (std::exchange(last, place) != place && !sync_one(".", O_DIRECTORY)))
      return fail_errno(item.target->full(item.path), "cannot write to the disk");
  }
  return {};
}

/// In one transaction. Files of a mailbox that nothing is remembered of (box 0) need no
/// announcement: the next run finds them by looking.
Status Batch::announce() {
  if (log_ == nullptr) return {};
  auto records = std::exchange(records_, {});
  for (const auto& item : items_)
    if (item.record.box != 0) records.push_back(item.record);
  for (const auto& move : moves_)
    records.push_back({.box = move.box,
                       .key = move.key,
                       .state = move.after,
                       .kind = DeliveryLog::Kind::change,
                       .from = state_of_message(move.from)});
  return log_->record(records);
}

/// A file that cannot be placed spoils its mailbox alone; only an error that ends the run stops the
/// others, which are then not in the log either.
Status Batch::place_all() {
  const auto items = std::exchange(items_, {});
  built_bytes_ = 0;
  targets_ = 0;
  std::vector<const Item*> unplaced;
  Status ended;
  {
    const ActingAs acting(owner_.uid, owner_.gid);
    for (const auto& item : items) {
      auto status = ended;
      if (status) {
        VSTATE_TRY(system_.before_step("deliver", item.target->full(item.path)));
        status = place(item);
      }
      if (status) continue;
      unplaced.push_back(&item);
      if (status.error().ends_run())
        ended = status;
      else
        failures_.emplace(item.label, status.error());
    }
  }
  // The log is not the owner's.
  VSTATE_TRY(withdraw(unplaced));
  return ended;
}

/// A run that is killed between its renames and the new counter must leave none rather than one
/// that counts too little: vpopmail's library and Dovecot count anew where there is none.
void Batch::drop_quota_counters() {
  const ActingAs acting(owner_.uid, owner_.gid);
  std::set<const mail::Target*> done;
  const auto drop = [&](mail::Target& target) {
    if (!done.insert(&target).second) return;
    if (const auto maildir = target.directory("Maildir"))
      unlinkat((*maildir)->descriptor(), "maildirsize", 0);
  };
  for (const auto& item : items_)
    if (item.is_message) drop(*item.target);
  for (const auto& move : moves_) drop(*move.target);
}

/// A move that was announced and not made is taken back in the log, so that the next pass does not
/// look for a trace of it.
Status Batch::make_moves(const std::vector<Move>& moves) {
  std::vector<DeliveryLog::Record> unmade;
  Status status;
  for (const auto& move : moves) {
    status = make(move);
    if (status) continue;
    if (status.error().code == Errc::interrupted) return status;
    unmade.push_back({.box = move.box, .key = move.key, .state = move.before});
    if (status.error().ends_run()) break;
    // A reader was quicker; the next pass looks again.
    if (status.error().code != Errc::not_found) failures_.emplace(move.label, status.error());
    status = {};
  }
  if (log_ != nullptr && !unmade.empty()) VSTATE_TRY(log_->record(unmade));
  return status;
}

Status Batch::make(const Move& move) {
  const auto shown = move.target->full(move.to.empty() ? move.from : move.to);
  VSTATE_TRY(system_.before_step("deliver", shown));
  const ActingAs acting(owner_.uid, owner_.gid);
  VSTATE_TRY_ASSIGN(const auto from, move.target->directory(path_parent(move.from)));
  const std::string name(path_name(move.from));
  if (move.to.empty()) {
    if (unlinkat(from->descriptor(), name.c_str(), 0) != 0)
      return fail_errno(shown, "cannot delete");
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto to, move.target->directory(path_parent(move.to)));
  // Where the name is taken, its owner has done the same.
  const std::string new_name(path_name(move.to));
  const bool is_renamed =
      mail::move_where_free(from->descriptor(), name.c_str(), to->descriptor(), new_name.c_str());
  if (!is_renamed && errno != EEXIST) return fail_errno(shown, "cannot rename");
  return {};
}

/// The log then says again what it said before, and the next pass delivers the files anew. As long
/// as it does not, the temporaries say the same.
Status Batch::withdraw(const std::vector<const Item*>& items) {
  std::vector<DeliveryLog::Record> restored, withdrawn;
  for (const auto* item : items) {
    const auto& record = item->record;
    if (record.box == 0) continue;
    if (item->before)
      restored.push_back({.box = record.box, .key = record.key, .state = *item->before});
    else
      withdrawn.push_back(record);
  }
  if (log_ != nullptr && !restored.empty()) VSTATE_TRY(log_->record(restored));
  if (log_ != nullptr && !withdrawn.empty()) VSTATE_TRY(log_->withdraw(withdrawn));
  const ActingAs acting(owner_.uid, owner_.gid);
  for (const auto* item : items)
    if (const auto place = item->target->directory(item->build_in))
      unlinkat((*place)->descriptor(), item->temporary.c_str(), 0);
  return {};
}

}  // namespace vstate
