/// \file
/// Files that are written and wait for their rename, of any number of mailboxes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/target.h"
#include "maildir/memory.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

/// A flush makes all of them durable at once (one syncfs for each file system), writes them into
/// the log, and renames them. A batch flushes itself before it holds more than 8192 files, 256 MiB,
/// or 256 mailboxes. One thread uses it. What was not flushed stays as temporaries, which the next
/// pass finds again.
class Batch {
 public:
  /// What may stand at the place of a file when it gets there.
  enum class Place {
    free,       ///< nothing: something that appeared meanwhile is a conflict
    any,        ///< whatever it is, it is replaced
    unchanged,  ///< a file with the digest `replaces`; another one is its server's own and stays
  };

  /// A file that is written and waits for its rename.
  struct Item {
    std::shared_ptr<mail::Target> target;
    std::string label;      ///< of the mailbox
    std::string path;       ///< final, relative to the target
    std::string build_in;   ///< directory of the temporary, relative
    std::string temporary;  ///< its name there
    std::uint64_t size = 0;
    bool is_message = false;
    Place place = Place::free;
    std::uint64_t replaces = 0;  ///< with Place::unchanged
    DeliveryLog::Record record;
    std::optional<EntryState>
        before;  ///< what the log has of it, and has again if it is not placed
  };

  /// A message that is here and gets another path, or is deleted. It is announced in the log as a
  /// change before it is made, so that one that a stopped run made is not taken for its owner's.
  struct Move {
    std::shared_ptr<mail::Target> target;
    std::string label;     ///< of the mailbox
    std::string from, to;  ///< relative to the target; `to` is empty for one that is deleted
    std::int64_t box = 0;
    NameHash key;
    EntryState before, after;  ///< as the log has it
  };

  /// Hears of messages and bytes as they are written, before the flush that places them.
  using Written = std::function<void(std::uint64_t messages, std::uint64_t bytes)>;
  /// `log` may be null, `written` empty.
  Batch(System&, Owner, DeliveryLog* log, Written written = {});
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  Status add(Item);
  Status add(Move);
  /// Remembers something that needs no rename.
  Status note(const DeliveryLog::Record&);
  Status flush();
  /// Returns failures of single files by the mailbox that they were for. They hold no other up.
  [[nodiscard]] std::map<std::string, Error> take_failures();

 private:
  Status sync();
  Status sync_each();
  Status announce();
  Status place_all();
  Status make_moves(const std::vector<Move>&);
  Status make(const Move&);
  void drop_quota_counters();
  Status withdraw(const std::vector<const Item*>&);
  void drop_built();

  System& system_;
  Owner owner_;
  DeliveryLog* log_;
  Written written_;
  std::vector<Item> items_;
  std::vector<Move> moves_;
  std::vector<DeliveryLog::Record> records_;  ///< of what needs no rename
  std::uint64_t built_bytes_ = 0;
  std::size_t targets_ = 0;
  std::map<std::string, Error> failures_;
};

}  // namespace vstate
