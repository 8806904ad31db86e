// Pulling from a host: this side says what it has, the other side sends the rest as a stream, and
// the stream is applied. What is said to be there must really be there, or it would never be sent
// again.

#include "pull/pull.h"

#include "apply/archives.h"
#include "inspect/inspect.h"

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

Result<PullReport> pull_from_host(Session& target, const RemoteOptions& options,
                                  const DomainName& domain, ApplyOptions apply,
                                  RunObserver& observer) {
  const auto& selection = apply.plan.selection;
  auto have = what_is_here(target, domain, selection);
  // Without the ledger nothing is known to be here, and all of it comes.
  if (forgets_damaged_ledger(target)) have = what_is_here(target, domain, selection);
  if (!have) return propagate(have);
  VSTATE_TRY_ASSIGN(auto dump, RemoteDump::start(options, domain, *have));
  const StreamOrigin origin{.title = options.host, .wanted = &domain, .is_excluded_there = true};
  VSTATE_TRY_ASSIGN(auto applied,
                    apply_stream(target, dump.stream(), origin, std::move(apply), observer));
  dump.end();
  return PullReport{.outcome = std::move(applied.outcome),
                    .has_source_changed = applied.has_source_changed,
                    .last_look = std::nullopt,
                    .source = std::nullopt};
}

}  // namespace vstate::engine
