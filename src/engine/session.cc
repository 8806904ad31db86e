// Opening a server: what it is, where its accounts are, what qmail knows, and what earlier runs
// left. A ledger that cannot be read is no reason to refuse a plan; what it costs is said, since
// without it a person's changes are not told from what never came.

#include "engine/session.h"

#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "inspect/inspect.h"
#include "remote/freeze.h"
#include "remote/remote_system.h"
#include "sys/far_side.h"
#include "sys/local_system.h"

namespace vstate::engine {

namespace {

constexpr std::string_view k_damaged =
    "the ledger is damaged: what earlier runs did is not known, and what was changed or deleted "
    "here since then is not told from what never came";

void forget_ledger(Session& session, std::string problem, bool is_damaged) {
  session.memory.reset();
  session.memory_problem = std::move(problem);
  session.is_memory_damaged = is_damaged;
}

/// What is above vstate's own directory is the system's, and stays open to everybody.
Status make_ledger_directory(System& system, std::string_view directory) {
  for (const std::string_view path : {"/var", "/var/lib", "/var/lib/vstate"}) {
    VSTATE_TRY_ASSIGN(const bool is_there, system.exists(path));
    if (is_there) continue;
    VSTATE_TRY(
        ensure_directory(system, path, {geteuid(), getegid(), path == directory ? 0700U : 0755U}));
    VSTATE_TRY(system.sync(path_parent(path)));
  }
  return {};
}

}  // namespace

std::optional<remote::Place> remote_place(const ServerOptions& options) {
  std::error_code ignored;
  // A directory of this machine may have a colon in its name.
  if (std::filesystem::is_directory(options.root, ignored)) return std::nullopt;
  return remote::parse_place(options.root);
}

Result<std::unique_ptr<System>> open_system(const ServerOptions& options, Access access) {
  if (const auto place = remote_place(options)) {
    if (access == Access::write)
      return tl::unexpected<Error>(remote::refusal_to_write(*place, "this command"));
    return remote::RemoteSystem::open(options.connecting, *place);
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.root, ignored))
    return fail(Errc::not_found, fmt::format("{}: is not a directory", options.root), Scope::run);
  // Who only reads gets a system that refuses every change, whatever is called later.
  if (access == Access::read) return std::make_unique<ReadOnlySystem>(options.root);
  return std::make_unique<InterruptibleSystem>(options.root, options.stop);
}

Result<Session> open_session(const ServerOptions& options, Access access) {
  Session session;
  VSTATE_TRY_ASSIGN(session.system, open_system(options, access));
  if (const auto* far = session.system->far_side()) far->recall(options.asked_before);
  if (options.system_accounts) {
    const auto& qmail = options.overrides.qmail_dir;
    session.system_accounts.emplace(SystemAccounts{.choice = *options.system_accounts});
    if (!qmail.empty()) session.system_accounts->qmail_dir = qmail;
    return session;
  }
  // The server comes first, since it says which store to open and where qmail's files are.
  Gathered gathered;
  VSTATE_TRY_ASSIGN(session.server, detect_server(*session.system, options.overrides, gathered));
  VSTATE_TRY(open_tables(session));
  if (options.reads_ledger) VSTATE_TRY(look_at_ledger(session));
  return session;
}

Session beside(const Session& other) {
  Session session;
  const auto* there = dynamic_cast<const remote::RemoteSystem*>(other.system.get());
  if (there != nullptr)
    session.system = std::make_unique<remote::RemoteSystem>(remote::RemoteSystem::Beside{*there});
  else
    session.system = std::make_unique<ReadOnlySystem>(other.system->root());
  session.server = other.server;
  session.system_accounts = other.system_accounts;
  return session;
}

Status open_tables(Session& session) {
  if (session.system_accounts) return {};
  VSTATE_TRY_ASSIGN(session.store, open_store(*session.system, session.server));
  VSTATE_TRY_ASSIGN(session.qmail, QmailFiles::load(*session.system, session.server));
  return {};
}

Result<Observation> inspect(Session& session, const DomainName& name, const Selection& selection) {
  if (session.system_accounts) {
    const auto task = begin_task(*session.system, task_of(name));
    return inspect_accounts(*session.system, *session.system_accounts, name, selection);
  }
  // A session may serve many domains, and qmail's files may have changed since the one before.
  // What has just been read is looked at before the task forgets it; later it is part of the task,
  // and a server that is far away is asked for it with the rest.
  const bool was_inspected = std::exchange(session.was_inspected, true);
  if (!was_inspected) VSTATE_TRY(look_at_qmail(session));
  auto task = begin_task(*session.system, task_of(name));
  if (was_inspected) VSTATE_TRY(look_at_qmail(session));
  return inspect_domain(*session.system, session.server, *session.store, *session.qmail, name,
                        selection, std::move(task));
}

Status look_at_ledger(Session& session) {
  auto ledger = Ledger::look(*session.system);
  forget_ledger(session, "", false);
  if (ledger) {
    if (*ledger) session.memory.emplace(**std::move(ledger));
  } else if (ledger.error().code == Errc::denied) {
    // A plan needs no more rights than reading the server does; it says what it could not see.
    session.memory_problem = ledger.error().message;
  } else if (ledger.error().code == Errc::invalid) {
    forget_ledger(session, fmt::format("{} ({})", k_damaged, ledger.error().message), true);
  } else {
    return propagate(ledger);
  }
  return {};
}

Status look_at_qmail(Session& session) {
  VSTATE_TRY_ASSIGN(const bool is_current, session.qmail->is_current(*session.system));
  if (is_current) return {};
  VSTATE_TRY_ASSIGN(session.qmail, QmailFiles::load(*session.system, session.server));
  return {};
}

bool forgets_damaged_ledger(Session& session) {
  if (!session.memory || !session.memory->is_damaged()) return false;
  forget_ledger(session, std::string(k_damaged), true);
  return true;
}

Result<Ledger> open_ledger(Session& session) {
  auto ledger = Ledger::open(
      *session.system, session.is_memory_damaged ? Ledger::Known::damaged : Ledger::Known::nothing);
  if (ledger) session.is_memory_damaged = false;
  return ledger;
}

Result<FileLock> take_run_lock(System& system) {
  const std::string directory = "/var/lib/vstate";
  VSTATE_TRY(make_ledger_directory(system, directory));
  // Without waiting: another run may take hours.
  auto lock = system.lock(path_join(directory, "lock"), {geteuid(), getegid(), 0600}, 0);
  if (!lock && lock.error().code == Errc::busy)
    return fail(Errc::busy, "another vstate is at work on this server", Scope::run);
  return lock;
}

Result<FileLock> take_run_lock(Session& session) {
  auto lock = take_run_lock(*session.system);
  // Only below the lock is it certain that what looks stopped belongs to no other run.
  if (lock) VSTATE_TRY(session.store->backend().mend());
  return lock;
}

Result<std::unique_ptr<DeliveryFreeze>> freeze_deliveries(const Session& session,
                                                          const DomainName& name, Freeze wanted) {
  if (wanted == Freeze::no) return nullptr;
  if (session.system_accounts)
    return fail(Errc::unsupported, "--freeze holds off deliveries to domains of vpopmail alone",
                Scope::run);
  const auto* assigned = session.qmail->find(name.text());
  if (assigned == nullptr)
    return fail(Errc::not_found,
                fmt::format("{}: there is no such domain on this server", name.text()));
  // The session of a source cannot change anything, but for this.
  if (const auto* there = dynamic_cast<const remote::RemoteSystem*>(session.system.get()))
    return remote::RemoteFreeze::begin(*there, assigned->directory);
  LocalSystem system(session.system->root());
  return LocalFreeze::begin(system, assigned->directory);
}

}  // namespace vstate::engine
