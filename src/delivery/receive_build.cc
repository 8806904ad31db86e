// Files that are written under a temporary name and wait for their place.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/receiver.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {
constexpr std::size_t k_most_queued = 64;
}  // namespace

Status Receiver::Impl::write_temporary(const TreeEntry& entry, Content& content,
                                       const std::string& build_in, const std::string& name,
                                       const std::function<void(std::string_view)>* sink) {
  VSTATE_TRY_ASSIGN(const auto place, target_->directory(build_in));
  const auto where = target_->full(entry.path);
  if (index_) index_->take_over(build_in, name);
  const bool is_message = mail::as_message(entry.path).has_value();
  const mode_t mode = is_message ? 0600U : (entry.mode & 0755U) | 0600U;
  return mail::write_temporary(place->get(), name, mode, owner_, where, [&](int file) -> Status {
    VSTATE_TRY(content.copy_to(file, sink));
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{entry.mtime, 0}};
    if (futimens(file, times.data()) != 0) return fail_errno(where, "cannot set the time");
    return {};
  });
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
  item.before = order.before;
  item.build_in = path_parent(entry.path);
  item.temporary = path_name(temporary_of(entry.path));
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
  const bool is_late = order.is_late || (order.is_message && mail::has_letters(order.state.marks));
  if (order.is_message && !names_by_content) {
    item.record = {memory_.number(), order.key, order.state, true};
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
  } else {
    order.state.place = short_digest_of(sha);
    if (order.is_replacing) {
      VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(entry.path)));
      VSTATE_TRY_ASSIGN(const auto here,
                        mail::digest_of_file(parent->get(), std::string(path_name(entry.path)),
                                             target_->full(entry.path)));
      if (here == order.state.place) {
        VSTATE_TRY(drop());
        return note(order.key, order.state);
      }
    }
  }
  item.record = {memory_.number(), order.key, order.state, true};
  return hand_on(std::move(item), is_late);
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

/// Of messages that a stopped pass built, and that the source has no more, or elsewhere.
Status Receiver::Impl::remove_left_over() {
  if (!index_) return {};
  for (const auto& [folder, name] : index_->left_over()) {
    VSTATE_TRY_ASSIGN(const auto directory, target_->directory_here(folder));
    if (!directory) continue;
    VSTATE_TRY(step(mail::relative_join(folder, name)));
    const ActingAs acting(owner_.uid, owner_.gid);
    if (unlinkat((*directory)->get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(target_->full(folder), "cannot remove a left-over temporary");
  }
  return {};
}

}  // namespace vstate
