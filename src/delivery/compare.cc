// A comparison is the judge's word on every entry, counted: what a plan shows and what an apply
// after it does come from one piece of code.

#include "delivery/compare.h"

#include <algorithm>

#include <fmt/format.h>

#include "delivery/source_changes.h"
#include "maildir/names.h"
#include "vstate/base/digest.h"

// Whether a name stands in two folders of the archive is known at its end, and decides under which
// key each of its messages is remembered. So what the judge sees is gathered while the archive is
// read, 40 bytes a message, and decided afterwards; the receiver is told the outcome, and decides
// at once.

namespace vstate::mail {

namespace {

/// More than any mailbox has: an archive with so many is made to take all memory.
constexpr std::size_t k_most_files = 5'000'000;

}  // namespace

Result<Comparison> Comparer::run(Chain::Digests digests) {
  VSTATE_TRY(read_all(digests));
  settle_messages();
  VSTATE_TRY(settle_variants());
  // As the receiver does: a link may lead to what comes after it.
  for (const auto& link : links_) VSTATE_TRY(take_link(link));
  note_left_over();
  return std::move(out_);
}

Result<Chain> Comparer::open(Chain::Digests digests) const {
  return Chain::open(archive_, limits_, digests, archive_.continues() ? &memory_ : nullptr);
}

Status Comparer::read_all(Chain::Digests digests) {
  VSTATE_TRY_ASSIGN(auto reader, open(digests));
  out_.status.identity = reader.identity();
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    // One flag for each entry, in the archive's order, is what ties the outcome to a second
    // reading.
    out_.missing.push_back(false);
    VSTATE_TRY(take(reader));
  }
  // Increments whose archives are not read tell of messages that came before.
  for (const auto& [key, path] : reader.earlier())
    if (!path.empty() && judge_.restated(key, judge_.path_here(path)))
      ++out_.status.messages_changed;
  out_.hard_links = reader.hard_links();
  out_.status.digests = reader.digests();
  return {};
}

Status Comparer::take(Chain& reader) {
  const auto& entry = reader.entry();
  reader.rename(judge_.path_here(entry.path));
  // Such files make the plan say that their numbers could be converted for Dovecot.
  if (entry.kind == EntryKind::regular && path_name(entry.path).starts_with("courier") &&
      entry.path.starts_with("Maildir/"))
    out_.status.has_courier_files = true;
  VSTATE_TRY(check_path(entry));
  if (auto refusal = judge_.refusal_of(entry); !refusal.empty()) {
    out_.status.refused.push_back(std::move(refusal));
    return {};
  }
  const bool is_directory = entry.kind == EntryKind::directory;
  const auto directory = is_directory ? entry.path : std::string(path_parent(entry.path));
  // A directory may come after what is in it, or be missing in a foreign tar; the way to it counts
  // once.
  VSTATE_TRY_ASSIGN(const auto way, judge_.way_to(directory));
  out_.status.files_missing += way.missing.size();
  if (!way.refusal.empty()) out_.status.refused.push_back(way.refusal);
  if (entry.is_message) return take_message(entry);
  if (entry.kind == EntryKind::regular) return take_file(reader);
  if (!is_directory) {
    links_.push_back({entry, entry.number});
    return {};
  }
  const auto state = judge_.directories().at(directory);
  out_.missing[entry.number] = state == Judge::Directory::missing;
  if (state == Judge::Directory::blocked) out_.blocked.insert(entry.number);
  return {};
}

/// What holds a file twice, or more than anybody has, is no archive of a mailbox.
Status Comparer::check_path(const ReadEntry& entry) {
  const auto& archive = archive_.paths().front();
  if (judge_.directories().size() > k_most_files)
    return fail(Errc::invalid, fmt::format("{}: more than {} directories", archive, k_most_files));
  if (entry.is_message || entry.kind == EntryKind::directory) return {};
  if (!files_.insert(hash_name(entry.path)).second)
    return fail(Errc::invalid,
                fmt::format("{}: entry \"{}\": it is there twice", archive, entry.path));
  if (files_.size() > k_most_files)
    return fail(Errc::invalid,
                fmt::format("{}: more than {} files that are no messages", archive, k_most_files));
  return {};
}

/// As the receiver identifies a message whose name stands in one folder of the archive.
MessageIdentity Comparer::identify_single(const ReadEntry& entry, const MessagePath& path,
                                          const NameHash& name) {
  if (entry.is_scoped) return judge_.identify(path, true);
  const auto scoped = remembered_in_folder(memory_, path, name);
  return {.name = name, .key = scoped.value_or(name), .is_scoped = scoped.has_value()};
}

Status Comparer::take_message(const ReadEntry& entry) {
  const auto path = *as_message(entry.path);
  const auto name = key_of_message(path.unique);
  const auto single = identify_single(entry, path, name);
  Message message{.name = name, .size = entry.size, .number = entry.number};
  message.folder = judge_.messages().folders().of(path.folder);
  if (!memory_.empty()) {
    // Both are asked now, while the name is at hand: only its hash is kept.
    const auto now = state_of_message(entry.path);
    const auto repeated = entry.is_scoped ? single : judge_.identify_repeated(path, name);
    VSTATE_TRY_ASSIGN(message.if_single, standing(single, now));
    VSTATE_TRY_ASSIGN(message.if_repeated, standing(repeated, now));
  }
  VSTATE_TRY_ASSIGN(const auto sightings, judge_.sightings(entry, single));
  // What stands in its place leaves it, as the end of the archive says.
  message.sightings =
      is_contested(memory_, path, single) ? 0 : static_cast<std::uint8_t>(sightings);
  messages_.push_back(message);
  return {};
}

Result<Comparer::Message::Standing> Comparer::standing(const MessageIdentity& identity,
                                                       const EntryState& now) {
  VSTATE_TRY_ASSIGN(const auto before, judge_.remembered(identity));
  if (!before) return Message::Standing::unknown;
  return before->state == now ? Message::Standing::same : Message::Standing::changed;
}

/// The content is read for the archive's digest in any case, so that comparing costs one reading of
/// the file here.
Status Comparer::take_file(Chain& reader) {
  const auto& entry = reader.entry();
  VSTATE_TRY_ASSIGN(const auto judgement, judge_.file(entry));
  auto verdict = judgement.verdict;
  // Only where a file is here, its content has to be compared; the rest is skipped or counted by
  // its size.
  if (judgement.here) {
    Sha256 digest;
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      digest.update(part);
      return {};
    }));
    verdict = judgement.given(short_digest_of(digest));
  }
  count(judgement, verdict, entry, entry.number);
  return {};
}

Status Comparer::take_link(const Link& link) {
  VSTATE_TRY_ASSIGN(const auto judgement, judge_.link(link.entry));
  count(judgement, judgement.verdict, link.entry, link.number);
  return {};
}

/// A file or a link.
void Comparer::count(const Judgement& judgement, Verdict verdict, const TreeEntry& entry,
                     std::uint32_t number) {
  auto& status = out_.status;
  if (verdict == Verdict::place) {
    out_.missing[number] = true;
    ++status.files_missing;
    if (entry.kind == EntryKind::regular) status.bytes_missing += entry.size;
  }
  if (verdict == Verdict::replace) status.replaced.push_back(entry.path);
  if (verdict == Verdict::blocked) status.refused.push_back(judgement.refusal);
  if (verdict == Verdict::blocked || verdict == Verdict::keep) status.kept.push_back(entry.path);
}

void Comparer::want_message(const Message& message) {
  out_.missing[message.number] = true;
  ++out_.status.messages_missing;
  out_.status.bytes_missing += message.size;
}

void Comparer::settle_messages() {
  std::sort(messages_.begin(), messages_.end(), [](const Message& a, const Message& b) {
    return a.name != b.name ? a.name < b.name : a.number < b.number;
  });
  // Sorted by name, the messages that share one stand side by side.
  for (std::size_t first = 0; first < messages_.size();) {
    auto last = first + 1;
    while (last < messages_.size() && messages_[last].name == messages_[first].name) ++last;
    settle_group(first, last);
    first = last;
  }
}

/// The messages of one unique name, in the archive's order.
void Comparer::settle_group(std::size_t first, std::size_t last) {
  const bool is_repeated = last - first > 1;
  if (is_repeated) out_.status.repeated.push_back(messages_[first].name);
  std::map<std::uint32_t, std::uint64_t> earlier;  // sizes by folder
  for (auto i = first; i < last; ++i) {
    const auto& message = messages_[i];
    const auto standing = is_repeated ? message.if_repeated : message.if_single;
    if (standing == Message::Standing::changed) ++out_.status.messages_changed;
    if (standing != Message::Standing::unknown) continue;
    // An earlier message of this archive with the same name and folder counts as here, since it
    // will be by then.
    const auto before = earlier.find(message.folder);
    const auto verdict =
        decide(message.sightings, is_repeated, message.size,
               before == earlier.end() ? std::nullopt : std::optional(before->second));
    if (verdict == Verdict::place) want_message(message);
    if (verdict == Verdict::variant) need_variant_.emplace(message.number, message);
    if (verdict == Verdict::place || verdict == Verdict::variant)
      earlier.emplace(message.folder, message.size);
  }
}

/// What is missing takes its temporary over, and with it all others go. Alone, one is left where
/// something is placed by a link and the run is stopped before the unlink.
void Comparer::note_left_over() {
  const auto* index = judge_.messages().listed();
  if (index == nullptr || !out_.status.is_whole()) return;
  for (const auto& [directory, name] : index->left_over())
    out_.status.left_over.push_back(relative_join(directory, name));
}

/// Names of variants come from the content, which takes another pass over the archive.
Status Comparer::settle_variants() {
  if (need_variant_.empty()) return {};
  VSTATE_TRY_ASSIGN(auto reader, open(Chain::Digests::none));
  if (reader.identity() != out_.status.identity)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive_.paths().front()));
  reader.adopt(out_.hard_links);
  // The pass ends with the last message that is needed.
  for (auto left = need_variant_.size(); left > 0;) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto needed = need_variant_.find(reader.entry().number);
    if (needed == need_variant_.end()) continue;
    --left;
    Sha256 digest;
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      digest.update(part);
      return {};
    }));
    const auto& message = needed->second;
    auto unique = variant_of(as_message(reader.entry().path)->unique, digest.finish_hex());
    VSTATE_TRY_ASSIGN(const auto verdict, judge_.variant(key_of_message(unique), message.size));
    out_.variants.emplace(message.number, std::move(unique));
    if (verdict == Verdict::place) want_message(message);
  }
  return {};
}

}  // namespace vstate::mail

namespace vstate {

Result<ArchiveStatus> compare_archive(const Files& files, const ArchiveFiles& archive,
                                      std::string_view directory, const Rules& rules,
                                      MailMemory* memory, ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(files, directory));
  // What came to a directory that is gone does not count as remembered: it is made anew.
  MailMemory nothing;
  if (!target || memory == nullptr) memory = &nothing;
  mail::Judge judge(target ? &*target : nullptr, *memory, rules);
  VSTATE_TRY(mail::settle_announced(judge.messages(), *memory,
                                    [&](const NameHash& key, const EntryState& state) -> Status {
                                      memory->set_state(key, state);
                                      return {};
                                    }));
  mail::Comparer comparer(archive, limits, judge, *memory);
  VSTATE_TRY_ASSIGN(auto comparison, comparer.run(mail::Chain::Digests::all));
  return std::move(comparison.status);
}

}  // namespace vstate
