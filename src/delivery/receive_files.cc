// What is no message: files and links.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/judge.h"
#include "delivery/receiver.h"
#include "format/maildir_name.h"
#include "vstate/base/digest.h"

namespace vstate {

Status Receiver::Impl::take_file(const TreeEntry& entry, Content& content) {
  const auto key = key_of_file(entry.path);
  const auto* known = memory_.find(key);
  Order order;
  order.path = entry.path;
  order.key = key;
  order.state.marks = entry.stamp;
  if (known != nullptr && known->pending == 0) order.before = known->state;
  order.is_late = is_uid_file(path_name(entry.path));
  VSTATE_TRY_ASSIGN(const auto judgement,
                    mail::judge_file(*target_, entry.path, known, options_.on_difference));
  switch (judgement.verdict) {
    case mail::Verdict::place:
      return build(entry, content, std::move(order), false);
    case mail::Verdict::deleted:
      return {};
    case mail::Verdict::blocked:
      count.refused.push_back(fmt::format("{}: a directory is in the way of the file", entry.path));
      return {};
    case mail::Verdict::replace:
      order.is_replacing = true;
      if (judgement.is_in_step) {
        order.replaces = judgement.here;
        // Whatever a stopped run announced: if this one is withdrawn, what is here is still ours.
        if (!order.before) order.before = EntryState{*judgement.here, 0};
      }
      return build(entry, content, std::move(order), false);
    case mail::Verdict::keep:
      break;
  }
  Sha256 sha;
  const std::function<void(std::string_view)> sink = [&](std::string_view part) {
    sha.update(part);
  };
  VSTATE_TRY(content.copy_to(-1, &sink));
  order.state.place = short_digest_of(sha);
  if (judgement.here == order.state.place) return note(key, order.state);
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
  const auto key = key_of_file(link.path);
  const EntryState state{mail::digest_of_link(link.target), 0};
  VSTATE_TRY_ASSIGN(const auto judgement, mail::judge_file(*target_, link.path, memory_.find(key),
                                                           options_.on_difference));
  if (judgement.verdict == mail::Verdict::deleted || judgement.here == state.place) return {};
  if (judgement.verdict == mail::Verdict::blocked) {
    count.refused.push_back(fmt::format("{}: a directory is in the way of the link", link.path));
    return {};
  }
  if (judgement.verdict == mail::Verdict::keep) {
    count.kept.push_back(link.path);
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(link.path)));
  const int place = parent->get();
  const std::string name(path_name(link.path));
  VSTATE_TRY(step(link.path));
  const std::string temporary(path_name(temporary_of(link.path)));
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
