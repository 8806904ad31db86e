/// \file
/// A change of an alias's rows where the engine has no transactions. It stands in a file below the
/// domains' directory from before the first row goes until after the last one is there; from then
/// on it counts as made, and `finish` makes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/tables/parts.h"

namespace vstate::sql {

class RowsJournal {
 public:
  explicit RowsJournal(Tables& tables) : tables_(tables) {}
  struct Change {
    std::string directory, domain, name;  ///< the domain's directory and name, the alias
    std::vector<std::string> before, after;
  };
  Status begin(const Change&, const Ownership&);
  Status end();
  [[nodiscard]] Result<std::optional<Change>> pending() const;
  /// True if rows are some of those before the change or of those after it: then nobody else
  /// changed them since it was stopped.
  [[nodiscard]] static bool may_finish(const Change&, const std::vector<std::string>& now);
  /// Makes a change that a stopped run left.
  Status finish();

 private:
  [[nodiscard]] std::string path() const;
  Tables& tables_;
};

}  // namespace vstate::sql
