#include "delivery/compare.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "delivery/convert.h"
#include "format/maildir_name.h"

namespace vstate::mail {

namespace {

constexpr std::size_t k_most_files = 5'000'000;

}  // namespace

Result<bool> has_bytes(int file, std::string_view expected, std::string_view path) {
  std::array<char, 65536> buffer{};
  while (!expected.empty()) {
    const auto count = ::read(file, buffer.data(), std::min(buffer.size(), expected.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno_of_open(path, "cannot read");
    const auto size = static_cast<std::size_t>(count);
    if (size == 0 || std::string_view(buffer.data(), size) != expected.substr(0, size))
      return false;
    expected.remove_prefix(size);
  }
  return true;
}

bool Comparison::is_blocked(std::string_view directory) const {
  const auto found = directories.find(std::string(directory));
  return found != directories.end() && found->second.presence == Presence::blocked;
}

Result<Comparison> Comparer::run() {
  if (target_ != nullptr) {
    VSTATE_TRY(index_.build(*target_, folders_,
                            options_.reserved == nullptr ? nullptr : &options_.reserved->others));
    locator_.emplace(*target_, folders_);
  }
  VSTATE_TRY(read_all());
  settle_messages();
  VSTATE_TRY(settle_variants());
  VSTATE_TRY(check_directories());
  for (auto& link : out_.links) VSTATE_TRY(check_link(link));
  return std::move(out_);
}

Status Comparer::read_all() {
  VSTATE_TRY_ASSIGN(auto reader, Chain::open(archive_, options_.limits, options_.wants_digest,
                                             archive_.continues() ? options_.memory : nullptr));
  out_.status.identity = reader.identity();
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    out_.wanted.push_back(false);
    VSTATE_TRY(take(reader));
  }
  if (options_.memory != nullptr)
    for (const auto& [key, path] : reader.earlier())
      if (!path.empty()) count_change(key, path);
  out_.hard_links = reader.hard_links();
  out_.status.digests = reader.digests();
  return {};
}

Status Comparer::take(Chain& reader) {
  const auto& entry = reader.entry();
  if (options_.to_dovecot) reader.rename(with_dovecot_folder(entry.path));
  if (entry.kind == EntryKind::regular && path_name(entry.path).starts_with("courier") &&
      entry.path.starts_with("Maildir/"))
    out_.status.has_courier_files = true;
  if (options_.reserved != nullptr && options_.reserved->keeps(entry.path)) {
    out_.status.refused.push_back(fmt::format("{}: {}", entry.path, k_kept_refusal));
    return entry.kind == EntryKind::regular ? take_content(reader) : Status();
  }
  VSTATE_TRY(take_parents(entry.path));
  if (entry.kind == EntryKind::directory) {
    out_.directories[entry.path].mode = (entry.mode & 0755U) | 0700U;
    if (out_.directories.size() <= k_most_files) return {};
    return fail(Errc::invalid, fmt::format("{}: more than {} directories", archive_.paths().front(),
                                           k_most_files));
  }
  if (entry.is_message) {
    VSTATE_TRY(take_message(entry));
    return take_content(reader);
  }
  if (!files_.insert(hash_name(entry.path)).second)
    return fail(Errc::invalid, fmt::format("{}: entry \"{}\": it is there twice",
                                           archive_.paths().front(), entry.path));
  if (files_.size() > k_most_files)
    return fail(Errc::invalid, fmt::format("{}: more than {} files that are no messages",
                                           archive_.paths().front(), k_most_files));
  if (entry.kind == EntryKind::regular) return take_file(reader);
  out_.links.push_back({entry.path, entry.target, Presence::absent});
  return {};
}

/// An archive need not name the directories that its entries are in.
Status Comparer::take_parents(const std::string& path) {
  auto parent = path_parent(path);
  if (parent == last_parent_) return {};
  last_parent_ = parent;
  while (!parent.empty() && out_.directories.try_emplace(std::string(parent)).second)
    parent = path_parent(parent);
  return {};
}

Status Comparer::take_content(Chain& reader) {
  if (!options_.wants_digest) return {};
  return reader.read([](std::string_view) -> Status { return {}; });
}

Status Comparer::take_message(const ReadEntry& entry) {
  const auto path = *as_message(entry.path);
  Message message;
  message.hash = hash_name(path.unique);
  message.size = entry.size;
  message.number = entry.number;
  message.folder = folders_.of(path.folder);
  message.is_remembered = is_remembered(key_of_message(path.unique)) ||
                          is_remembered(key_in_folder(path.folder, path.unique));
  if (message.is_remembered) count_change(keys_.of(path), entry.path);
  const bool is_trusted = size_in_name(path.unique) == entry.size;
  for (const auto& record : index_.find(message.hash)) {
    bool is_same = true;
    if (!is_trusted) {
      VSTATE_TRY_ASSIGN(const auto found, locator_->find(record.folder, path.unique, entry.path));
      if (!found) continue;
      is_same = found->size == entry.size;
    }
    if (record.folder == message.folder)
      message.seen |= is_same ? Seen::same_here : Seen::other_here;
    else
      message.seen |= is_same ? Seen::same_elsewhere : Seen::other_elsewhere;
  }
  messages_.push_back(message);
  return {};
}

/// A remembered message that the source has otherwise now.
void Comparer::count_change(const NameHash& key, const std::string& path) {
  const auto* entry = options_.memory->find_unseen(key);
  if (entry == nullptr || entry->pending != 0 || (entry->state.marks & k_mark_gone) != 0) return;
  const auto here = options_.to_dovecot ? with_dovecot_folder(path) : path;
  if (entry->state != state_of_message(here)) ++out_.status.messages_changed;
}

bool Comparer::is_remembered(const NameHash& key) const {
  if (options_.memory == nullptr) return false;
  const auto* entry = options_.memory->find(key);
  return entry != nullptr && entry->pending == 0 && (entry->state.marks & k_mark_gone) == 0;
}

Status Comparer::take_file(Chain& reader) {
  const auto& entry = reader.entry();
  std::optional<struct stat> found;
  if (target_ != nullptr) {
    VSTATE_TRY_ASSIGN(found, target_->status(entry.path));
  }
  bool is_same =
      found && S_ISREG(found->st_mode) && static_cast<std::uint64_t>(found->st_size) == entry.size;
  if (is_same)
    VSTATE_TRY(compare_content(reader, is_same));
  else
    VSTATE_TRY(take_content(reader));
  if (is_same) return {};
  VSTATE_TRY_ASSIGN(const auto judgement, judge(entry.path));
  note_difference(entry.path, judgement.verdict, "file");
  if (judgement.verdict == Verdict::place) want(entry.number, entry.size, false);
  if (judgement.verdict != Verdict::replace) return {};
  out_.wanted[entry.number] = true;
  out_.replaced.insert(entry.number);
  return {};
}

Result<Judgement> Comparer::judge(const std::string& path) {
  if (target_ == nullptr) return Judgement{};
  const auto* known =
      options_.memory == nullptr ? nullptr : options_.memory->find(key_of_file(path));
  return judge_file(*target_, path, known, options_.on_difference);
}

void Comparer::note_difference(const std::string& path, Verdict verdict, std::string_view what) {
  if (verdict == Verdict::blocked)
    out_.status.refused.push_back(
        fmt::format("{}: a directory is in the way of the {}", path, what));
  if (verdict == Verdict::blocked || verdict == Verdict::keep) out_.status.kept.push_back(path);
  if (verdict == Verdict::replace) out_.status.replaced.push_back(path);
}

Status Comparer::compare_content(Chain& reader, bool& is_same) {
  const auto& entry = reader.entry();
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(entry.path)));
  const auto where = target_->full(entry.path);
  const Handle file(openat(parent->get(), std::string(path_name(entry.path)).c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return fail_errno(where, "cannot open");
  return reader.read([&](std::string_view part) -> Status {
    if (!is_same) return {};
    VSTATE_TRY_ASSIGN(is_same, has_bytes(file.get(), part, where));
    return {};
  });
}

void Comparer::want(std::uint32_t number, std::uint64_t size, bool is_message) {
  out_.wanted[number] = true;
  ++(is_message ? out_.status.messages_missing : out_.status.files_missing);
  out_.status.bytes_missing += size;
}

void Comparer::settle_messages() {
  std::sort(messages_.begin(), messages_.end(), [](const Message& a, const Message& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.number < b.number;
  });
  for (std::size_t first = 0; first < messages_.size();) {
    auto last = first + 1;
    while (last < messages_.size() && messages_[last].hash == messages_[first].hash) ++last;
    settle_group(first, last);
    first = last;
  }
}

/// The messages of one unique name.
void Comparer::settle_group(std::size_t first, std::size_t last) {
  const bool is_repeated = last - first > 1;
  if (is_repeated) out_.status.repeated.push_back(messages_[first].hash);
  std::set<std::pair<std::uint32_t, std::uint64_t>> earlier;  // folder and size
  for (auto i = first; i < last; ++i) {
    auto& message = messages_[i];
    if (is_repeated) {
      message.seen &= Seen::same_here | Seen::other_here;
      const auto in_folder = earlier.lower_bound({message.folder, 0});
      if (in_folder != earlier.end() && in_folder->first == message.folder)
        message.seen |= Seen::other_here;
      if (!earlier.emplace(message.folder, message.size).second) message.seen |= Seen::same_here;
    }
    if ((message.seen & (Seen::same_here | Seen::same_elsewhere)) != 0) continue;
    if (message.is_remembered) continue;
    if (message.seen == 0)
      want(message.number, message.size, true);
    else
      need_variant_.emplace(message.number, message);
  }
}

/// Names of variants come from the content, which takes another pass over the archive.
Status Comparer::settle_variants() {
  if (need_variant_.empty()) return {};
  VSTATE_TRY_ASSIGN(auto reader, Chain::open(archive_, options_.limits, false,
                                             archive_.continues() ? options_.memory : nullptr));
  if (reader.identity() != out_.status.identity)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive_.paths().front()));
  reader.adopt(out_.hard_links);
  auto left = need_variant_.size();
  while (left > 0) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto needed = need_variant_.find(reader.entry().number);
    if (needed == need_variant_.end()) continue;
    --left;
    Sha256 sha;
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      sha.update(part);
      return {};
    }));
    const auto& message = needed->second;
    auto unique = variant_of(as_message(reader.entry().path)->unique, sha.finish_hex());
    const bool is_repeated =
        std::binary_search(out_.status.repeated.begin(), out_.status.repeated.end(), message.hash);
    const auto found = index_.find(hash_name(unique));
    const bool is_delivered = std::any_of(found.begin(), found.end(), [&](const auto& record) {
      return !is_repeated || record.folder == message.folder;
    });
    out_.variants.emplace(message.number, std::move(unique));
    if (!is_delivered) want(message.number, message.size, true);
  }
  return {};
}

Status Comparer::check_directories() {
  for (auto& [path, directory] : out_.directories) {
    const auto parent = out_.directories.find(std::string(path_parent(path)));
    const auto above = parent == out_.directories.end() ? Presence::there : parent->second.presence;
    if (target_ == nullptr || above == Presence::absent) {
      directory.presence = Presence::absent;
    } else if (above == Presence::blocked) {
      directory.presence = Presence::blocked;
    } else {
      VSTATE_TRY_ASSIGN(const auto found, target_->status(path));
      bool is_there = false;
      if (found) {
        VSTATE_TRY_ASSIGN(is_there, target_->is_directory(path, *found));
      }
      directory.presence = !found     ? Presence::absent
                           : is_there ? Presence::there
                                      : Presence::blocked;
      if (directory.presence == Presence::blocked)
        out_.status.refused.push_back(
            fmt::format("{}: {} here, and a directory in the archive", path,
                        S_ISLNK(found->st_mode) ? "a symbolic link" : "no directory"));
    }
    if (directory.presence != Presence::there) ++out_.status.files_missing;
  }
  return {};
}

Status Comparer::check_link(WantedLink& link) {
  if (const auto why = link_refusal(link.path, link.target); !why.empty()) {
    link.presence = Presence::refused;
    out_.status.refused.push_back(fmt::format("{} -> {}: {}", link.path, link.target, why));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto judgement, judge(link.path));
  if (judgement.here == digest_of_link(link.target)) {
    link.presence = Presence::there;
    return {};
  }
  note_difference(link.path, judgement.verdict, "link");
  if (judgement.verdict == Verdict::place) ++out_.status.files_missing;
  const bool is_absent =
      judgement.verdict == Verdict::place || judgement.verdict == Verdict::deleted;
  if (!is_absent) link.presence = Presence::differs;
  return {};
}

}  // namespace vstate::mail

namespace vstate {

Result<ArchiveStatus> compare_archive(const System& system, const ArchiveFiles& archive,
                                      std::string_view directory, OnDifference on_difference,
                                      ExtractLimits limits, MailMemory* memory, bool to_dovecot,
                                      const Reserved* reserved) {
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(system, directory));
  // Of a directory that is gone nothing counts as remembered: it is made anew.
  mail::Comparer comparer(
      archive, target ? &*target : nullptr,
      {on_difference, limits, true, target ? memory : nullptr, to_dovecot, reserved});
  VSTATE_TRY_ASSIGN(auto comparison, comparer.run());
  return std::move(comparison.status);
}

}  // namespace vstate
