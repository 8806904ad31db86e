// The history is read without any lock and with no more rights than reading takes, so that it can
// be asked for while an apply is at work.

#include "engine/run/history.h"

namespace vstate::engine {

Result<std::vector<Run>> earlier_runs(const ServerOptions& server, const std::string& domain,
                                      std::uint64_t most) {
  VSTATE_TRY_ASSIGN(const auto system, open_system(server, Access::read));
  VSTATE_TRY_ASSIGN(const auto ledger, Ledger::look(*system));
  if (!ledger) return std::vector<Run>();
  return ledger->runs().latest(domain, most, true);
}

}  // namespace vstate::engine
