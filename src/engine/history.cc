// The history is read without any lock and with no more rights than reading takes, so that it can
// be asked for while an apply is at work.

#include "engine/history.h"

namespace vstate::engine {

Result<std::vector<Run>> earlier_runs(const std::string& root, const std::string& domain,
                                      std::uint64_t most) {
  const ReadOnlySystem system(root);
  VSTATE_TRY_ASSIGN(const auto ledger, Ledger::look(system));
  if (!ledger) return std::vector<Run>();
  return ledger->runs().latest(domain, most, true);
}

}  // namespace vstate::engine
