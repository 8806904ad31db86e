/// \file
/// A domain of another server -> this one: from its files below a directory of this machine, or
/// from a host through ssh. Each run brings what is new since the one before.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dump/dump.h"
#include "engine/run/apply_domains.h"
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
  Renaming renaming = {};  ///< names here, by those there
};

/// Opens a source for PullRun: for reading only, so that nothing that is called with it
/// can change it. One serves any number of domains.
[[nodiscard]] Result<Session> open_source(ServerOptions);

class LooksAhead;

/// Domains that are pulled and published together, below the run lock of the target: a publication
/// rewrites files that grow with the domains of the server. At the source several are looked at
/// side by side (`ApplyOptions::jobs`); here they are built one after the other, with the mailboxes
/// of each side by side.
class PullRun {
 public:
  /// The session and the observer must outlive it.
  PullRun(Session& target, const ApplyOptions&, RunObserver&);
  ~PullRun();
  PullRun(const PullRun&) = delete;
  PullRun& operator=(const PullRun&) = delete;

  /// Names the domains that are pulled from a source next, in this order, so that it can be looked
  /// at ahead of them. A source that was opened anew is told anew.
  void expect(const Session& source, const DirectoryOptions&, const std::vector<DomainName>&);
  /// Both fail if nothing was begun.
  Status pull(Session& source, const DirectoryOptions&, const DomainName&);
  Status pull(const RemoteOptions&, const DomainName&);
  /// Publishes what waits for it.
  void publish();
  /// What comes next would fail alike.
  [[nodiscard]] bool is_over() const { return run_.is_over(); }

  struct Pulled {
    DomainName name;
    PullReport report;
  };
  /// Domains whose end is known by now, and was not told before.
  [[nodiscard]] std::vector<Pulled> take_finished();

 private:
  struct Domain;
  Status look(Session& source, const DirectoryOptions&, Domain&);
  Status take_look(Domain&);
  void copy(const DirectoryOptions&, Domain&);
  void await(std::unique_ptr<Domain>);
  void settle();

  Session& target_;
  ApplyOptions options_;
  const bool prunes_;
  RunObserver& observer_;
  ApplyRun run_;
  /// The last is of the source as it is open now. Those before it serve what is waiting.
  std::vector<std::unique_ptr<LooksAhead>> looks_;
  std::vector<std::unique_ptr<Domain>> waiting_;  ///< for their publication, or their second look
  std::vector<Pulled> finished_;
};

}  // namespace vstate::engine
