/// \file
/// Plans saved by `plan -o`: what was planned, from which files, against which server. They hold no
/// secrets: the files are read again, and must be the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/domain_file.h"
#include "engine/server_settings.h"
#include "vstate/plan/plan.h"
#include "vstate/plan/server_plan.h"

namespace vstate::engine {

struct SavedPlan {
  struct File {
    std::string name;         ///< absolute
    std::string digest;       ///< of its bytes
    std::string fingerprint;  ///< of its plan (plan/fingerprint.h)
  };
  std::vector<File> files;
  std::optional<File> settings = {};  ///< of the server (server.toml)
  std::string mail, root, secrets = {};
  PlanOptions options;
  Renaming renaming = {};
  bool takes_machine_keys = false;  ///< ServerPlanOptions
};

/// Writes the file (0600, by rename). Names and `mail` may be relative.
Status save_plan(const std::string& path, const SavedPlan&);

/// Returns nullopt if the file is no saved plan; fails with `invalid` for a damaged one, with
/// `unsupported` for one of another version.
[[nodiscard]] Result<std::optional<SavedPlan>> load_plan(const std::string& path);

/// The same of texts; `path` stands in errors.
[[nodiscard]] std::string to_text(const SavedPlan&);
[[nodiscard]] Result<std::optional<SavedPlan>> parse_plan(const std::string& text,
                                                          const std::string& path);

/// Why a saved plan may not be carried out any more; empty if it still holds. `now` is the plan of
/// the file as it would be made now.
[[nodiscard]] std::string staleness(const SavedPlan&, std::size_t index, const DomainFile&,
                                    const Plan& now);
/// The same of its settings. It must have some.
[[nodiscard]] std::string staleness(const SavedPlan&, const ServerFile&, const ServerPlan& now);

}  // namespace vstate::engine
