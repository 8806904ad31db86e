/// \file
/// What a run has done: each action is reported as it begins and ends, and failures are gathered.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/plan/plan.h"
#include "vstate/plan/report.h"

namespace vstate {

class Steps {
 public:
  Steps(const Plan& plan, ApplyObserver& observer) : plan_(plan), observer_(observer) {}

  /// Runs `work` for one action: reports it, notes a failure, and returns only what must end the
  /// run.
  Status perform(const Action&, const std::function<Status()>& work);
  /// The two halves of it, where several actions are done as one.
  void begin(const Action& action) { observer_.on_start(action); }
  Status end(const Action&, const Status&);
  /// Reports a failure that is no action's; returns only what must end the run.
  Status note_failure(const std::string& address, const Error&);
  /// Performs all actions of one type, in the plan's order.
  template <class ActionType, class Work>
  Status for_each(Work work) {
    for (const auto& action : plan_.actions)
      if (const auto* typed = std::get_if<ActionType>(&action))
        VSTATE_TRY(perform(action, [&] { return work(*typed); }));
    return {};
  }
  /// Addresses of actions that were not done.
  [[nodiscard]] std::set<std::string> undone() const;

  ApplyReport report;

 private:
  Status keep_failure(std::string address, const Error&);

  const Plan& plan_;
  ApplyObserver& observer_;
  std::set<std::string> done_;  ///< addresses of actions
};

}  // namespace vstate
