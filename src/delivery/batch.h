/// \file
/// What a Batch holds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "delivery/receive.h"
#include "delivery/target.h"

namespace vstate {

/// A file that is written and waits for its rename.
struct Batch::Item {
  std::shared_ptr<mail::Target> target;
  std::string label;      ///< of the mailbox
  std::string path;       ///< final, relative to the target
  std::string build_in;   ///< directory of the temporary, relative
  std::string temporary;  ///< its name there
  std::uint64_t size = 0;
  bool is_message = false;
  bool is_replacing = false;
  /// A file that a mail server keeps of the messages: replaced only if its bytes still have this
  /// digest, under the server's own lock.
  std::optional<std::uint64_t> replaces;
  DeliveryLog::Record record;
  std::optional<EntryState> before;  ///< what the log has of it, and has again if it is not placed
};

/// Announced in the log as a change before it is made, so that one that a stopped run made is not
/// taken for its owner's.
struct Batch::Move {
  std::shared_ptr<mail::Target> target;
  std::string label;     ///< of the mailbox
  std::string from, to;  ///< relative to the target; `to` empty: it is deleted
  std::int64_t box = 0;
  NameHash key;
  EntryState before, after;  ///< as the log has it
};

struct Batch::Files {
  std::vector<Item> items;
  std::vector<Move> moves;
  std::vector<DeliveryLog::Record> records;  ///< of what needs no rename
};

}  // namespace vstate
