// What is common to all sources: which domains wait for their publication, and what becomes of
// them.

#include "pull/pull_run.h"

#include <algorithm>

namespace vstate::engine {

namespace {

void take_second_look(const SourceLook& look, PullReport& report) {
  report.last_look = look.failure();
  report.has_source_changed = look.has_changed();
}

}  // namespace

PullRun::PullRun(Session& target, const ApplyOptions& options, RunObserver& observer)
    : target_(target),
      options_(options),
      prunes_(options.plan.prune),
      observer_(observer),
      run_(target, options_, observer) {}

PullRun::~PullRun() = default;

void PullRun::publish() {
  run_.publish();
  for (const auto& domain : waiting_)
    if (domain->ahead != nullptr) domain->ahead->wait_for(domain->name);
  settle();
}

/// A domain without a document is not in the run: nothing was done, and its report says so.
void PullRun::await(std::unique_ptr<Domain> domain) {
  if (domain->is_in_run)
    waiting_.push_back(std::move(domain));
  else
    finished_.push_back({domain->name, std::move(domain->report)});
  settle();
}

void PullRun::settle() {
  for (auto& outcome : run_.take_outcomes()) {
    const auto domain = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& waiting) {
      return waiting->here == outcome.domain;
    });
    if (domain == waiting_.end()) continue;
    (*domain)->report.outcome = std::move(outcome);
  }
  std::erase_if(waiting_, [&](const auto& domain) {
    const bool is_looked_at = domain->ahead == nullptr || domain->ahead->is_over(domain->name);
    if (!domain->report.outcome || !is_looked_at) return false;
    if (domain->look) take_second_look(*domain->look, domain->report);
    finished_.push_back({domain->name, std::move(domain->report)});
    return true;
  });
}

std::vector<PullRun::Pulled> PullRun::take_finished() { return std::exchange(finished_, {}); }

}  // namespace vstate::engine
