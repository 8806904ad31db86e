/// \file
/// What the parts of one receiver share: where the mail goes, what is remembered, what was counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/batch.h"
#include "delivery/target.h"
#include "maildir/memory.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

struct ReceiveCount {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;        ///< of messages and files
  std::uint64_t files = 0;        ///< files that are no messages, links, and directories
  std::uint64_t restated = 0;     ///< messages renamed, since the source has other flags or folders
  std::uint64_t removed = 0;      ///< messages deleted
  std::uint64_t gone = 0;         ///< messages gone at the source and kept here
  std::vector<std::string> kept;  ///< files that somebody changed here
  std::vector<std::string> refused;  ///< "PATH: why"
};

}  // namespace vstate

namespace vstate::mail {

struct Delivery {
  System& system;
  std::shared_ptr<Target> target;
  Owner owner;
  std::string label;  ///< of the mailbox, in the batch's failures
  MailMemory& memory;
  Batch& batch;
  ReceiveCount count = {};

  /// Announces a change of a path to System::before_step. An error of it ends the pass at once and
  /// leaves temporaries as they are; the next run finds their names again.
  Status step(std::string_view path) { return system.before_step("deliver", target->full(path)); }
  /// Remembers that something stands as the source has it.
  Status note(const NameHash& key, const EntryState& state) {
    memory.set_state(key, state);
    if (memory.number() == 0) return {};
    return batch.note({.box = memory.number(), .key = key, .state = state});
  }
};

}  // namespace vstate::mail
