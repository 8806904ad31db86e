// What is no message: files and links.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "receiver_impl.h"
#include "vstate/base/digest.h"
#include "vstate/format/maildir_name.h"

namespace vstate {

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
                                         target_->full(entry.path)));
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

}  // namespace vstate
