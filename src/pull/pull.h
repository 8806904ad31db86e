/// \file
/// A domain of another server -> this one: from its files below a directory of this machine, or
/// from a host through ssh. Each run brings what is new since the one before.
#pragma once

#include <optional>
#include <string>

#include "dump/dump.h"
#include "engine/apply_domains.h"
#include "engine/session.h"
#include "pull/remote_dump.h"

namespace vstate::engine {

struct PullReport {
  /// nullopt: the document that came is none; RunObserver::on_read was told why.
  std::optional<ApplyOutcome> outcome;
  bool has_source_changed = false;
  std::optional<DumpReport> source;  ///< of a directory; a host reports by itself
};

struct DirectoryOptions {
  ServerOptions server;  ///< of the source
  Freeze freeze = Freeze::no;
  ClearPasswords clear_passwords = ClearPasswords::leave_out;
};

/// The run lock of the target is held. Both fail if nothing was begun, and otherwise report how the
/// apply ended.
[[nodiscard]] Result<PullReport> pull_from_directory(Session& target, const DirectoryOptions&,
                                                     const DomainName&, ApplyOptions, RunObserver&);
[[nodiscard]] Result<PullReport> pull_from_host(Session& target, const RemoteOptions&,
                                                const DomainName&, ApplyOptions, RunObserver&);

}  // namespace vstate::engine
