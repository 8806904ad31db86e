// The way from a file to a plan: what qmail says, what the target's state is, what only the target
// can tell, what the ledger remembers, and then the plan. A damaged ledger is found out only when
// it is asked, and then all is done once more without it.

#include "engine/prepare.h"

#include <algorithm>

#include "engine/facts.h"

namespace vstate::engine {

namespace {

bool adds_mailboxes(const Plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
    const auto* change = std::get_if<Change<Mailbox>>(&action);
    return change != nullptr && !change->before;
  });
}

/// What the ledger knows of the items that file and server do not have alike.
Result<Memory> memory_of(Session& session, const State& desired, const Observation& observation) {
  // A domain whose directory is gone has no past here: it is made anew.
  if (!session.memory || !observation.condition.has_directory) return Memory();
  const State* actual = observation.state ? &*observation.state : nullptr;
  return session.memory->domains().memory_of(desired.name, disputed_items(desired, actual));
}

/// Adds what would stop the apply half way: it is better known before it begins.
Status add_obstacles(Plan& plan, Session& session, const Observation& observation,
                     const TargetFacts& facts) {
  // A counter that cannot be read would stop the commit of the accounts, after their homes were
  // made.
  if (adds_mailboxes(plan) && observation.condition.has_directory) {
    const auto placement = session.store->accounts().read_placement(
        location_on_target(session, plan.domain, observation, facts));
    if (!placement) plan.problems.push_back(placement.error().message);
  }
  if (!plan.is_empty()) {
    VSTATE_TRY_ASSIGN(auto obstacle, session.store->backend().write_obstacle());
    if (!obstacle.empty()) plan.problems.push_back(std::move(obstacle));
  }
  return {};
}

Result<Prepared> prepare_once(Session& session, const DomainFile& file, const PlanOptions& options,
                              Diagnostics& diagnostics, const std::string& feed) {
  VSTATE_TRY(look_at_qmail(session));
  VSTATE_TRY_ASSIGN(auto facts, facts_of_names(session, file.state));
  facts.feed = feed;
  Observation observation;
  // A name that is another domain's alias here must not be inspected: it would show that domain's
  // state.
  if (!facts.foreign_names.contains(file.state.name.text())) {
    VSTATE_TRY_ASSIGN(
        observation, inspect_domain(*session.system, session.server, *session.store, *session.qmail,
                                    file.state.name, options.selection));
  }
  VSTATE_TRY(add_facts(facts, session, file, observation, options, diagnostics));
  VSTATE_TRY_ASSIGN(auto memory, memory_of(session, file.state, observation));
  auto plan = make_plan({.desired = file.state,
                         .actual = observation.state ? &*observation.state : nullptr,
                         .condition = observation.condition,
                         .server = session.server,
                         .facts = facts,
                         .options = options,
                         .memory = std::move(memory)});
  if (!session.memory_problem.empty())
    plan.notes.push_back({.kind = NoteKind::warning,
                          .subject_kind = "ledger",
                          .name = "",
                          .text = session.memory_problem});
  VSTATE_TRY(add_obstacles(plan, session, observation, facts));
  return Prepared{std::move(observation), std::move(facts), std::move(plan)};
}

}  // namespace

Result<Prepared> prepare(Session& session, const DomainFile& file, const PlanOptions& options,
                         Diagnostics& diagnostics, const std::string& feed) {
  // The second try reports anew, so the first one's reports are dropped.
  const auto before = diagnostics;
  auto prepared = prepare_once(session, file, options, diagnostics, feed);
  if (!forgets_damaged_ledger(session)) return prepared;
  diagnostics = before;
  return prepare_once(session, file, options, diagnostics, feed);
}

}  // namespace vstate::engine
