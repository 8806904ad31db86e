// Pulling from a host: this side says what it has, the other side sends the rest as a stream, and
// the stream is applied. What is said to be there must really be there, or it would never be sent
// again.

#include "apply/archives.h"
#include "inspect/inspect.h"
#include "pull/pull_run.h"

namespace vstate::engine {

namespace {

/// What the ledger remembers of mailboxes that are still there.
Result<Have> what_is_here(Session& target, const DomainName& domain, const Selection& selection) {
  Have have;
  if (!target.memory) return have;
  VSTATE_TRY_ASSIGN(const auto observation,
                    inspect_domain(*target.system, target.server, *target.store, *target.qmail,
                                   domain, selection));
  VSTATE_TRY_ASSIGN(const auto boxes, target.memory->mail().boxes(domain));
  for (const auto& [kind, name] : boxes) {
    const auto box_kind = parse_box_kind(kind);
    if (!box_kind) continue;  // what is remembered of something else, such as conversions
    const Box box{*box_kind, name};
    const auto place = archive_target(box, observation.condition.paths);
    // A mailbox whose home is gone needs all of its mail again, whatever the ledger remembers.
    if (!place || place->empty()) continue;
    VSTATE_TRY_ASSIGN(const bool is_there, target.system->exists(*place));
    if (!is_there) continue;
    VSTATE_TRY_ASSIGN(auto memory, target.memory->mail().memory_of(domain, kind, name));
    have.insert_or_assign(box, std::move(memory));
  }
  return have;
}

}  // namespace

Status PullRun::pull(const RemoteOptions& options, const DomainName& name) {
  const auto& selection = options_.plan.selection;
  const auto& here = renamed(name, options.renaming);
  auto have = what_is_here(target_, here, selection);
  // Without the ledger nothing is known to be here, and all of it comes.
  if (forgets_damaged_ledger(target_)) have = what_is_here(target_, here, selection);
  if (!have) return propagate(have);
  VSTATE_TRY_ASSIGN(auto dump, RemoteDump::start(options, name, *have));
  const StreamOrigin origin{.title = options.host, .wanted = &here, .is_excluded_there = true};
  auto domain = std::make_unique<Domain>(name, here);
  VSTATE_TRY_ASSIGN(domain->streamed,
                    StreamedDomain::read(target_, dump.stream(), origin, selection, observer_));
  domain->is_in_run = domain->streamed->is_sound();
  if (domain->is_in_run) {
    domain->streamed->apply(run_);
    // The other side holds deliveries off until its end.
    if (options.freeze == Freeze::yes) run_.publish();
    domain->report.has_source_changed = dump.stream().has_source_changed();
  }
  dump.end();
  await(std::move(domain));
  return {};
}

}  // namespace vstate::engine
