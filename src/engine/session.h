/// \file
/// One server that was opened for one use case: its files, its accounts, qmail's tables, and what
/// earlier runs left in the ledger.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "accounts/inspect.h"
#include "domain/observation.h"
#include "inspect/detect.h"
#include "ledger/ledger.h"
#include "qmail/qmail_files.h"
#include "remote/ssh/place.h"
#include "store/account_store.h"
#include "sys/freeze.h"
#include "sys/process/interruptible.h"
#include "sys/system.h"
#include "vstate/model/names.h"
#include "vstate/model/selection.h"
#include "vstate/model/server.h"

namespace vstate::engine {

struct ServerOptions {
  std::string root = "/";  ///< a directory of this machine, or [USER@]HOST:[DIR]
  remote::Connecting connecting = {};
  ServerOverrides overrides = {};
  /// The accounts of the machine are what is read, and it needs no vpopmail; only to read.
  std::optional<Choice> system_accounts = {};
  bool reads_ledger = true;        ///< what was brought here before; nobody asks that of a source
  std::string asked_before = {};   ///< FarSide::recall
  const StopFlag* stop = nullptr;  ///< ends what writes; null: nothing does
};

struct Session {
  std::unique_ptr<System> system;
  Server server;
  std::unique_ptr<AccountStore> store;
  std::optional<QmailFiles> qmail;  ///< always set, but with `system_accounts`
  /// What is read in place of a vpopmail's domains; then there is no store and no server either.
  std::optional<SystemAccounts> system_accounts;
  /// What earlier applies left here, for reading; nullopt if there is no ledger yet.
  std::optional<Ledger> memory;
  std::string memory_problem;      ///< why a ledger that is there cannot be read
  bool is_memory_damaged = false;  ///< whether no reader will ever read it
  bool was_inspected = false;      ///< since qmail's files were read first
};
enum class Access { read, write };
/// Where a server is that is not on this machine; nullopt for one that is.
[[nodiscard]] std::optional<remote::Place> remote_place(const ServerOptions&);
/// The files of a server alone.
[[nodiscard]] Result<std::unique_ptr<System>> open_system(const ServerOptions&, Access);
[[nodiscard]] Result<Session> open_session(const ServerOptions&, Access);
/// One more session of a server that is only read, over the same connection, for another thread.
/// It is of use once its tables are open, and knows no ledger until it is told to look.
[[nodiscard]] Session beside(const Session&);
/// Opens what it knows the server's accounts by, and qmail's files.
[[nodiscard]] Status open_tables(Session&);

/// Looks at a domain as it is now, with qmail's files read anew if somebody changed them.
[[nodiscard]] Result<Observation> inspect(Session&, const DomainName&, const Selection&);

/// Reads what the ledger says now. A damaged one is a problem of the memory, and no failure.
[[nodiscard]] Status look_at_ledger(Session&);
/// Reads qmail's files anew if somebody changed them.
[[nodiscard]] Status look_at_qmail(Session&);
/// Returns true if a question to the ledger failed because it is damaged. The session forgets it
/// then, and the caller asks again.
[[nodiscard]] bool forgets_damaged_ledger(Session&);
/// The ledger to write into. One that is damaged is moved away (Ledger::moved_to).
[[nodiscard]] Result<Ledger> open_ledger(Session&);

/// The lock of take_run_lock, without a look at the accounts.
[[nodiscard]] Result<FileLock> take_run_lock(System&);
/// Only one run at a time may write: takes a lock below /var/lib/vstate. Fails with `busy` at once
/// if another run has it. Mends what a killed database left, which only the lock's holder may.
[[nodiscard]] Result<FileLock> take_run_lock(Session&);

enum class Freeze { no, yes };

/// Holds deliveries to a domain of the session's server off; null if that is not wanted. Fails with
/// `not_found` for a domain that users/assign does not name.
[[nodiscard]] Result<std::unique_ptr<DeliveryFreeze>> freeze_deliveries(const Session&,
                                                                        const DomainName&, Freeze);

}  // namespace vstate::engine
