/// \file
/// The runs that changed something here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/subject.h"
#include "vstate/base/result.h"

namespace vstate {

class Database;

/// What became of one action of a run.
struct RunChange {
  std::string address;  ///< plan/plan.h:address_of
  std::string failure;  ///< empty: done
};

/// One apply or pull of one domain that changed something, or tried.
struct Run {
  std::int64_t number = 0;
  std::string command;  ///< "apply", "pull"
  std::string domain;
  std::chrono::sys_seconds started{};
  std::optional<std::chrono::sys_seconds> ended;  ///< nothing: it was stopped before its end
  std::string summary;                            ///< as the run printed it; empty while it runs
  std::uint64_t messages = 0, bytes = 0;
  std::vector<RunChange> changes;
};

/// A part of a Ledger, valid as long as that is open.
class RunHistory {
 public:
  explicit RunHistory(Database& database) : database_(database) {}

  /// Returns the run's number.
  Result<std::int64_t> begin(const std::string& command, const Subject&);
  Status end(const Run&);
  /// The newest first; of one domain, or of all (empty). Changes are read only if asked for.
  [[nodiscard]] Result<std::vector<Run>> latest(const std::string& domain, std::size_t most,
                                                bool with_changes) const;

 private:
  Database& database_;
};

}  // namespace vstate
