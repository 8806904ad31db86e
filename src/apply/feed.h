/// \file
/// Where the mail of a domain comes from when it is not in archives that the file names: another
/// server's files on this machine, or a stream. It comes mailbox by mailbox.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "delivery/receiver.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// The mail of one mailbox, of one list, or the domain's own files.
struct Parcel {
  Box box;
  std::function<Status(Receiver&)> fill;  ///< gives the receiver all there is
};

class MailFeed {
 public:
  virtual ~MailFeed() = default;
  /// Returns nullopt at the end. What was not taken of the parcel before is skipped.
  [[nodiscard]] virtual Result<std::optional<Parcel>> next() = 0;
  /// True if parcels can be filled from several threads, and out of order.
  [[nodiscard]] virtual bool is_parallel() const { return false; }
  /// For people: "old.example.org", "the stream".
  [[nodiscard]] virtual std::string title() const = 0;
};

}  // namespace vstate
