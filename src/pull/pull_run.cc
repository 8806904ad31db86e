// What is common to all sources: which domains wait for their publication, and what becomes of
// them.

#include "pull/pull_run.h"

#include <algorithm>

namespace vstate::engine {

PullRun::PullRun(Session& target, const ApplyOptions& options, RunObserver& observer)
    : target_(target),
      options_(options),
      prunes_(options.plan.prune),
      observer_(observer),
      run_(target, options_, observer) {}

PullRun::~PullRun() = default;

void PullRun::publish() {
  run_.publish();
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
    finished_.push_back({(*domain)->name, std::move((*domain)->report)});
    waiting_.erase(domain);
  }
}

std::vector<PullRun::Pulled> PullRun::take_finished() { return std::exchange(finished_, {}); }

}  // namespace vstate::engine
