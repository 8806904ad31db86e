/// \file
/// The switch: a server takes in no more mail for a domain by itself and passes it on to another
/// host; and the way back. The domain stays in rcpthosts, so that mail is accepted and relayed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cutover/journal.h"
#include "cutover/relay_lines.h"
#include "engine/session.h"
#include "qmail/qmail_files.h"
#include "qmail/queue.h"
#include "vstate/model/selection.h"

namespace vstate::cutover {

/// What is needed of a server. Its accounts are not asked for: a database that is down already
/// holds no switch up.
struct Switchboard {
  std::unique_ptr<System> system;
  Server server;
  QmailFiles qmail;
  FileLock lock;  ///< the run lock; of a server of another machine, nothing is locked
};
/// `read` for what only shows. Fails with `busy` if another run is at work on a server of this
/// machine.
[[nodiscard]] Result<Switchboard> open_switchboard(const engine::ServerOptions&, engine::Access);

/// What a server is called: the first line of control/me, in lower case; empty without it.
[[nodiscard]] Result<std::string> own_name(const Files&, const Server&);

/// One line that is put into a control file or taken out of it.
struct Line {
  ControlName file;
  LineEdit::Kind kind;
  std::string text;
  friend bool operator==(const Line&, const Line&) = default;
};

/// What is to be done for one domain, or was.
struct DomainSwitch {
  DomainName domain;
  std::vector<Line> lines;           ///< in the order in which they are made
  std::vector<std::string> refused;  ///< "FILE: LINE: why it stays", of what is taken back
  std::vector<std::string> warnings;
};
struct SwitchPlan {
  std::vector<DomainSwitch> domains;
  bool tells_qmail_send = false;
  /// Whether a line changes, or is in the way.
  [[nodiscard]] bool has_lines() const;
};

/// What came of telling qmail-send.
enum class Told { not_needed, told, not_running, cannot };

struct SwitchReport {
  SwitchPlan done;
  Told told = Told::not_needed;
};

struct DomainStatus {
  Journal journal;
  /// "FILE: LINE", what somebody took back or changed since; such mail may stay here.
  std::vector<std::string> changed;
  std::optional<QueueCount> waiting;  ///< nullopt: `queue_problem` says why
  std::string queue_problem;
  [[nodiscard]] bool is_settled() const;  ///< all of it is done, in force, and nothing waits
};

/// The domains that are meant: named ones, or all of the server's that the selection takes. Fails
/// with `not_found` for a domain that is not this server's.
[[nodiscard]] Result<std::vector<DomainName>> domains_to_switch(const Switchboard&,
                                                                const std::vector<DomainName>&);

/// The journals of a server, of which some are worked on.
struct Journaled {
  std::map<DomainName, Journal> all;
  std::vector<DomainName> chosen;
};

/// Turns mail for domains away. A domain that a stopped run began is finished; where it goes to is
/// changed by running it again. The steps of all domains are made together: first all routes, then
/// virtualdomains and locals, then qmail-send is told.
class Cutover {
 public:
  /// Fails with `invalid` if the relay is this server by its own name.
  [[nodiscard]] static Result<Cutover> begin(Switchboard&, const std::vector<DomainName>&,
                                             const Relay&);
  /// What would be done now.
  [[nodiscard]] Result<SwitchPlan> plan() const;
  [[nodiscard]] Result<SwitchReport> run();

 private:
  Cutover(Switchboard& board, Relay relay) : board_(board), relay_(std::move(relay)) {}
  void add(const DomainName&);
  [[nodiscard]] std::vector<std::string> warnings_of(const Journal&) const;
  [[nodiscard]] std::optional<std::string> edit(ControlName,
                                                const std::optional<std::string>& bytes, Journaled&,
                                                SwitchPlan&) const;
  Status change(ControlName, SwitchPlan&);

  Switchboard& board_;
  Relay relay_;
  Journaled journals_;
  std::string me_;
};

/// Takes back what cutovers did: virtualdomains and locals, then qmail-send is told, then the
/// routes. A line that somebody changed since is left, and named.
class Undoing {
 public:
  /// Fails with `not_found` for a domain that was not switched. No names: all that were.
  [[nodiscard]] static Result<Undoing> begin(Switchboard&, const std::vector<DomainName>&);
  [[nodiscard]] Result<SwitchPlan> plan() const;
  [[nodiscard]] Result<SwitchReport> run();

 private:
  explicit Undoing(Switchboard& board) : board_(board) {}
  Status change(ControlName, SwitchPlan&);

  Switchboard& board_;
  Journaled journals_;
};

/// No names: all that were switched.
[[nodiscard]] Result<std::vector<DomainStatus>> status_of(Switchboard&,
                                                          const std::vector<DomainName>&);

}  // namespace vstate::cutover
