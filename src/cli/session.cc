#include "cli/session.h"
#include "domain/place.h"
#include "engine/archives.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "cli/host_file.h"
#include "delivery/convert.h"
#include "delivery/deliver.h"
#include "sys/crypt.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

volatile std::sig_atomic_t g_signals = 0;

void on_signal(int) {
  if (g_signals > 0) std::_Exit(static_cast<int>(Exit::interrupted));
  g_signals = 1;
}

std::string g_begun;  // of standard input

/// Calls `visit(kind, name, subject, archive)` for each archive that the file names.
template <class Visit>
void for_each_archive(const State& state, Visit visit) {
  for (const auto& [name, mailbox] : state.mailboxes)
    if (mailbox.mail)
      visit(ArchiveKind::mailbox, name.text(), "mailbox." + name.text() + ".mail", *mailbox.mail);
  for (const auto& [name, list] : state.lists)
    if (list.archive)
      visit(ArchiveKind::list, name.text(), "list." + name.text() + ".archive", *list.archive);
  if (state.archive)
    visit(ArchiveKind::files, std::string(), std::string("domain.archive"), *state.archive);
}

/// The archive and its increments, with the name of each in the file.
template <class Visit>
void for_each_part(const ArchiveRef& archive, const std::string& subject, Visit visit) {
  visit(subject, static_cast<const ArchivePart&>(archive));
  for (std::size_t i = 0; i < archive.increments.size(); ++i)
    visit(fmt::format("{}.increments[{}]", subject, i), archive.increments[i]);
}

Place place_of(const DomainFile& file, const std::string& subject) {
  const auto found = file.places.find(subject);
  return found != file.places.end() ? found->second : Place{file.name, 0, 0};
}

Result<MailMemory> memory_of(const Session& session, const DomainName& domain, ArchiveKind kind,
                             const std::string& name) {
  if (!session.memory) return MailMemory();
  return session.memory->mail_of(domain, std::string(kind_name(kind)), name);
}

/// How many archives of the beginning the ledger knows to be wholly in, as they are now.
std::size_t known_parts(const Session& session, const DomainFile& file, ArchiveKind kind,
                        const std::string& name, const ArchiveRef& archive) {
  if (!session.memory) return 0;
  const auto paths = archive_files(file.archive_root, archive).paths();
  for (auto count = paths.size(); count > 0; --count) {
    const auto end = paths.begin() + static_cast<std::ptrdiff_t>(count);
    const auto identity =
        archive_identity(ArchiveFiles(std::vector<std::string>(paths.begin(), end)));
    if (!identity) continue;
    const auto is_in = session.memory->has_archive(file.state.name, std::string(kind_name(kind)),
                                                   name, digests_of(archive, count), *identity);
    if (is_in && *is_in) return count;
  }
  return 0;
}

/// Also where an earlier run converted it: its folders are not named back.
bool has_dovecot_folders(const Session& session, const DomainFile& file, ArchiveKind kind,
                         const std::string& name, const PlanOptions& options) {
  if (kind != ArchiveKind::mailbox || options.to_dovecot || !session.memory)
    return kind == ArchiveKind::mailbox && options.to_dovecot;
  const auto converted = session.memory->mail_of(file.state.name, k_conversions, name);
  return converted && !converted->empty();
}

void compare_archives(Session& session, const DomainFile& file, const Paths& paths,
                      const PlanOptions& options, TargetFacts& facts, Diagnostics& diagnostics) {
  for_each_archive(file.state, [&](ArchiveKind kind, const std::string& name,
                                   const std::string& subject, const ArchiveRef& archive) {
    // Below a home that does not exist yet, nothing is there.
    const auto target = archive_target(kind, name, paths).value_or(path_join(paths.domain, name));
    const auto parts = archive.increments.size() + 1;
    const auto is_there = session.system->exists(target);
    if (!is_there) {
      diagnostics.error(place_of(file, subject), is_there.error().message);
      return;
    }
    const auto known = !options.reads_all_archives && *is_there
                           ? known_parts(session, file, kind, name, archive)
                           : 0;
    // All of it came once; what is not there any more, its owner deleted.
    if (known == parts) return;
    auto memory = memory_of(session, file.state.name, kind, name);
    const bool has_dovecot = has_dovecot_folders(session, file, kind, name, options);
    const auto reserved = reserved_in(kind, paths, file.state);
    auto found =
        memory ? compare_archive(*session.system, archive_files(file.archive_root, archive, known),
                                 target, on_difference(kind), {}, &*memory, has_dovecot, &reserved)
               : Result<ArchiveStatus>(tl::unexpected<Error>(memory.error()));
    if (!found) {
      diagnostics.error(place_of(file, subject),
                        fmt::format("{}: {}", subject, found.error().message));
      return;
    }
    std::size_t number = 0;
    bool is_right = true;
    for_each_part(archive, subject, [&](const std::string& part_subject, const ArchivePart& part) {
      if (number++ < known) return;
      const auto& digest = found->digests[number - 1 - known];
      if (digest == part.sha256) return;
      is_right = false;
      diagnostics.error(place_of(file, part_subject),
                        fmt::format("{}: {} has the digest {}…, the file says {}…", part_subject,
                                    path_join(file.archive_root, part.archive),
                                    digest.substr(0, 12), part.sha256.substr(0, 12)),
                        "take the archive that was dumped with this file");
    });
    if (!is_right) return;
    facts.archives.push_back({kind, name, archive, found->messages_missing, found->bytes_missing,
                              found->files_missing, found->kept, found->replaced, found->refused,
                              found->identity, found->repeated, found->has_courier_files,
                              has_dovecot, found->messages_changed, known});
  });
}

/// What an earlier apply without --convert left, or a conversion that was stopped.
Status find_conversions(Session& session, const DomainFile& file, const Condition& condition,
                        const PlanOptions& options, TargetFacts& facts) {
  if (!options.to_dovecot) return {};
  for (const auto& [name, mailbox] : file.state.mailboxes) {
    const auto home = condition.paths.homes.find(name.text());
    if (home == condition.paths.homes.end()) continue;
    MailMemory memory;
    if (session.memory) {
      VSTATE_TRY_ASSIGN(memory,
                        session.memory->mail_of(file.state.name, k_conversions, name.text()));
    }
    const auto found = convert_courier(*session.system, home->second, condition.owner,
                                       fmt::format("{}@{}", name.text(), file.state.name.text()),
                                       memory, nullptr, "", ConvertMode::look);
    // What stands in the way is told of that mailbox, and holds up no other.
    if (!found || found->folders > 0) facts.to_convert.insert(name.text());
  }
  return {};
}

/// The mail of mailboxes that the file does not name.
Status count_mail_of_others(const Session& session, const State& desired,
                            const Observation& observation, TargetFacts& facts) {
  for (const auto& [name, source] : observation.mailbox_archives) {
    if (desired.mailboxes.contains(name)) continue;
    VSTATE_TRY_ASSIGN(const auto count, count_tree(*session.system, source));
    facts.mail_here[name.text()] = {count.messages, count.bytes};
  }
  return {};
}

bool adds_mailboxes(const Plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
    const auto* change = std::get_if<Change<Mailbox>>(&action);
    return change != nullptr && !change->before;
  });
}

}  // namespace

Result<std::string> read_input(const std::string& name) {
  if (name != "-") return read_host_file(name);
  VSTATE_TRY_ASSIGN(auto rest, read_all(STDIN_FILENO, "standard input"));
  return g_begun + rest;
}

std::string read_begin(int file, std::chrono::seconds patience) {
  constexpr std::size_t enough = 4;
  std::string begun(enough, '\0');
  std::size_t done = 0;
  while (done < enough && can_be_read(file, patience)) {
    const auto count = ::read(file, begun.data() + done, enough - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  begun.resize(done);
  return begun;
}

void set_standard_input(std::string begun) { g_begun = std::move(begun); }

Status InterruptibleSystem::before_step(std::string_view what, std::string_view) {
  // What was done is recorded also by a run that was told to stop.
  if (g_signals == 0 || what == "record") return {};
  return fail(Errc::interrupted, "interrupted; what is done is done, run it again for the rest",
              Scope::run);
}

void InterruptibleSystem::watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

namespace {

void forget_ledger(Session& session, std::string problem, bool is_damaged) {
  session.memory.reset();
  session.memory_problem = std::move(problem);
  session.is_memory_damaged = is_damaged;
}

constexpr std::string_view k_damaged =
    "the ledger is damaged: what earlier runs did is not known, and what was changed or deleted "
    "here "
    "since then is not told from what never came";

}  // namespace

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
    return tl::unexpected<Error>(ledger.error());
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
  if (!ledger) return ledger;
  session.is_memory_damaged = false;
  if (!ledger->moved_to().empty())
    Console::error(fmt::format("the ledger was damaged; it is now {}, and a new one was made",
                               ledger->moved_to()));
  return ledger;
}

Result<Session> open_session(const CommonOptions& options, Access access) {
  if (!std::filesystem::is_directory(options.root))
    return fail(Errc::not_found, fmt::format("{}: is not a directory", options.root), Scope::run);
  Session session;
  if (access == Access::read)
    session.system = std::make_unique<ReadOnlySystem>(options.root);
  else
    session.system = std::make_unique<InterruptibleSystem>(options.root);
  VSTATE_TRY_ASSIGN(session.server, detect_server(*session.system, options.server));
  VSTATE_TRY_ASSIGN(session.store, open_store(*session.system, session.server));
  VSTATE_TRY_ASSIGN(session.qmail, QmailFiles::load(*session.system, session.server));
  VSTATE_TRY(look_at_ledger(session));
  return session;
}

Result<std::optional<DeliveryFreeze>> freeze_deliveries(const Session& session,
                                                        const DomainName& name, bool is_wanted) {
  if (!is_wanted) return std::optional<DeliveryFreeze>();
  const auto* assigned = session.qmail->find(name.text());
  if (assigned == nullptr)
    return fail(Errc::not_found,
                fmt::format("{}: there is no such domain on this server", name.text()));
  // The session of a source cannot change anything, but for this.
  System system(session.system->root());
  VSTATE_TRY_ASSIGN(auto freeze, DeliveryFreeze::begin(system, assigned->directory));
  return std::optional(std::move(freeze));
}

Exit unfrozen(std::optional<DeliveryFreeze>& freeze, Exit exit) {
  if (!freeze) return exit;
  const auto ended = freeze->end();
  return ended ? exit : Console::fail(ended.error());
}

Result<FileLock> take_run_lock(Session& session) {
  auto& system = *session.system;
  std::string path;
  const Ownership mine{geteuid(), getegid(), 0700};
  for (const auto* part : {"/var", "/var/lib", "/var/lib/vstate"}) {
    path = part;
    VSTATE_TRY_ASSIGN(const bool is_there, system.exists(path));
    if (is_there) continue;
    // What is above is the system's own and stays open to everybody.
    const Ownership ownership{mine.uid, mine.gid, path == "/var/lib/vstate" ? 0700U : 0755U};
    VSTATE_TRY(system.ensure_directory(path, ownership));
  }
  auto lock = system.lock(path_join(path, "lock"), {mine.uid, mine.gid, 0600}, 0);
  if (!lock && lock.error().code == Errc::busy)
    return fail(Errc::busy, "another vstate is at work on this server", Scope::run);
  // What looks stopped belongs to nobody only below the lock.
  if (lock) VSTATE_TRY(session.store->mend());
  return lock;
}

namespace {

/// Whether the archives that a file names are there. All of them missing is one mistake.
bool check_archives(const DomainFile& file, Diagnostics& diagnostics) {
  std::vector<std::pair<std::string, std::string>> missing;  // subject, path
  std::size_t count = 0;
  for_each_archive(file.state, [&](ArchiveKind, const std::string&, const std::string& subject,
                                   const ArchiveRef& archive) {
    for_each_part(archive, subject, [&](const std::string& part_subject, const ArchivePart& part) {
      const auto path = path_join(file.archive_root, part.archive);
      std::error_code ignored;
      ++count;
      if (!std::filesystem::is_regular_file(path, ignored))
        missing.emplace_back(part_subject, path);
    });
  });
  constexpr std::size_t many = 3;
  if (missing.size() == count && count > many) {
    diagnostics.error({file.name, 0, 0},
                      fmt::format("none of its {} archives is below {}", with_thousands(count),
                                  file.archive_root),
                      "name their directory with --mail");
    return false;
  }
  for (const auto& [subject, path] : missing)
    diagnostics.error(place_of(file, subject),
                      fmt::format("{}: there is no archive {}", subject, path),
                      "name its directory with --mail, or take the key out");
  return missing.empty();
}

}  // namespace

std::optional<DomainFile> read_domain_file(const std::string& name, const std::string& mail,
                                           Diagnostics& diagnostics, const Selection& selection) {
  const auto shown = name == "-" ? std::string("standard input") : name;
  const auto text = read_input(name);
  if (!text) {
    diagnostics.error({"", 0, 0}, text.error().message);
    return std::nullopt;
  }
  document::Places places;
  std::vector<std::string> unmatched;
  auto state = document::read(*text, shown, diagnostics, &places, selection, &unmatched);
  if (!state) return std::nullopt;
  const auto beside =
      name == "-" ? std::filesystem::path(".") : std::filesystem::path(name).parent_path();
  DomainFile file{shown,
                  sha256_hex(*text),
                  *std::move(state),
                  std::move(places),
                  mail.empty() ? (beside.empty() ? "." : beside.string()) : mail,
                  std::move(unmatched)};
  return check_archives(file, diagnostics) ? std::optional(std::move(file)) : std::nullopt;
}

std::vector<DomainFile> read_domain_files(const std::vector<std::string>& names,
                                          const std::string& mail, Diagnostics& diagnostics,
                                          const Selection& selection) {
  std::vector<DomainFile> files;
  std::map<DomainName, std::string> described;
  for (const auto& name : names) {
    auto file = read_domain_file(name, mail, diagnostics, selection);
    if (!file) continue;
    const auto [first, is_new] = described.emplace(file->state.name, file->name);
    if (!is_new)
      diagnostics.error(
          place_of(*file, "domain"),
          fmt::format("{} is described in {} already", first->first.text(), first->second),
          "name one of the two");
    files.push_back(*std::move(file));
  }
  return files;
}

std::optional<DomainFile> parse_domain_file(const std::string& shown, const std::string& text,
                                            Diagnostics& diagnostics, const Selection& selection) {
  document::Places places;
  std::vector<std::string> unmatched;
  auto state = document::read(text, shown, diagnostics, &places, selection, &unmatched);
  if (!state) return std::nullopt;
  return DomainFile{shown, sha256_hex(text),    *std::move(state), std::move(places),
                    ".",   std::move(unmatched)};
}

namespace {

Result<Prepared> prepare_once(Session& session, const DomainFile& file, const PlanOptions& options,
                              Diagnostics& diagnostics, const std::string& feed) {
  VSTATE_TRY(look_at_qmail(session));
  VSTATE_TRY_ASSIGN(auto fresh, preview_directory(*session.store, session.server, file.state.name));
  TargetFacts facts;
  facts.feed = feed;
  facts.foreign_names = foreign_names(*session.qmail, file.state);
  facts.new_directory = fresh.path;
  facts.new_directory_is_hashed = fresh.is_hashed;
  Observation observation;
  if (!facts.foreign_names.contains(file.state.name.text())) {
    VSTATE_TRY_ASSIGN(
        observation, inspect_domain(*session.system, session.server, *session.store, *session.qmail,
                                    file.state.name, options.selection));
  }
  for (const auto& [name, mailbox] : file.state.mailboxes)
    if (kind_of(mailbox.password) == PasswordKind::hash &&
        !crypt_accepts(mailbox.password.reveal()))
      facts.refused_hashes.insert(name.text());
  auto paths = observation.condition.paths;
  if (paths.domain.empty()) paths.domain = facts.new_directory;
  for (const auto& program : programs_of(file.state, paths)) {
    VSTATE_TRY_ASSIGN(const bool is_there, session.system->is_executable(program));
    if (!is_there) facts.missing_programs.insert(program);
  }
  if (const auto space = session.system->free_space(paths.domain); space) {
    facts.free_bytes = space->bytes;
    facts.free_inodes = space->inodes;
  }
  compare_archives(session, file, paths, options, facts, diagnostics);
  VSTATE_TRY(find_conversions(session, file, observation.condition, options, facts));
  const DomainLocation location{
      file.state.name, paths.domain,
      observation.condition.directory.empty() ? session.server.owner : observation.condition.owner};
  VSTATE_TRY_ASSIGN(facts.misfits, session.store->find_misfits(location, file.state, paths));
  const State* actual = observation.state ? &*observation.state : nullptr;
  if (options.prune && actual != nullptr)
    VSTATE_TRY(count_mail_of_others(session, file.state, observation, facts));
  Memory memory;
  // A domain whose directory is gone has no past here: it is made anew.
  if (session.memory && observation.condition.has_directory) {
    VSTATE_TRY_ASSIGN(
        memory, session.memory->memory_of(file.state.name, disputed_items(file.state, actual)));
  }
  auto plan = make_plan({file.state, actual, observation.condition, session.server, facts, options,
                         std::move(memory)});
  if (!session.memory_problem.empty())
    plan.notes.push_back({NoteKind::warning, "ledger", "", session.memory_problem});
  if (adds_mailboxes(plan) && observation.condition.has_directory) {
    // A counter that cannot be read would stop the apply half way.
    const auto placement = session.store->read_placement(location);
    if (!placement) plan.problems.push_back(placement.error().message);
  }
  if (!plan.is_empty()) {
    VSTATE_TRY_ASSIGN(auto obstacle, session.store->write_obstacle());
    if (!obstacle.empty()) plan.problems.push_back(std::move(obstacle));
  }
  return Prepared{std::move(observation), std::move(facts), std::move(plan)};
}

}  // namespace

Result<Prepared> prepare(Session& session, const DomainFile& file, const PlanOptions& options,
                         Diagnostics& diagnostics, const std::string& feed) {
  const auto before = diagnostics;
  auto prepared = prepare_once(session, file, options, diagnostics, feed);
  if (!forgets_damaged_ledger(session)) return prepared;
  diagnostics = before;
  return prepare_once(session, file, options, diagnostics, feed);
}

PlanOptions plan_options(const CommonOptions& common, const PlanOptionsText& text) {
  PlanOptions options;
  options.prune = text.prune;
  options.overwrite = text.overwrite;
  options.alter = text.alter;
  options.to_dovecot = !text.convert.empty();
  options.selection = common.selection;
  options.max_delete = text.max_delete;
  return options;
}

}  // namespace vstate::cli
