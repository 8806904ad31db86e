#include "delivery/receive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/receiver.h"
#include "format/maildir_name.h"

namespace vstate {

/// Which messages are here is asked only once something is not remembered.
Status Receiver::Impl::prepare_index() {
  if (index_) return {};
  index_.emplace();
  locator_.emplace(*target_, folders_);
  return index_->build(*target_, folders_,
                       options_.reserved == nullptr ? nullptr : &options_.reserved->others);
}

Receiver::Impl::Identity Receiver::Impl::identify(const mail::MessagePath& message) {
  Identity identity;
  identity.name = key_of_message(message.unique);
  if (std::binary_search(repeated.begin(), repeated.end(), identity.name))
    identity.key = key_in_folder(message.folder, message.unique);
  else
    identity.key = keys_.of(message, identity.name);
  identity.is_scoped = identity.key != identity.name;
  return identity;
}

/// A message that was announced, and that nobody has seen in its place since, was not deleted by
/// its owner: it comes again.
Result<bool> Receiver::Impl::is_remembered(const MemoryEntry& entry, const NameHash& name) {
  if ((entry.state.marks & k_mark_gone) != 0) return false;
  if (entry.pending == 0) return true;
  VSTATE_TRY(prepare_index());
  if (index_->is_unfinished(entry.key)) return false;
  if (index_->find(name).empty()) return false;
  VSTATE_TRY(note(entry.key, entry.state));  // certain from now on
  return true;
}

Status Receiver::Impl::note(const NameHash& key, const EntryState& state) {
  memory_.set_state(key, state);
  if (memory_.number() == 0) return {};
  return batch_.note({memory_.number(), key, state, false});
}

Result<bool> Receiver::Impl::wants_message(const std::string& path) {
  const auto message = mail::as_message(path);
  VSTATE_ASSERT(message);
  const auto identity = identify(*message);
  asked_.emplace(path, identity);
  const auto* entry = memory_.find(identity.key);
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
  bool is_there = false;
  if (found) {
    VSTATE_TRY_ASSIGN(is_there, target_->is_directory(path, *found));
  }
  if (found && !is_there) {
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

Status Receiver::Impl::take(const TreeEntry& entry, Content& content) {
  if (options_.reserved != nullptr && options_.reserved->keeps(entry.path)) {
    count.refused.push_back(fmt::format("{}: {}", entry.path, k_kept_refusal));
    return {};
  }
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
  if (path_name(entry.path) == mail::k_keywords) return take_keywords(entry, content);
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
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(system, directory));
  if (!target) {
    VSTATE_TRY(system.make_directory(directory, {owner.uid, owner.gid, 0700}));
    VSTATE_TRY_ASSIGN(target, mail::Target::open(system, directory));
    if (!target) return fail(Errc::not_found, fmt::format("{}: vanished", directory));
  }
  auto impl = std::make_unique<Impl>(system, std::make_shared<mail::Target>(*std::move(target)),
                                     owner, options, memory, batch, std::move(label));
  VSTATE_TRY(impl->settle_announced());
  return std::unique_ptr<Receiver>(new Receiver(std::move(impl)));
}

void Receiver::expect_repeated(std::vector<NameHash> names) { impl_->repeated = std::move(names); }

Result<bool> Receiver::wants_message(const std::string& path) {
  const auto here = impl_->path_here(path);
  return impl_->wants_message(here ? *here : path);
}

bool Receiver::wants_file(const std::string& path, std::uint64_t stamp) {
  const auto here = impl_->path_here(path);
  return impl_->wants_file(here ? *here : path, stamp);
}

Status Receiver::take(const TreeEntry& entry, Content& content) {
  auto here = impl_->path_here(entry.path);
  if (!here) return impl_->take(entry, content);
  TreeEntry renamed = entry;
  renamed.path = *std::move(here);
  return impl_->take(renamed, content);
}

Status Receiver::restate(const NameHash& key, const std::string& path) {
  const auto here = impl_->path_here(path);
  return impl_->restate(key, here ? *here : path);
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
const MailMemory& Receiver::memory() const { return impl_->memory(); }

}  // namespace vstate
