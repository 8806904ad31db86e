// Keywords: letters that mean something else on each side.

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/receiver.h"
#include "format/maildir_name.h"

namespace vstate {

namespace {

/// Bytes that were read already.
class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  Status copy_to(int file, const std::function<void(std::string_view)>* sink) override {
    if (sink != nullptr) (*sink)(text_);
    return file < 0 ? Status() : write_all(file, text_, mail::k_keywords);
  }

 private:
  std::string text_;
};

}  // namespace

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
  VSTATE_TRY_ASSIGN(const auto here, mail::read_small(*(*parent), std::string(mail::k_keywords),
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

/// Courier's imapd writes the keywords of a message into a file of its own, and takes it away once
/// its list says the same. One that stays here would go on to speak for its message.
Status Receiver::Impl::remove_merged_keywords(const std::string& directory) {
  const auto handle = target_->directory(directory);
  if (!handle) return {};
  VSTATE_TRY_ASSIGN(const auto listing, target_->list(directory));
  for (std::size_t i = 0; listing && i < listing->size(); ++i) {
    const std::string name(listing->name(i));
    const auto path = path_join(directory, name);
    const auto key = key_of_file(path);
    if (!gone_.contains(key) && (!is_whole || memory_.is_seen(key))) continue;
    const auto* entry = memory_.find(key);
    if (entry == nullptr) continue;
    VSTATE_TRY_ASSIGN(const auto here,
                      mail::digest_of_file((*handle)->get(), name, target_->full(path)));
    if (here != entry->state.place) continue;  // somebody here wrote it
    VSTATE_TRY(step(path));
    const ActingAs acting(owner_.uid, owner_.gid);
    if (unlinkat((*handle)->get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(target_->full(path), "cannot delete");
  }
  return {};
}

}  // namespace vstate
