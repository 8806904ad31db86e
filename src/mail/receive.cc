#include "vstate/mail/receive.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "batch_impl.h"
#include "names_impl.h"
#include "target_impl.h"
#include "vstate/base/digest.h"
#include "vstate/format/maildir_name.h"
#include "vstate/format/uid_files.h"
#include "vstate/mail/convert.h"
#include "vstate/sys/handle.h"

namespace vstate {

namespace {

using mail::Located;
using mail::Target;

constexpr std::size_t k_most_compared = std::size_t{64} << 20;
constexpr std::size_t k_most_queued = 64;

struct HashOfHash {
  std::size_t operator()(const NameHash& hash) const { return hash.low; }
};
using HashSet = std::unordered_set<NameHash, HashOfHash>;

constexpr std::string_view k_keywords = "dovecot-keywords";

bool has_letters(std::uint64_t marks) { return (marks & k_marks_of_letters) != 0; }

/// Bytes that were read already.
class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  Status copy_to(int file, const std::function<void(std::string_view)>* sink) override {
    if (sink != nullptr) (*sink)(text_);
    return file < 0 ? Status() : mail::write_all(file, text_, k_keywords);
  }

 private:
  std::string text_;
};

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

bool may_not_copy(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
         error == EPERM;
}

}  // namespace

Status FileContent::copy_to(int file, const std::function<void(std::string_view)>* sink) {
  // What this machine's file systems cannot do is tried once.
  static thread_local bool can_copy = true;
  std::uint64_t left = size_;
  while (sink == nullptr && can_copy && left > 0) {
    const auto count = copy_file_range(file_.get(), nullptr, file, nullptr, left, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && may_not_copy(errno)) {
      can_copy = left == size_ ? false : can_copy;
      break;
    }
    if (count < 0) return fail_errno(path_, "cannot copy");
    if (count == 0) break;  // it became shorter
    left -= static_cast<std::uint64_t>(count);
  }
  thread_local std::vector<char> buffer(std::size_t{256} << 10U);
  while (left > 0) {
    const auto count =
        ::read(file_.get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path_, "cannot read");
    if (count == 0) break;
    const std::string_view part(buffer.data(), static_cast<std::size_t>(count));
    if (sink != nullptr) (*sink)(part);
    if (file >= 0) VSTATE_TRY(mail::write_all(file, part, path_));
    left -= part.size();
  }
  if (left > 0)
    return fail(Errc::conflict,
                fmt::format("{}: became shorter while it was read; run it again", path_));
  return {};
}

std::unique_ptr<Content> FileContent::keep() {
  return std::make_unique<FileContent>(std::move(file_), size_, path_);
}

class Receiver::Impl {
 public:
  Impl(System& system, std::shared_ptr<Target> target, Owner owner, const ReceiveOptions& options,
       MailMemory& memory, Batch& batch, std::string label)
      : system_(system),
        target_(std::move(target)),
        owner_(owner),
        options_(options),
        memory_(memory),
        batch_(batch),
        label_(std::move(label)) {}

  Result<bool> wants_message(const std::string& path);
  bool wants_file(const std::string& path, std::uint64_t stamp);
  Status take(const TreeEntry&, Content&);
  Status restate(const NameHash&, const std::string& path);
  Status forget(const NameHash&);
  Status finish();
  Status settle_announced();

  /// Where an entry of the source stands here.
  [[nodiscard]] std::string path_here(const std::string& path) const {
    return options_.to_dovecot ? with_dovecot_folder(path) : path;
  }

  std::vector<NameHash> repeated;
  ReceiveCount count;
  bool is_whole = false;  ///< all that the source has was seen
  MailMemory& memory() { return memory_; }

 private:
  /// Under what a message is remembered, and whether it counts only within its folder.
  struct Identity {
    NameHash name, key;
    bool is_scoped = false;
  };
  /// What is done with a file that is built.
  struct Order {
    std::string path;
    bool is_message = false, is_replacing = false, is_late = false;
    std::optional<std::uint64_t> replaces;
    NameHash key;
    EntryState state;
  };

  Status step(std::string_view path) { return system_.before_step("deliver", target_->full(path)); }
  Status prepare_index();
  Identity identify(const mail::MessagePath&);
  Result<bool> is_remembered(const MemoryEntry&, const NameHash& name);
  Status note(const NameHash& key, const EntryState&);
  Result<std::optional<Located>> find_here(const Identity&, const mail::MessagePath&,
                                           const EntryState& before);
  Result<bool> make_parents(const std::string& path);
  Result<bool> make_directory(const std::string& path, unsigned mode);
  Status take_message(const TreeEntry&, Content&);
  Status take_file(const TreeEntry&, Content&);
  Status take_link(const TreeEntry&);
  Status place_link(const TreeEntry&);
  Status build(const TreeEntry&, Content&, Order, bool names_by_content);
  Status write_temporary(const TreeEntry&, Content&, const std::string& build_in,
                         const std::string& name,
                         const std::function<void(std::string_view)>* sink);
  Status hand_on(Batch::Item, bool is_late);
  Status build_queued();
  Status restate(const NameHash& key, const mail::MessagePath&, const EntryState& before,
                 const EntryState& now);
  Status take_keywords(const TreeEntry&, Content&);
  /// A file name with the source's keyword letters as the target's; the same name where both agree.
  Result<std::string> translated(const std::string& folder, const std::string& name);
  Result<std::uint64_t> translated_marks(const std::string& folder, std::uint64_t marks);
  Status finish_keywords();
  Status remove_left_over();
  Status remove_gone();
  Status remove_gone(const std::string& path, const mail::MessagePath&, HashSet& left);
  Status change(const NameHash& key, const EntryState& before, const EntryState& after,
                const std::string& from, const std::string& to);
  template <class Visit>
  Status for_each_message(Visit);
  Status remove_merged_keywords(const std::string& directory);

  System& system_;
  std::shared_ptr<Target> target_;
  Owner owner_;
  ReceiveOptions options_;
  MailMemory& memory_;
  Batch& batch_;
  std::string label_;
  mail::FolderNumbers folders_;
  std::optional<mail::TargetIndex> index_;
  std::optional<mail::Locator> locator_;
  /// Messages of this pass that were not remembered, by name: where the first one stands.
  HashSet passed_;
  std::unordered_map<NameHash, std::uint32_t, HashOfHash> placed_;
  std::optional<std::pair<std::string, Identity>> asked_;
  /// Messages that are opened at the source and not yet built here: the thread becomes their owner
  /// once for all of them.
  struct Queued {
    TreeEntry entry;
    std::unique_ptr<Content> content;
    Batch::Item item;
    bool is_late = false;
  };
  std::vector<Queued> queued_;
  std::set<std::string> known_directories_, blocked_;
  std::vector<TreeEntry> links_;
  std::vector<Batch::Item> late_;
  /// What a folder's letters mean, at the source and here; no target: both mean the same.
  struct Keywords {
    uid_files::KeywordLetters source;
    std::optional<uid_files::KeywordLetters> target;
  };
  std::map<std::string, Keywords> keywords_;
  /// Messages with letters wait until it is known what the letters mean.
  struct Waiting {
    NameHash key;
    std::string path;
    EntryState before, now;
  };
  std::vector<Waiting> waiting_;
  bool has_all_keywords_ = false;
  HashSet gone_;
};

/// Which messages are here is asked only once something is not remembered.
Status Receiver::Impl::prepare_index() {
  if (index_) return {};
  index_.emplace();
  locator_.emplace(*target_, folders_);
  VSTATE_TRY(index_->build(target_->root(), target_->path(), folders_));
  // Their temporaries are replaced or removed from here on, and one that is gone would say that its
  // message was placed and then deleted.
  std::vector<DeliveryLog::Record> unfinished;
  for (const auto& entry : memory_.entries())
    if (entry.pending != 0 && index_->is_unfinished(entry.key))
      unfinished.push_back({memory_.number(), entry.key, entry.state, true});
  return batch_.withdraw(unfinished);
}

Receiver::Impl::Identity Receiver::Impl::identify(const mail::MessagePath& message) {
  Identity identity;
  identity.name = identity.key = key_of_message(message.unique);
  const bool is_known_as_repeated =
      std::binary_search(repeated.begin(), repeated.end(), identity.name);
  identity.is_scoped =
      is_known_as_repeated || passed_.contains(identity.name) || memory_.is_seen(identity.name);
  if (identity.is_scoped) identity.key = key_in_folder(message.folder, message.unique);
  return identity;
}

/// False for one that a stopped run was about to place and has not.
Result<bool> Receiver::Impl::is_remembered(const MemoryEntry& entry, const NameHash& name) {
  if ((entry.state.marks & k_mark_gone) != 0) return false;
  if (entry.pending == 0) return true;
  VSTATE_TRY(prepare_index());
  if (index_->is_unfinished(entry.key)) return false;
  const bool is_here = !index_->find(name).empty();
  if (!is_here && microseconds_now() - entry.pending >= k_pending_microseconds) return false;
  VSTATE_TRY(note(entry.key, entry.state));  // certain from now on
  return true;
}

Status Receiver::Impl::note(const NameHash& key, const EntryState& state) {
  memory_.set_state(key, state);
  if (memory_.number() == 0) return {};
  return batch_.note({memory_.number(), key, state, false});
}

/// What the letters of a folder mean is told by a file that comes after its messages. Where the
/// target's server has given letters of its own, they mean something else there.
Status Receiver::Impl::take_keywords(const TreeEntry& entry, Content& content) {
  std::string text;
  const std::function<void(std::string_view)> sink = [&](std::string_view part) {
    text.append(part);
  };
  VSTATE_TRY(content.copy_to(-1, &sink));
  const std::string folder(path_parent(entry.path));
  auto& keywords = keywords_[folder];
  keywords.source = uid_files::parse_dovecot_keywords(text).names;
  TextContent again(text);
  TreeEntry unstamped = entry;
  unstamped.stamp = 0;  // asked for in each pass: what it says is needed whether it is new or not
  const auto before = late_.size();
  VSTATE_TRY(take_file(unstamped, again));
  const bool becomes_ours = late_.size() > before;
  const auto parent = becomes_ours ? Result<mail::SharedHandle>() : target_->directory(folder);
  if (becomes_ours || !parent) return {};
  VSTATE_TRY_ASSIGN(const auto here, mail::read_small(*(*parent), std::string(k_keywords),
                                                      target_->full(entry.path)));
  if (here && *here != text) keywords.target = uid_files::parse_dovecot_keywords(*here).names;
  return {};
}

Result<std::string> Receiver::Impl::translated(const std::string& folder, const std::string& name) {
  const auto found = keywords_.find(folder);
  if (found == keywords_.end() || !found->second.target) return name;
  uid_files::Problems left_out;
  auto target = *found->second.target;
  auto out = uid_files::translate_keywords(name, found->second.source, target, false, left_out);
  for (const auto& problem : left_out)
    count.refused.push_back(fmt::format("{}/{}: {}", folder, name, problem.what));
  return out;
}

Result<std::uint64_t> Receiver::Impl::translated_marks(const std::string& folder,
                                                       std::uint64_t marks) {
  constexpr std::uint64_t others = k_mark_new | k_mark_gone;
  VSTATE_TRY_ASSIGN(const auto name, translated(folder, "x:2," + flags_of(marks & ~others)));
  return marks_of(parse_message_name(name).flags) | (marks & others);
}

Status Receiver::Impl::finish_keywords() {
  has_all_keywords_ = true;
  for (auto& item : late_) {
    if (!item.is_message) continue;
    const auto message = *mail::as_message(item.path);
    VSTATE_TRY_ASSIGN(const auto name,
                      translated(std::string(message.folder), std::string(message.name)));
    item.path = mail::relative_join(message.directory, name);
  }
  for (const auto& waiting : std::exchange(waiting_, {}))
    VSTATE_TRY(restate(waiting.key, *mail::as_message(waiting.path), waiting.before, waiting.now));
  return {};
}

Result<bool> Receiver::Impl::wants_message(const std::string& path) {
  const auto message = mail::as_message(path);
  VSTATE_ASSERT(message);
  const auto identity = identify(*message);
  asked_.emplace(path, identity);
  const auto* entry = memory_.find(identity.key);
  if (!identity.is_scoped && entry == nullptr) passed_.insert(identity.name);
  if (entry == nullptr) return true;
  VSTATE_TRY_ASSIGN(const bool is_known, is_remembered(*entry, identity.name));
  if (!is_known) return true;
  const auto now = state_of_message(path);
  if (entry->state != now) VSTATE_TRY(restate(identity.key, *message, entry->state, now));
  return false;
}

bool Receiver::Impl::wants_file(const std::string& path, std::uint64_t stamp) {
  const auto* entry = memory_.find(key_of_file(path));
  return entry == nullptr || entry->pending != 0 || stamp == 0 || entry->state.marks != stamp;
}

Result<bool> Receiver::Impl::make_parents(const std::string& path) {
  const std::string parent(path_parent(path));
  if (parent.empty() || known_directories_.contains(parent)) return true;
  if (blocked_.contains(parent)) return false;
  return make_directory(parent, 0700);
}

/// False if something is in the way of it, which is noted once.
Result<bool> Receiver::Impl::make_directory(const std::string& path, unsigned mode) {
  if (known_directories_.contains(path)) return true;
  VSTATE_TRY_ASSIGN(const bool has_parents, make_parents(path));
  if (!has_parents) {
    blocked_.insert(path);
    return false;
  }
  VSTATE_TRY_ASSIGN(const auto found, target_->status(path));
  if (found && !S_ISDIR(found->st_mode)) {
    blocked_.insert(path);
    count.refused.push_back(
        fmt::format("{}: {} here, and a directory at the source", path,
                    S_ISLNK(found->st_mode) ? "a symbolic link" : "no directory"));
    return false;
  }
  if (!found) {
    VSTATE_TRY(step(path));
    VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(path)));
    const ActingAs acting(owner_.uid, owner_.gid);
    if (mkdirat(parent->get(), std::string(path_name(path)).c_str(), (mode & 0755U) | 0700U) != 0 &&
        errno != EEXIST)
      return fail_errno(target_->full(path), "cannot make the directory");
    ++count.files;
  }
  known_directories_.insert(path);
  return true;
}

Result<std::optional<Located>> Receiver::Impl::find_here(const Identity& identity,
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
  std::optional<Located> other;
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
  if (!has_all_keywords_ && has_letters(before.marks ^ now.marks)) {
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

/// Calls `visit(path, message)` for each message that is here.
template <class Visit>
Status Receiver::Impl::for_each_message(Visit visit) {
  for (std::uint32_t number = 0; number < folders_.size(); ++number)
    for (const std::string_view part : {"new", "cur"}) {
      const auto directory = mail::relative_join(folders_.path(number), part);
      const auto handle = target_->directory(directory);
      if (!handle) continue;
      const Handle listed(openat((*handle)->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!listed.is_open()) return fail_errno(target_->full(directory), "cannot open");
      VSTATE_TRY_ASSIGN(const auto listing,
                        mail::Listing::read(listed.get(), target_->full(directory)));
      for (std::size_t i = 0; i < listing.size(); ++i) {
        const auto path = mail::relative_join(directory, listing.name(i));
        if (const auto message = mail::as_message(path)) VSTATE_TRY(visit(path, *message));
      }
    }
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

Status Receiver::Impl::take(const TreeEntry& entry, Content& content) {
  switch (entry.kind) {
    case EntryKind::directory: {
      VSTATE_TRY_ASSIGN(const bool is_made, make_directory(entry.path, entry.mode));
      (void)is_made;
      return {};
    }
    case EntryKind::link:
      return take_link(entry);
    case EntryKind::regular:
      break;
  }
  VSTATE_TRY_ASSIGN(const bool has_parents, make_parents(entry.path));
  if (!has_parents) return {};
  if (path_name(entry.path) == k_keywords) return take_keywords(entry, content);
  return mail::as_message(entry.path) ? take_message(entry, content) : take_file(entry, content);
}

Status Receiver::Impl::take_message(const TreeEntry& entry, Content& content) {
  if (!asked_ || asked_->first != entry.path) {
    VSTATE_TRY_ASSIGN(const bool is_wanted, wants_message(entry.path));
    if (!is_wanted) return {};
  }
  const auto identity = asked_->second;
  const auto message = *mail::as_message(entry.path);
  Order order;
  order.path = entry.path;
  order.is_message = true;
  order.key = identity.key;
  order.state = state_of_message(entry.path);
  VSTATE_TRY(prepare_index());
  const auto folder = folders_.of(message.folder);
  const bool is_trusted = size_in_name(message.unique) == entry.size;
  bool has_other = false;
  for (const auto& record : index_->find(identity.name)) {
    if (identity.is_scoped && record.folder != folder) continue;
    std::optional<std::uint64_t> size;
    if (is_trusted) {
      size = entry.size;
    } else {
      VSTATE_TRY_ASSIGN(const auto found,
                        locator_->find(record.folder, message.unique, entry.path));
      if (found) size = found->size;
    }
    if (size == entry.size) return note(order.key, order.state);
    has_other = has_other || size.has_value();
  }
  // What this very pass has brought is not in the index.
  if (const auto placed = placed_.find(order.key); placed != placed_.end()) {
    if (placed->second == static_cast<std::uint32_t>(entry.size)) return {};
    has_other = true;
  }
  placed_.emplace(order.key, static_cast<std::uint32_t>(entry.size));
  return build(entry, content, std::move(order), has_other);
}

Status Receiver::Impl::take_file(const TreeEntry& entry, Content& content) {
  const auto key = key_of_file(entry.path);
  const auto* known = memory_.find(key);
  Order order;
  order.path = entry.path;
  order.key = key;
  order.state.marks = entry.stamp;
  order.is_late = is_uid_file(path_name(entry.path));
  VSTATE_TRY_ASSIGN(const auto found, target_->status(entry.path));
  if (!found) {
    // Remembered and not here: somebody here deleted it.
    if (known != nullptr && known->pending == 0) return {};
    return build(entry, content, std::move(order), false);
  }
  if (S_ISDIR(found->st_mode)) {
    count.refused.push_back(fmt::format("{}: a directory is in the way of the file", entry.path));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(entry.path)));
  VSTATE_TRY_ASSIGN(const auto here,
                    mail::digest_of_file(parent->get(), std::string(path_name(entry.path)),
                                         target_->full(entry.path), k_most_compared));
  const bool is_in_step = known != nullptr && here == known->state.place;
  if (known != nullptr ? is_in_step : options_.on_difference == OnDifference::replace) {
    order.is_replacing = true;
    if (is_in_step) order.replaces = known->state.place;
    return build(entry, content, std::move(order), false);
  }
  Sha256 sha;
  const std::function<void(std::string_view)> sink = [&](std::string_view part) {
    sha.update(part);
  };
  VSTATE_TRY(content.copy_to(-1, &sink));
  order.state.place = short_digest_of(sha);
  if (here == order.state.place) return note(key, order.state);
  count.kept.push_back(entry.path);
  return {};
}

Status Receiver::Impl::write_temporary(const TreeEntry& entry, Content& content,
                                       const std::string& build_in, const std::string& name,
                                       const std::function<void(std::string_view)>* sink) {
  VSTATE_TRY_ASSIGN(const auto place, target_->directory(build_in));
  const auto where = target_->full(entry.path);
  if (index_) index_->take_over(build_in, name);
  const bool is_message = mail::as_message(entry.path).has_value();
  const mode_t mode = is_message ? 0600U : (entry.mode & 0755U) | 0600U;
  VSTATE_TRY_ASSIGN(auto file, mail::create_temporary(place->get(), name, mode, owner_, where));
  const auto write = [&]() -> Status {
    VSTATE_TRY(content.copy_to(file.get(), sink));
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{entry.mtime, 0}};
    if (futimens(file.get(), times.data()) != 0) return fail_errno(where, "cannot set the time");
    if (!file.close()) return fail_errno(where, "cannot close");
    return {};
  };
  auto status = write();
  if (!status) {
    const ActingAs acting(owner_.uid, owner_.gid);
    unlinkat(place->get(), name.c_str(), 0);
  }
  return status;
}

/// Names of temporaries follow from the final name, so that the run after a killed one finds them.
Status Receiver::Impl::build(const TreeEntry& entry, Content& content, Order order,
                             bool names_by_content) {
  VSTATE_TRY(step(entry.path));
  Batch::Item item;
  item.target = target_;
  item.label = label_;
  item.path = order.path;
  item.size = entry.size;
  item.is_message = order.is_message;
  item.is_replacing = order.is_replacing;
  item.replaces = order.replaces;
  item.build_in = path_parent(entry.path);
  item.temporary = path_name(System::temporary_of(entry.path));
  if (order.is_message) {
    const auto folder = mail::as_message(entry.path)->folder;
    // Where every delivery agent builds; it may come later in the source, or be missing there.
    item.build_in = mail::relative_join(folder, "tmp");
    item.temporary = mail::temporary_name(names_by_content ? hash_name(entry.path) : order.key);
    VSTATE_TRY_ASSIGN(const bool has_place, make_directory(item.build_in, 0700));
    if (!has_place) return {};
  }
  Sha256 sha;
  const std::function<void(std::string_view)> sink = [&](std::string_view part) {
    sha.update(part);
  };
  const bool needs_digest = names_by_content || !order.is_message;
  if (!needs_digest) {
    item.record = {memory_.number(), order.key, order.state, true};
    const bool is_late = order.is_late || has_letters(order.state.marks);
    if (auto kept = content.keep()) {
      queued_.push_back({entry, std::move(kept), std::move(item), is_late});
      return queued_.size() < k_most_queued ? Status() : build_queued();
    }
    VSTATE_TRY(write_temporary(entry, content, item.build_in, item.temporary, nullptr));
    return hand_on(std::move(item), is_late);
  }
  VSTATE_TRY(write_temporary(entry, content, item.build_in, item.temporary, &sink));
  // Named after the name it will have, so that a run after a killed one finds it.
  const auto rename_temporary = [&](Batch::Item& built, std::string name) -> Status {
    VSTATE_TRY_ASSIGN(const auto place, target_->directory(built.build_in));
    index_->take_over(built.build_in, name);
    const ActingAs acting(owner_.uid, owner_.gid);
    if (renameat(place->get(), built.temporary.c_str(), place->get(), name.c_str()) != 0)
      return fail_errno(target_->full(entry.path), "cannot rename the temporary");
    built.temporary = std::move(name);
    return {};
  };
  const auto drop = [&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto place, target_->directory(item.build_in));
    const ActingAs acting(owner_.uid, owner_.gid);
    unlinkat(place->get(), item.temporary.c_str(), 0);
    return {};
  };
  if (names_by_content) {
    const auto message = *mail::as_message(entry.path);
    const auto unique = mail::variant_of(message.unique, sha.finish_hex());
    const auto hash = key_of_message(unique);
    const auto* known = memory_.find(hash);
    bool is_known = !index_->find(hash).empty() || placed_.contains(hash);
    if (known != nullptr && !is_known) {
      VSTATE_TRY_ASSIGN(is_known, is_remembered(*known, hash));
    }
    if (is_known) return drop();
    // From here on it is a message of its own; the name that it came with stays the other's.
    placed_.emplace(hash, static_cast<std::uint32_t>(entry.size));
    order.key = hash;
    VSTATE_TRY(rename_temporary(item, mail::temporary_name(hash)));
    item.path = mail::relative_join(
        message.directory, unique + std::string(message.name.substr(message.unique.size())));
  } else if (!order.is_message) {
    order.state.place = short_digest_of(sha);
    if (order.is_replacing) {
      VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(entry.path)));
      VSTATE_TRY_ASSIGN(const auto here,
                        mail::digest_of_file(parent->get(), std::string(path_name(entry.path)),
                                             target_->full(entry.path), k_most_compared));
      if (here == order.state.place) {
        VSTATE_TRY(drop());
        return note(order.key, order.state);
      }
    }
  }
  item.record = {memory_.number(), order.key, order.state, true};
  return hand_on(std::move(item),
                 order.is_late || (order.is_message && has_letters(order.state.marks)));
}

/// What is built waits for the batch, or for the end of this mailbox.
Status Receiver::Impl::hand_on(Batch::Item item, bool is_late) {
  ++(item.is_message ? count.messages : count.files);
  count.bytes += item.size;
  if (!is_late) return batch_.add(std::move(item));
  late_.push_back(std::move(item));
  return {};
}

Status Receiver::Impl::build_queued() {
  auto queued = std::exchange(queued_, {});
  std::size_t built = 0;
  Status status;
  {
    const ActingAs acting(owner_.uid, owner_.gid);
    for (; built < queued.size(); ++built) {
      auto& one = queued[built];
      status =
          write_temporary(one.entry, *one.content, one.item.build_in, one.item.temporary, nullptr);
      if (!status) break;
      one.content.reset();
    }
  }
  for (std::size_t i = 0; i < built; ++i)
    VSTATE_TRY(hand_on(std::move(queued[i].item), queued[i].is_late));
  return status;
}

Status Receiver::Impl::take_link(const TreeEntry& entry) {
  if (const auto why = mail::link_refusal(entry.path, entry.target); !why.empty()) {
    count.refused.push_back(fmt::format("{} -> {}: {}", entry.path, entry.target, why));
    return {};
  }
  links_.push_back(entry);
  return {};
}

Status Receiver::Impl::place_link(const TreeEntry& link) {
  VSTATE_TRY_ASSIGN(const bool has_parents, make_parents(link.path));
  if (!has_parents) return {};
  VSTATE_TRY_ASSIGN(const auto found, target_->status(link.path));
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(link.path)));
  const int place = parent->get();
  const std::string name(path_name(link.path));
  const auto key = key_of_file(link.path);
  const EntryState state{short_digest("link\n" + link.target), 0};
  const auto* known = memory_.find(key);
  if (found) {
    if (S_ISDIR(found->st_mode)) {
      count.refused.push_back(fmt::format("{}: a directory is in the way of the link", link.path));
      return {};
    }
    std::array<char, 4096> buffer{};
    const auto length = readlinkat(place, name.c_str(), buffer.data(), buffer.size());
    const std::string_view here(buffer.data(),
                                static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    if (length >= 0 && here == link.target) return {};
    const bool is_ours = known != nullptr && length >= 0 &&
                         known->state.place == short_digest("link\n" + std::string(here));
    if (!is_ours && (known != nullptr || options_.on_difference == OnDifference::keep)) {
      count.kept.push_back(link.path);
      return {};
    }
  } else if (known != nullptr && known->pending == 0) {
    return {};
  }
  VSTATE_TRY(step(link.path));
  const std::string temporary(path_name(System::temporary_of(link.path)));
  {
    const ActingAs acting(owner_.uid, owner_.gid);
    unlinkat(place, temporary.c_str(), 0);
    if (symlinkat(link.target.c_str(), place, temporary.c_str()) != 0 ||
        renameat(place, temporary.c_str(), place, name.c_str()) != 0) {
      auto failure = fail_errno(target_->full(link.path), "cannot make the link");
      unlinkat(place, temporary.c_str(), 0);
      return failure;
    }
  }
  ++count.files;
  return note(key, state);
}

/// Of messages that a stopped pass built, and that the source has no more, or elsewhere.
Status Receiver::Impl::remove_left_over() {
  if (!index_) return {};
  for (const auto& [folder, name] : index_->left_over()) {
    const auto directory = target_->directory(folder);
    if (!directory) continue;
    VSTATE_TRY(step(mail::relative_join(folder, name)));
    const ActingAs acting(owner_.uid, owner_.gid);
    if (unlinkat((*directory)->get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(target_->full(folder), "cannot remove a left-over temporary");
  }
  return {};
}

Status Receiver::Impl::remove_gone() {
  if (gone_.empty()) return {};
  VSTATE_TRY(prepare_index());
  HashSet left = gone_;
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
                                   HashSet& left) {
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

/// Courier's imapd writes the keywords of a message into a file of its own, and takes it away once
/// its list says the same. One that stays here would go on to speak for its message.
Status Receiver::Impl::remove_merged_keywords(const std::string& directory) {
  const auto handle = target_->directory(directory);
  if (!handle) return {};
  const Handle listed(openat((*handle)->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!listed.is_open()) return fail_errno(target_->full(directory), "cannot open");
  VSTATE_TRY_ASSIGN(const auto listing,
                    mail::Listing::read(listed.get(), target_->full(directory)));
  for (std::size_t i = 0; i < listing.size(); ++i) {
    const std::string name(listing.name(i));
    const auto path = path_join(directory, name);
    const auto key = key_of_file(path);
    if (!gone_.contains(key) && (!is_whole || memory_.is_seen(key))) continue;
    const auto* entry = memory_.find(key);
    if (entry == nullptr) continue;
    VSTATE_TRY_ASSIGN(const auto here, mail::digest_of_file((*handle)->get(), name,
                                                            target_->full(path), k_most_compared));
    if (here != entry->state.place) continue;  // somebody here wrote it
    VSTATE_TRY(step(path));
    const ActingAs acting(owner_.uid, owner_.gid);
    if (unlinkat((*handle)->get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(target_->full(path), "cannot delete");
  }
  return {};
}

Status Receiver::Impl::finish() {
  VSTATE_TRY(build_queued());
  if (!memory_.empty())
    for (const auto& directory : known_directories_)
      if (path_name(directory) == "courierimapkeywords")
        VSTATE_TRY(remove_merged_keywords(directory));
  for (const auto& link : links_) VSTATE_TRY(place_link(link));
  VSTATE_TRY(finish_keywords());
  // Messages first: the lists of UIDs and keywords tell of messages that are there.
  std::stable_partition(late_.begin(), late_.end(),
                        [](const Batch::Item& item) { return item.is_message; });
  for (auto& item : late_) VSTATE_TRY(batch_.add(std::move(item)));
  late_.clear();
  VSTATE_TRY(remove_gone());
  VSTATE_TRY(remove_left_over());
  if (!blocked_.empty())
    return fail(Errc::conflict,
                fmt::format("{}: a link or a file here, and a directory at the source; what is "
                            "below it was not delivered; move it away and run it again",
                            target_->full(*blocked_.begin())));
  return {};
}

Receiver::Receiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Receiver::~Receiver() = default;

Result<std::unique_ptr<Receiver>> Receiver::open(System& system, std::string directory, Owner owner,
                                                 const ReceiveOptions& options, MailMemory& memory,
                                                 Batch& batch, std::string label) {
  VSTATE_TRY_ASSIGN(auto target, Target::open(system, directory));
  if (!target) {
    VSTATE_TRY(system.make_directory(directory, {owner.uid, owner.gid, 0700}));
    VSTATE_TRY_ASSIGN(target, Target::open(system, directory));
    if (!target) return fail(Errc::not_found, fmt::format("{}: vanished", directory));
  }
  auto impl = std::make_unique<Impl>(system, std::make_shared<Target>(*std::move(target)), owner,
                                     options, memory, batch, std::move(label));
  VSTATE_TRY(impl->settle_announced());
  return std::unique_ptr<Receiver>(new Receiver(std::move(impl)));
}

void Receiver::expect_repeated(std::vector<NameHash> names) { impl_->repeated = std::move(names); }
Result<bool> Receiver::wants_message(const std::string& path) {
  return impl_->wants_message(impl_->path_here(path));
}
bool Receiver::wants_file(const std::string& path, std::uint64_t stamp) {
  return impl_->wants_file(impl_->path_here(path), stamp);
}
Status Receiver::take(const TreeEntry& entry, Content& content) {
  auto path = impl_->path_here(entry.path);
  if (path == entry.path) return impl_->take(entry, content);
  TreeEntry renamed = entry;
  renamed.path = std::move(path);
  return impl_->take(renamed, content);
}
Status Receiver::restate(const NameHash& key, const std::string& path) {
  return impl_->restate(key, impl_->path_here(path));
}
Status Receiver::forget(const NameHash& key) { return impl_->forget(key); }

Status Receiver::forget_unseen() {
  auto& memory = impl_->memory();
  for (std::size_t i = 0; i < memory.entries().size(); ++i) {
    const auto& entry = memory.entries()[i];
    if (!memory.was_seen(i) && (entry.state.marks & k_mark_gone) == 0)
      VSTATE_TRY(impl_->forget(entry.key));
  }
  return {};
}

void Receiver::expect_no_more() { impl_->is_whole = true; }
Status Receiver::finish() { return impl_->finish(); }
const ReceiveCount& Receiver::count() const { return impl_->count; }

}  // namespace vstate
