// A plan is a pure function; everything of the target that it needs besides the domain's state is
// gathered here beforehand. It is read only, since a plan writes nothing.

#include "engine/facts.h"

#include <fmt/format.h>

#include "delivery/convert.h"
#include "domain/directory.h"
#include "engine/archive_facts.h"
#include "sys/crypt.h"

namespace vstate::engine {

namespace {

std::set<std::string> refused_hashes(const State& state) {
  std::set<std::string> out;
  for (const auto& [name, mailbox] : state.mailboxes)
    // What is no hash at all is warned of by itself.
    if (kind_of(mailbox.password) == PasswordKind::hash &&
        !crypt_accepts(mailbox.password.reveal()))
      out.insert(name.text());
  return out;
}

Result<std::set<std::string>> missing_programs(const Session& session, const State& state,
                                               const Paths& paths) {
  std::set<std::string> out;
  for (const auto& program : programs_of(state, paths)) {
    VSTATE_TRY_ASSIGN(const bool is_there, is_executable(*session.system, program));
    if (!is_there) out.insert(program);
  }
  return out;
}

/// Mailboxes that an earlier apply left without a conversion, or with one that was stopped.
Result<std::set<std::string>> mailboxes_to_convert(Session& session, const DomainFile& file,
                                                   const Condition& condition) {
  std::set<std::string> out;
  for (const auto& [name, mailbox] : file.state.mailboxes) {
    const auto home = condition.paths.homes.find(name.text());
    if (home == condition.paths.homes.end()) continue;
    MailMemory memory;
    if (session.memory) {
      VSTATE_TRY_ASSIGN(
          memory, session.memory->mail().memory_of(file.state.name, k_conversions, name.text()));
    }
    const ConvertedHome converted{
        .home = home->second,
        .owner = condition.owner,
        .identity = fmt::format("{}@{}", name.text(), file.state.name.text())};
    // Without a batch the conversion only counts.
    const auto found = convert_courier(*session.system, converted, memory, nullptr);
    // What stands in the way is a failure of that mailbox, and holds up no other.
    if (!found || found->folders > 0) out.insert(name.text());
  }
  return out;
}

/// The mail of mailboxes that the file does not name.
Result<std::map<std::string, MailAmount>> mail_of_others(const Session& session,
                                                         const State& desired,
                                                         const Observation& observation) {
  std::map<std::string, MailAmount> out;
  for (const auto& [name, source] : observation.mailbox_archives) {
    if (desired.mailboxes.contains(name)) continue;
    VSTATE_TRY_ASSIGN(const auto count, count_tree(*session.system, source));
    out[name.text()] = {count.messages, count.bytes};
  }
  return out;
}

}  // namespace

Result<TargetFacts> facts_of_names(Session& session, const State& desired) {
  TargetFacts facts;
  // This is only a look: the counter does not move before the domain is made.
  VSTATE_TRY_ASSIGN(auto fresh, preview_directory(*session.store, session.server, desired.name));
  facts.foreign_names = foreign_names(*session.qmail, desired);
  facts.new_directory = fresh.path;
  facts.new_directory_is_hashed = fresh.is_hashed;
  return facts;
}

Status add_facts(TargetFacts& facts, Session& session, const DomainFile& file,
                 const Observation& observation, const PlanOptions& options,
                 Diagnostics& diagnostics) {
  const auto paths = paths_on_target(observation, facts);
  facts.refused_hashes = refused_hashes(file.state);
  VSTATE_TRY_ASSIGN(facts.missing_programs, missing_programs(session, file.state, paths));
  // Where it cannot be asked, the plan does not judge the space.
  if (const auto space = session.system->free_space(paths.domain); space) {
    facts.free_bytes = space->bytes;
    facts.free_inodes = space->inodes;
  }
  facts.archives = compare_archives(session, file, paths, options, diagnostics);
  if (options.to_dovecot) {
    VSTATE_TRY_ASSIGN(facts.to_convert, mailboxes_to_convert(session, file, observation.condition));
  }
  VSTATE_TRY_ASSIGN(
      facts.misfits,
      session.store->backend().find_misfits(
          location_on_target(session, file.state.name, observation, facts), file.state, paths));
  // Their mail is counted only where the plan may delete them, since that walks all of it.
  if (options.prune && observation.state) {
    VSTATE_TRY_ASSIGN(facts.mail_here, mail_of_others(session, file.state, observation));
  }
  return {};
}

Paths paths_on_target(const Observation& observation, const TargetFacts& facts) {
  auto paths = observation.condition.paths;
  // A domain that is yet to be made is planned with the directory that it will get.
  if (paths.domain.empty()) paths.domain = facts.new_directory;
  return paths;
}

DomainLocation location_on_target(const Session& session, const DomainName& name,
                                  const Observation& observation, const TargetFacts& facts) {
  const auto& condition = observation.condition;
  return {name, paths_on_target(observation, facts).domain,
          condition.directory.empty() ? session.server.owner : condition.owner};
}

}  // namespace vstate::engine
