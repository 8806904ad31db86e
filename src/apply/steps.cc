// The bookkeeping of a run: each action is told as it begins and ends, failures are kept with their
// address, and what was done is known to the ledger by the same addresses. A failure is returned
// only where nothing can go on.

#include "apply/steps.h"

namespace vstate {

Status Steps::perform(const Action& action, const std::function<Status()>& work) {
  begin(action);
  return end(action, work());
}

Status Steps::end(const Action& action, const Status& status) {
  observer_.on_end(action, status ? std::string() : status.error().message);
  if (!status) return keep_failure(address_of(action), status.error());
  ++report.done;
  done_.insert(address_of(action));
  return {};
}

Status Steps::note_failure(const std::string& address, const Error& error) {
  observer_.on_failure(address, error.message);
  return keep_failure(address, error);
}

Status Steps::keep_failure(std::string address, const Error& error) {
  report.failures.push_back({std::move(address), error.message});
  if (error.ends_run()) return tl::unexpected<Error>(error);
  return {};
}

std::set<std::string> Steps::undone() const {
  std::set<std::string> addresses;
  // Everything that was not reported as done counts as not done, also what a stop has never let
  // begin.
  for (const auto& action : plan_.actions)
    if (!done_.contains(address_of(action))) addresses.insert(address_of(action));
  return addresses;
}

}  // namespace vstate
