/// \file
/// What is remembered of one mailbox (or list, or a domain's files): every message that ever came,
/// and how its source had it at the last pass. An entry takes 32 bytes.
///
/// This is the third side for mail, as plan/memory.h is for values. Of a message, its folder and
/// each of its flags are judged by themselves: what changed at the source since the last pass is
/// done here, what its owner changed here stays, and a message that is remembered and not here was
/// deleted by its owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "vstate/base/digest.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate {

/// How a message stood at the source, or what a file that is no message was.
struct EntryState {
  std::uint64_t place = 0;  ///< message: digest of its folder; file: digest of what was written
  std::uint64_t marks = 0;  ///< message: bits of its flags and of `new`; file: the source's stamp
  friend bool operator==(const EntryState&, const EntryState&) = default;
};

struct MemoryEntry {
  NameHash key;
  EntryState state;
  /// When a run was about to rename it to its place, microseconds since 1970; 0 once that is
  /// certain.
  std::int64_t pending = 0;
};

/// Bits of EntryState::marks: "A" to "Z" from 0, "a" to "z" from 26.
constexpr std::uint64_t k_mark_new = std::uint64_t{1} << 63U;
/// The source has the message no more, and that was dealt with here.
constexpr std::uint64_t k_mark_gone = std::uint64_t{1} << 62U;
/// The marks that stand for keywords: "a" to "z".
constexpr std::uint64_t k_marks_of_letters = ((std::uint64_t{1} << 26U) - 1) << 26U;
[[nodiscard]] std::uint64_t marks_of(std::string_view flags);
/// Returns the flags in the order that Maildir readers write them.
[[nodiscard]] std::string flags_of(std::uint64_t marks);

/// Returns EntryState::place of the messages of a folder.
[[nodiscard]] std::uint64_t place_of_folder(std::string_view folder);
/// Returns the state of a message by its path, which must be a message's.
[[nodiscard]] EntryState state_of_message(std::string_view path);
/// Returns the key of the first message of a name.
[[nodiscard]] NameHash key_of_message(std::string_view unique);
/// Returns the key of a message whose unique name already occurred in another folder.
[[nodiscard]] NameHash key_in_folder(std::string_view folder, std::string_view unique);
[[nodiscard]] NameHash key_of_file(std::string_view path);
class MailMemory {
 public:
  MailMemory() = default;
  /// `number` names the mailbox in the log.
  MailMemory(std::int64_t number, std::vector<MemoryEntry> entries);

  [[nodiscard]] std::int64_t number() const { return number_; }
  [[nodiscard]] const std::vector<MemoryEntry>& entries() const { return entries_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// Returns whether a stopped run announced something of which it is not certain that it came.
  [[nodiscard]] bool has_pending() const { return has_pending_; }
  /// Returns nullptr if it never came. The entry stays where it is; set_state changes it.
  [[nodiscard]] const MemoryEntry* find(const NameHash&) const;
  /// Returns whether it came and its source had it still at the last pass.
  [[nodiscard]] bool has(const NameHash&) const;
  /// Finds an entry and counts it as seen in this pass.
  const MemoryEntry* mark_seen(const NameHash&);
  /// Changes what is remembered of an entry, if there is one. It is certain from then on.
  void set_state(const NameHash&, const EntryState&);
  [[nodiscard]] bool was_seen(std::size_t index) const { return seen_[index]; }
  /// Returns whether mark_seen found it in this pass before.
  [[nodiscard]] bool is_seen(const NameHash&) const;

  /// A change that a stopped run announced: whether it came to pass is not known.
  struct Change {
    EntryState from;   ///< how the message stood here
    EntryState after;  ///< what is remembered once it is done
  };
  using Announced = std::map<NameHash, Change>;
  void set_announced(Announced announced) { announced_ = std::move(announced); }
  [[nodiscard]] const Announced& announced() const { return announced_; }

 private:
  [[nodiscard]] std::size_t index_of(const NameHash&) const;
  std::int64_t number_ = 0;
  std::vector<MemoryEntry> entries_;  ///< sorted by key
  std::vector<bool> seen_;
  bool has_pending_ = false;
  Announced announced_;
};

/// Writes down what was delivered (ledger/ledger.h). Calls come from several threads.
class DeliveryLog {
 public:
  enum class Kind {
    certain,  ///< it is so
    arrival,  ///< announces a file whose rename comes after this record
    change,  ///< announces a rename or deletion of a message that is here; until it is certain, the
             ///< state before is kept too
  };
  struct Record {
    std::int64_t box = 0;  ///< MailMemory::number
    NameHash key;
    EntryState state;
    Kind kind = Kind::certain;
    EntryState from = {};  ///< with Kind::change: how the message stands here before it
  };
  virtual ~DeliveryLog() = default;
  /// Writes all records; they are on the disk when it returns.
  virtual Status record(const std::vector<Record>&) = 0;
  /// Takes back renames that were announced and are not to come. On the disk when it returns.
  virtual Status withdraw(const std::vector<Record>&) = 0;
};

/// Returns microseconds since 1970.
[[nodiscard]] std::int64_t microseconds_now();

}  // namespace vstate
