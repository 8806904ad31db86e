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
  /// Why the source could not be looked at once more, which counts as a change.
  std::optional<Error> last_look;
  std::optional<DumpReport> source;  ///< of a directory; a host reports by itself
};

struct DirectoryOptions {
  std::string root;  ///< of the source, for people
  Freeze freeze = Freeze::no;
  ClearPasswords clear_passwords = ClearPasswords::leave_out;
};

/// Opens a source for pull_from_directory: for reading only, so that nothing that is called with it
/// can change it. One serves any number of domains.
[[nodiscard]] Result<Session> open_source(ServerOptions);

/// The run lock of the target is held. Both fail if nothing was begun, and otherwise report how the
/// apply ended.
[[nodiscard]] Result<PullReport> pull_from_directory(Session& target, Session& source,
                                                     const DirectoryOptions&, const DomainName&,
                                                     ApplyOptions, RunObserver&);
[[nodiscard]] Result<PullReport> pull_from_host(Session& target, const RemoteOptions&,
                                                const DomainName&, ApplyOptions, RunObserver&);

}  // namespace vstate::engine
