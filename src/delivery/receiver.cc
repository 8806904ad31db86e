// What comes is judged and built at once, since a stream cannot be read twice. Only what depends on
// the rest waits until the end: links, which may lead to what comes later; names with keyword
// letters; files that tell of UIDs; and what is gone. An error leaves what was built as
// temporaries, which the next pass takes up.

#include "delivery/receiver.h"

#include <fmt/format.h>

#include "archive/chain.h"
#include "archive/entry_content.h"
#include "maildir/names.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {

/// Bytes that were read already.
class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  Status read(const Sink& sink) override { return sink(text_); }

 private:
  std::string text_;
};

}  // namespace

Receiver::Receiver(mail::Delivery delivery, const ReceiveOptions& options)
    : delivery_(std::move(delivery)),
      judge_(delivery_.target.get(), delivery_.memory, options.rules),
      builder_(delivery_, judge_),
      keywords_(delivery_),
      changes_(delivery_, judge_, builder_, keywords_, options.changes) {}

Result<std::unique_ptr<Receiver>> Receiver::open(System& system, const Destination& destination,
                                                 const ReceiveOptions& options, MailMemory& memory,
                                                 Batch& batch) {
  const auto& [directory, owner, label] = destination;
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(system, directory));
  if (!target) {
    VSTATE_TRY(system.make_directory(directory, {owner.uid, owner.gid, 0700}));
    // The directory is opened again, so that what is used is what stands there and no path.
    VSTATE_TRY_ASSIGN(target, mail::Target::open(system, directory));
    if (!target) return fail(Errc::not_found, fmt::format("{}: vanished", directory));
  }
  mail::Delivery delivery{.system = system,
                          .target = std::make_shared<mail::Target>(*std::move(target)),
                          .owner = owner,
                          .label = label,
                          .memory = memory,
                          .batch = batch};
  std::unique_ptr<Receiver> receiver(new Receiver(std::move(delivery), options));
  // Before anything is judged it must be known which changes of a stopped pass were made: otherwise
  // they would look like the owner's.
  VSTATE_TRY(settle_announced(receiver->judge_.messages(), memory,
                              [&](const NameHash& key, const EntryState& state) {
                                return receiver->delivery_.note(key, state);
                              }));
  return receiver;
}

Result<bool> Receiver::wants_message(const std::string& path) {
  return wants_here(judge_.path_here(path), false);
}

/// The identity is kept for `take`, which follows if the message is wanted: to ask twice would make
/// the second message of the name of it.
Result<bool> Receiver::wants_here(const std::string& path, bool is_scoped) {
  const auto message = mail::as_message(path);
  VSTATE_ASSERT(message);
  const auto identity = judge_.identify(*message, is_scoped);
  VSTATE_TRY_ASSIGN(const auto before, judge_.remembered(identity));
  if (!before) {
    asked_.insert_or_assign(path, identity);
    return true;
  }
  // A stopped pass placed it and did not come to say so.
  if (before->is_announced) VSTATE_TRY(delivery_.note(identity.key, before->state));
  const auto now = state_of_message(path);
  // This is the usual end of a repeated pass: nothing at the source has changed, and the message is
  // not looked at.
  if (before->state == now) return false;
  judge_.departures().expect(identity.key, before->state, now);
  VSTATE_TRY(
      changes_.restate({.key = identity.key, .path = path, .before = before->state, .now = now}));
  return false;
}

bool Receiver::wants_file(const std::string& path, std::uint64_t stamp) {
  const auto* entry = delivery_.memory.mark_seen(key_of_file(judge_.path_here(path)));
  // A stamp of 0 says that the source cannot tell, and an announced file is not certain to be here.
  return entry == nullptr || entry->pending != 0 || stamp == 0 || entry->state.marks != stamp;
}

Status Receiver::take(const TreeEntry& entry, Content& content) {
  auto here = judge_.path_here(entry.path);
  if (here == entry.path) return take_here(entry, content);
  TreeEntry renamed = entry;
  renamed.path = std::move(here);
  return take_here(renamed, content);
}

Status Receiver::take_here(const TreeEntry& entry, Content& content) {
  if (auto refusal = judge_.refusal_of(entry); !refusal.empty()) {
    delivery_.count.refused.push_back(std::move(refusal));
    return {};
  }
  // A link comes last, since it may lead to what is not there yet.
  if (entry.kind == EntryKind::link) {
    links_.push_back(entry);
    return {};
  }
  const bool is_file = entry.kind == EntryKind::regular;
  const auto directory = is_file ? std::string(path_parent(entry.path)) : entry.path;
  VSTATE_TRY_ASSIGN(const bool has_place,
                    builder_.make_directory(directory, is_file ? 0700 : entry.mode));
  if (!has_place || !is_file) return {};
  if (path_name(entry.path) == mail::k_keywords) return take_keywords(entry, content);
  if (mail::as_message(entry.path)) return take_message(entry, content);
  VSTATE_TRY(take_file(entry, content));
  return {};
}

Status Receiver::take_message(const TreeEntry& entry, Content& content) {
  // An archive offers without asking first; a walk of this machine has asked already.
  if (!asked_.contains(entry.path)) {
    VSTATE_TRY_ASSIGN(const bool is_wanted, wants_here(entry.path, entry.is_scoped));
    if (!is_wanted) return {};
  }
  const auto identity = asked_.extract(entry.path).mapped();
  VSTATE_TRY_ASSIGN(const auto verdict, judge_.message(entry, identity));
  // Its bytes come once, and whether its place is free is known at the end.
  if (verdict == mail::Verdict::there && entry.is_scoped &&
      mail::is_contested(delivery_.memory, *mail::as_message(entry.path), identity))
    return builder_.contested(entry, content, identity);
  // It is here by another way, a backup or an earlier copy; from now on it is remembered.
  if (verdict == mail::Verdict::there)
    return delivery_.note(identity.key, state_of_message(entry.path));
  if (verdict == mail::Verdict::place) return builder_.message(entry, content, identity.key);
  if (verdict == mail::Verdict::variant) return builder_.variant(entry, content);
  return {};
}

/// Returns what became of the file.
Result<mail::Verdict> Receiver::take_file(const TreeEntry& entry, Content& content) {
  VSTATE_TRY_ASSIGN(const auto judgement, judge_.file(entry));
  auto verdict = judgement.verdict;
  if (verdict == mail::Verdict::place || verdict == mail::Verdict::replace)
    return builder_.file(entry, content, judgement);
  if (verdict == mail::Verdict::blocked) delivery_.count.refused.push_back(judgement.refusal);
  if (verdict != mail::Verdict::keep) return verdict;
  EntryState state{0, entry.stamp};
  // A file of other origin may still have the same bytes, and then it is nobody's change.
  if (judgement.here) {
    Sha256 digest;
    VSTATE_TRY(content.read([&](std::string_view part) -> Status {
      digest.update(part);
      return {};
    }));
    state.place = short_digest_of(digest);
    verdict = judgement.given(state.place);
  }
  if (verdict == mail::Verdict::keep)
    delivery_.count.kept.push_back(entry.path);
  else
    VSTATE_TRY(delivery_.note(key_of_file(entry.path), state));
  return verdict;
}

/// The file is delivered like all others, and read for what it says besides.
Status Receiver::take_keywords(const TreeEntry& entry, Content& content) {
  std::string text;
  VSTATE_TRY(content.read([&](std::string_view part) -> Status {
    text.append(part);
    return {};
  }));
  const std::string folder(path_parent(entry.path));
  keywords_.set_source(folder, text);
  // Its bytes can be read once, and were.
  TextContent again(text);
  TreeEntry unstamped = entry;
  unstamped.stamp = 0;  // asked for in each pass: what it says is needed whether it is new or not
  VSTATE_TRY_ASSIGN(const auto verdict, take_file(unstamped, again));
  const bool becomes_ours = verdict == mail::Verdict::place || verdict == mail::Verdict::replace;
  const auto parent =
      becomes_ours ? Result<mail::SharedDirectory>() : delivery_.target->directory(folder);
  if (becomes_ours || !parent) return {};
  VSTATE_TRY_ASSIGN(const auto here, mail::read_small(**parent, std::string(mail::k_keywords),
                                                      delivery_.target->full(entry.path)));
  if (here && *here != text) keywords_.set_target(folder, *here);
  return {};
}

Status Receiver::place_link(const TreeEntry& link) {
  VSTATE_TRY_ASSIGN(const bool has_parents,
                    builder_.make_directory(std::string(path_parent(link.path))));
  if (!has_parents) return {};
  VSTATE_TRY_ASSIGN(const auto judgement, judge_.link(link));
  switch (judgement.verdict) {
    case mail::Verdict::place:
    case mail::Verdict::replace:
      return builder_.link(link);
    case mail::Verdict::keep:
      delivery_.count.kept.push_back(link.path);
      return {};
    case mail::Verdict::blocked:
      delivery_.count.refused.push_back(judgement.refusal);
      return {};
    default:
      return {};
  }
}

Status Receiver::restate(const NameHash& key, const std::string& path) {
  auto here = judge_.path_here(path);
  // The path comes out of a stream or an increment and is not to be trusted.
  if (!mail::as_message(here))
    return fail(Errc::invalid, fmt::format("{}: is no message's path", here));
  const auto before = judge_.restated(key, here);
  if (!before) return {};
  const auto now = state_of_message(here);
  judge_.departures().expect(key, *before, now);
  return changes_.restate({.key = key, .path = std::move(here), .before = *before, .now = now});
}

Status Receiver::forget(const NameHash& key) {
  changes_.forget(key);
  return {};
}

Status Receiver::forget_unseen() {
  changes_.forget_unseen();
  return {};
}

Status Receiver::finish() {
  // Messages that were kept open come first: the steps behind look at what is here.
  VSTATE_TRY(builder_.build_queued());
  VSTATE_TRY(changes_.remove_merged_keywords(is_whole_));
  for (const auto& link : links_) VSTATE_TRY(place_link(link));
  // Whatever says what a letter means has come by now.
  keywords_.complete();
  VSTATE_TRY(changes_.restate_waiting());
  VSTATE_TRY(builder_.settle_contested());
  VSTATE_TRY(builder_.hand_over_late(keywords_));
  // Deletions come when all that is to be kept is built, so a pass that fails before has deleted
  // nothing.
  VSTATE_TRY(changes_.finish());
  VSTATE_TRY(mail::remove_left_over(delivery_, judge_.messages()));
  // This is told at the end, so that one obstacle holds up only what lies below it.
  for (const auto& [directory, state] : judge_.directories())
    if (state == mail::Judge::Directory::blocked)
      return fail(Errc::conflict,
                  fmt::format("{}: a link or a file here, and a directory at the source; what is "
                              "below it was not delivered; move it away and run it again",
                              delivery_.target->full(directory)));
  return {};
}

Status receive_archive(Receiver& receiver, const ArchiveFiles& archive, const std::string& checked,
                       ExtractLimits limits) {
  const auto* memory = archive.continues() ? &receiver.memory() : nullptr;
  VSTATE_TRY_ASSIGN(auto reader,
                    mail::Chain::open(archive, limits, mail::Chain::Digests::none, memory));
  // The comparison has read the whole archive and found it sound; another file was never checked.
  if (reader.identity() != checked)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive.paths().front()));
  mail::EntryContent content(reader);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    VSTATE_TRY(receiver.take(reader.entry(), content));
  }
  // What increments tell of messages whose archives were left out.
  for (const auto& [key, path] : reader.earlier())
    VSTATE_TRY(path.empty() ? receiver.forget(key) : receiver.restate(key, path));
  // An archive from its beginning holds all that the source has; increments alone do not.
  if (!archive.continues()) receiver.expect_no_more();
  return receiver.finish();
}

}  // namespace vstate
