// What is remembered of a message is small, since there may be millions: a hash for its name, a
// digest for its folder, a bit for each flag. The memory is a sorted array that is searched, and a
// message that comes in this pass is only marked in it; new messages go to the log and not here.

#include "maildir/memory.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "format/maildir_name.h"
#include "maildir/names.h"
#include "sys/system.h"
#include "vstate/base/digest.h"

namespace vstate {

namespace {

constexpr unsigned k_letters = 26;

bool is_less(const MemoryEntry& entry, const NameHash& key) { return entry.key < key; }

}  // namespace

std::int64_t microseconds_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint64_t marks_of(std::string_view flags) {
  std::uint64_t marks = 0;
  // Other bytes that stand among flags mean nothing to any reader and are not remembered.
  for (const char flag : flags) {
    if (flag >= 'A' && flag <= 'Z') marks |= std::uint64_t{1} << static_cast<unsigned>(flag - 'A');
    if (flag >= 'a' && flag <= 'z')
      marks |= std::uint64_t{1} << (k_letters + static_cast<unsigned>(flag - 'a'));
  }
  return marks;
}

std::string flags_of(std::uint64_t marks) {
  std::string flags;
  // The order of the bits is that of ASCII, in which Maildir demands flags to stand.
  for (unsigned bit = 0; bit < 2 * k_letters; ++bit)
    if ((marks >> bit & 1U) != 0)
      flags.push_back(static_cast<char>(bit < k_letters ? 'A' + bit : 'a' + (bit - k_letters)));
  return flags;
}

std::uint64_t place_of_folder(std::string_view folder) {
  // Messages come folder by folder.
  thread_local std::string last_folder;
  thread_local std::uint64_t last_digest = short_digest("");
  if (folder != last_folder) {
    last_folder = folder;
    last_digest = short_digest(folder);
  }
  return last_digest;
}

EntryState state_of_message(std::string_view path) {
  const auto message = mail::as_message(path);
  VSTATE_ASSERT(message);
  EntryState state{place_of_folder(message->folder),
                   marks_of(parse_message_name(message->name).flags)};
  if (path_name(message->directory) == "new") state.marks |= k_mark_new;
  return state;
}

NameHash key_of_message(std::string_view unique) { return hash_name(unique); }

NameHash key_in_folder(std::string_view folder, std::string_view unique) {
  // The newline keeps such a key apart from that of a plain unique name.
  return hash_name(std::string(folder).append("\n").append(unique));
}

NameHash key_of_file(std::string_view path) { return hash_name(std::string("\n").append(path)); }

MailMemory::MailMemory(std::int64_t number, std::vector<MemoryEntry> entries)
    : number_(number),
      entries_(std::move(entries)),
      seen_(entries_.size(), false),
      has_pending_(std::any_of(entries_.begin(), entries_.end(),
                               [](const auto& entry) { return entry.pending != 0; })) {
  VSTATE_ASSERT(std::is_sorted(entries_.begin(), entries_.end(),
                               [](const auto& a, const auto& b) { return a.key < b.key; }));
}

std::size_t MailMemory::index_of(const NameHash& key) const {
  // Keys are digests and lie evenly: the search begins where the key should be, and stays near.
  const auto size = entries_.size();
  auto low = static_cast<std::size_t>((key.high >> 32U) * size >> 32U), high = low;
  // The two bounds move apart in growing steps until the key lies between them, so that a poor
  // guess costs little more than a search over all.
  for (std::size_t step = 16; low > 0 && !is_less(entries_[low], key); step *= 4)
    low -= std::min(step, low);
  for (std::size_t step = 16; high < size && is_less(entries_[high], key); step *= 4)
    high += std::min(step, size - high);
  const auto begin = entries_.begin();
  const auto found = std::lower_bound(begin + static_cast<std::ptrdiff_t>(low),
                                      begin + static_cast<std::ptrdiff_t>(high), key, is_less);
  return found != entries_.end() && found->key == key
             ? static_cast<std::size_t>(found - entries_.begin())
             : entries_.size();
}

const MemoryEntry* MailMemory::find(const NameHash& key) const {
  const auto index = index_of(key);
  return index == entries_.size() ? nullptr : &entries_[index];
}

bool MailMemory::has(const NameHash& key) const {
  const auto* entry = find(key);
  return entry != nullptr && (entry->state.marks & k_mark_gone) == 0;
}

const MemoryEntry* MailMemory::mark_seen(const NameHash& key) {
  const auto index = index_of(key);
  if (index == entries_.size()) return nullptr;
  seen_[index] = true;
  return &entries_[index];
}

bool MailMemory::is_seen(const NameHash& key) const {
  const auto index = index_of(key);
  return index < entries_.size() && seen_[index];
}

void MailMemory::set_state(const NameHash& key, const EntryState& state) {
  const auto index = index_of(key);
  // Messages that are new in this pass have no entry yet; the log alone knows them until the next
  // run reads it.
  if (index == entries_.size()) return;
  entries_[index].state = state;
  entries_[index].pending = 0;
}

}  // namespace vstate
