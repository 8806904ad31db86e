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
  ArchiveKind kind = ArchiveKind::mailbox;
  std::string name;
  std::function<Status(Receiver&)> fill;  ///< gives the receiver all there is
};

/// "mailbox", "list", "files": as the ledger and streams name them.
[[nodiscard]] std::string_view kind_name(ArchiveKind);
/// Returns nullopt for any other name.
[[nodiscard]] std::optional<ArchiveKind> kind_of(std::string_view name);

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
