/// \file
/// One function a command.
#pragma once

#include "cli/exit.h"
#include "cli/options.h"

namespace vstate::cli {

[[nodiscard]] Exit run_dump(const CommonOptions&, const DumpOptions&);
[[nodiscard]] Exit run_plan(const CommonOptions&, const PlanOptionsText&);
[[nodiscard]] Exit run_apply(const CommonOptions&, const PlanOptionsText&);
[[nodiscard]] Exit run_verify(const CommonOptions&, const PlanOptionsText&);
[[nodiscard]] Exit run_check(const CommonOptions&, const PlanOptionsText&);
[[nodiscard]] Exit run_list(const CommonOptions&, const ListOptions&);
[[nodiscard]] Exit run_route(const CommonOptions&, const std::vector<std::string>& addresses);
[[nodiscard]] Exit run_pull(const CommonOptions&, const PullOptions&);
[[nodiscard]] Exit run_cutover(const CommonOptions&, const CutoverOptions&);
[[nodiscard]] Exit run_rollback(const CommonOptions&, const RollbackOptions&);
[[nodiscard]] Exit run_history(const CommonOptions&, const HistoryOptions&);
[[nodiscard]] Exit run_export(const CommonOptions&, const ExportOptions&);
[[nodiscard]] Exit run_schema(const SchemaOptions&);

/// Everything after `main`: parses, runs, returns the exit status.
[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace vstate::cli
