/// \file
/// A mail server as a program that embeds vstate uses it: what the commands plan, apply, and verify
/// do, as functions that return reports and print nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/engine/outcome.h"
#include "vstate/model/names.h"
#include "vstate/model/selection.h"
#include "vstate/model/server.h"
#include "vstate/model/state.h"
#include "vstate/plan/plan.h"
#include "vstate/plan/report.h"

namespace vstate::engine {

/// Empty parts are found out from the server's own files.
struct OpenOptions {
  std::string root = "/";  ///< the server's files are below this directory of the machine
  std::string vpopmail_dir = {}, qmail_dir = {};
  std::string backend = {};  ///< "cdb", "mysql", "pgsql", "sqlite"
};

/// One domain as it is on the server.
struct Inspected {
  std::optional<State> state;  ///< nullopt: the domain is not on this server
  Condition condition;
  std::vector<std::string> notes;  ///< for people: what is carried from elsewhere
};

/// A State that was compared with the server, and what would make the server so.
struct PlannedState {
  State desired;
  PlanOptions options;
  std::string archive_root;
  Plan plan;
  std::vector<std::string> warnings;  ///< about the State's archives, one line each
};

/// Each call looks at the server as it is then; nothing but the server itself is kept between two.
/// One object is for one thread at a time, but for `stop`. A process that opens one has umask 0
/// from then on, since all modes are exact, and one that runs as root loses its supplementary
/// groups, which would be the rights of everybody whom vstate acts as.
class MailServer {
 public:
  /// Fails with `not_found` where no vpopmail or no qmail is, with `unsupported` for a back-end
  /// that is not compiled in.
  [[nodiscard]] static Result<MailServer> open(const OpenOptions&);
  MailServer(MailServer&&) noexcept;
  MailServer& operator=(MailServer&&) noexcept;
  ~MailServer();

  /// As it was detected when it was opened.
  [[nodiscard]] const Server& server() const;
  /// The domains of vpopmail's, in the order of users/assign.
  [[nodiscard]] Result<std::vector<DomainName>> domains() const;

  // What follows takes no lock and changes nothing, but for `apply`.

  /// Everything of a domain but mail and the archives of lists.
  [[nodiscard]] Result<Inspected> inspect(const DomainName&, const Selection& = {}) const;
  /// What would make the domain as `desired` says, whose archives are below `archive_root` on this
  /// machine. The State is checked as the file that says it: what a file may not say is `invalid`,
  /// one line for each error. What forbids the apply is in `plan.problems`.
  [[nodiscard]] Result<PlannedState> plan(const State& desired, const PlanOptions& = {},
                                          const std::string& archive_root = ".") const;
  /// Carries out what was planned, deletions too: who applies a plan has seen it. Ends as `stale`,
  /// without a change, if the server has moved on since, and as `refused` if the plan has problems.
  /// Only one run at a time may write on a server: fails with `busy` if there is another. Any other
  /// end is an outcome; what was done stays done, and the next plan holds the rest.
  [[nodiscard]] Result<ApplyOutcome> apply(const PlannedState&, ApplyObserver&);
  /// Ends an apply that is under way before its next step; its outcome is `stopped`. Another thread
  /// or a signal handler may call it.
  void stop() noexcept;
  /// Reads both sides again and tries every address.
  [[nodiscard]] Result<Verification> verify(const State& desired, const PlanOptions& = {},
                                            const std::string& archive_root = ".",
                                            Depth = Depth::names_and_sizes) const;

 private:
  struct Parts;
  explicit MailServer(std::unique_ptr<Parts>);
  std::unique_ptr<Parts> parts_;
};

}  // namespace vstate::engine
