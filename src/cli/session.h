/// \file
/// One server opened for one command, and a file prepared against it: what plan, apply, and verify
/// have in common.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "engine/apply.h"
#include "engine/inspect.h"
#include "ledger/ledger.h"
#include "store/account_store.h"
#include "sys/freeze.h"
#include "sys/system.h"
#include "vstate/document/document.h"
#include "vstate/plan/plan.h"

namespace vstate::cli {

/// Refuses further steps once SIGINT or SIGTERM came: what is done stays done.
class InterruptibleSystem : public System {
 public:
  using System::System;
  Status before_step(std::string_view what, std::string_view path) override;
  /// Installs the handlers. The second signal ends the program at once.
  static void watch_signals();
};

struct Session {
  std::unique_ptr<System> system;
  Server server;
  std::unique_ptr<AccountStore> store;
  std::optional<QmailFiles> qmail;  ///< always set
  /// What earlier applies left here, for reading; nothing if there is no ledger yet.
  std::optional<Ledger> memory;
  std::string memory_problem;      ///< why a ledger that is there cannot be read
  bool is_memory_damaged = false;  ///< and that no reader ever will
};
enum class Access { read, write };
[[nodiscard]] Result<Session> open_session(const CommonOptions&, Access);

/// Holds deliveries to a domain of the session's server off, if that is wanted; `not_found` for
/// one that users/assign does not name.
[[nodiscard]] Result<std::optional<DeliveryFreeze>> freeze_deliveries(const Session&,
                                                                      const DomainName&,
                                                                      bool is_wanted);
/// Lets them go on, and says so if that fails.
[[nodiscard]] Exit unfrozen(std::optional<DeliveryFreeze>&, Exit);

/// Takes what the ledger says now. A damaged one is a problem of the memory, and no failure.
[[nodiscard]] Status look_at_ledger(Session&);
/// Reads qmail's files anew if somebody changed them.
[[nodiscard]] Status look_at_qmail(Session&);
/// True if what was asked of the ledger failed because it is damaged. It is forgotten then:
/// whatever was asked is asked again, of a session that has no memory.
[[nodiscard]] bool forgets_damaged_ledger(Session&);
/// The ledger to write into. One that is damaged is moved away, and a warning says where to.
[[nodiscard]] Result<Ledger> open_ledger(Session&);

/// One apply at a time: a lock below /var/lib/vstate. Fails with `busy` at once if another run has
/// it. Mends what a killed database left, which only its holder may.
[[nodiscard]] Result<FileLock> take_run_lock(Session&);

/// A domain file that was read and checked.
struct DomainFile {
  std::string name;    ///< as given on the command line
  std::string digest;  ///< of its bytes
  State state;
  document::Places places;
  std::string archive_root;
  std::vector<std::string> unmatched = {};  ///< patterns of the Selection that match nothing in it
};
/// A few bytes from the beginning of a file that may be a pipe; fewer if it is silent for so long
/// as `patience`, where 0 waits for ever.
[[nodiscard]] std::string read_begin(int file,
                                     std::chrono::seconds patience = std::chrono::seconds(0));
/// All of a file of this machine, or of standard input ("-").
[[nodiscard]] Result<std::string> read_input(const std::string& name);
/// What was read of standard input already.
void set_standard_input(std::string begun);
/// Reads a file ("-" is standard input) and checks that its archives are there. Errors go into
/// `diagnostics`.
[[nodiscard]] std::optional<DomainFile> read_domain_file(const std::string& name,
                                                         const std::string& mail, Diagnostics&,
                                                         const Selection& = {});

/// All of them; a domain that two of them describe is an error of the second.
[[nodiscard]] std::vector<DomainFile> read_domain_files(const std::vector<std::string>& names,
                                                        const std::string& mail, Diagnostics&,
                                                        const Selection&);

/// The file against the server as it is now.
struct Prepared {
  Observation observation;
  TargetFacts facts;
  Plan plan;
};
/// `feed` names where mail comes from that no archive holds; empty: nowhere.
[[nodiscard]] Result<Prepared> prepare(Session&, const DomainFile&, const PlanOptions&,
                                       Diagnostics&, const std::string& feed = "");

/// The text of a domain file that came from somewhere, as read_domain_file gives it.
[[nodiscard]] std::optional<DomainFile> parse_domain_file(const std::string& shown,
                                                          const std::string& text, Diagnostics&,
                                                          const Selection& = {});

[[nodiscard]] PlanOptions plan_options(const CommonOptions&, const PlanOptionsText&);

}  // namespace vstate::cli
