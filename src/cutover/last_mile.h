/// \file
/// The last mile of a domain: deliveries are held off there, what is new comes, both sides are
/// compared, the old server is made to relay, and deliveries go on. Nothing is switched unless all
/// of it is here. Each step can be repeated, so that a run that was stopped is run again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cutover/cutover.h"
#include "engine/verify.h"
#include "pull/pull.h"

namespace vstate::cutover {

struct LastMileOptions {
  engine::ServerOptions source;  ///< where the control files are changed
  engine::DirectoryOptions read;
  engine::ApplyOptions apply;
  Relay to;  ///< the new server, as the old one reaches it
};

struct LastMileReport {
  DomainName domain;
  std::optional<engine::PullReport> pass;  ///< the last one
  std::optional<engine::Verification> verified;
  /// Why nothing was switched; empty if it was, or if a step failed.
  std::string obstacle;
  bool is_restless = false;      ///< every pass found something new
  std::optional<Error> failure;  ///< of a step; what was done before it is done
  std::optional<SwitchReport> switched;
  std::optional<DomainStatus> status;  ///< of the old server, afterwards
  /// Why deliveries are held off there still.
  std::optional<Error> still_frozen;
};

class LastMile {
 public:
  /// All of them must outlive it. `source` was opened by engine::open_source.
  LastMile(engine::Session& target, engine::Session& source, const LastMileOptions& options,
           engine::RunObserver& observer)
      : target_(target), source_(source), options_(options), observer_(observer) {}

  /// Fails if nothing was begun. However it ends, deliveries go on.
  [[nodiscard]] Result<LastMileReport> go(const DomainName&);

 private:
  Status go_while_frozen(LastMileReport&);
  Status copy(LastMileReport&);
  Status verify(LastMileReport&);
  Status turn_away(LastMileReport&);

  engine::Session& target_;
  engine::Session& source_;
  const LastMileOptions& options_;
  engine::RunObserver& observer_;
  std::optional<Switchboard> board_;  ///< of the old server, once something is switched
};

}  // namespace vstate::cutover
