/// \file
/// Plans saved by `plan -o`: what was planned, from which files, against which server. Holds no
/// secrets: the files are read again, and must be the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/options.h"
#include "cli/session.h"

namespace vstate::cli {

struct SavedPlan {
  std::vector<std::string> files, digests;  ///< absolute names, SHA-256 of their bytes
  std::string mail, root, convert;
  Selection selection;
  bool prune = false, overwrite = false, alter = false;
  std::uint64_t max_delete = 0;
  std::vector<std::string> plans;  ///< one JSON text a file, as the plan view makes it
};

/// Writes the file (0600, by rename).
[[nodiscard]] Status save_plan(const std::string& path, const CommonOptions&,
                               const PlanOptionsText&, const std::vector<DomainFile>&,
                               const std::vector<nlohmann::ordered_json>& plans);

/// Nothing if the file is no saved plan; `invalid` for a damaged one or one of another version.
[[nodiscard]] Result<std::optional<SavedPlan>> load_plan(const std::string& path);

/// Why a saved plan may not be carried out any more; empty if it is fresh. `index` is the file's
/// place in the plan, `now` the plan as it would be made now.
[[nodiscard]] std::string staleness(const SavedPlan&, std::size_t index, const DomainFile&,
                                    const nlohmann::ordered_json& now);

}  // namespace vstate::cli
