/// \file
/// server.toml on the command line: what each command does with it, beside the domains of its run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/tally.h"
#include "cli/view/run_view.h"
#include "engine/saved_plan.h"
#include "engine/server_settings.h"

namespace vstate::cli {

/// Prints server.toml, or writes it into `file` if that is not empty, and says what is left out.
[[nodiscard]] Exit dump_settings(const Console&, engine::Session&, const CommonOptions&,
                                 const std::string& file);

/// Shows a plan unless it is wanted as JSON.
struct PlannedSettings {
  Exit exit = Exit::done;
  std::optional<ServerPlan> plan;
  bool is_heard = true;  ///< standard output could be written
};
[[nodiscard]] PlannedSettings plan_settings(const Console&, engine::Session&,
                                            const engine::ServerFile&, const CommonOptions&,
                                            const PlanOptionsText&);

struct SettingsRun {
  const CommonOptions& common;
  const PlanOptionsText& options;
  const engine::SavedPlan* saved = nullptr;  ///< refuses what is not planned as it was
};
/// Carries the file out, and enters what became of it.
void apply_settings(const Console&, engine::Session&, const engine::ServerFile&, const SettingsRun&,
                    RunView&);

[[nodiscard]] Exit verify_settings(const Console&, engine::Session&, const engine::ServerFile&,
                                   const CommonOptions&, const PlanOptionsText&);

}  // namespace vstate::cli
