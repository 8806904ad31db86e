/// \file
/// What the command line says, as the engine takes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accounts/people.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "engine/domain_file.h"
#include "engine/session.h"
#include "vstate/plan/plan.h"

namespace vstate::cli {

[[nodiscard]] engine::ServerOptions server_options(const CommonOptions&);
[[nodiscard]] PlanOptions plan_options(const CommonOptions&, const PlanOptionsText&);
/// nullopt: domains of vpopmail are meant.
[[nodiscard]] std::optional<Choice> choice_of(const SystemOptions&);
/// How the files of a command are read; what one of them alone wants, it adds.
[[nodiscard]] engine::ReadOptions read_options(const CommonOptions&, const PlanOptionsText&);
[[nodiscard]] engine::Freeze freeze_of(bool is_wanted);
[[nodiscard]] engine::ClearPasswords clear_passwords_of(bool are_wanted);
[[nodiscard]] ExitDetail exit_detail_of(const PlanOptionsText&);
[[nodiscard]] Result<std::vector<DomainName>> parse_names(const std::vector<std::string>&);

[[nodiscard]] Result<engine::Session> open_to_read(const CommonOptions&,
                                                   const SystemOptions& system = {});
/// With the run lock. From here on a signal ends the run between two steps.
struct WritingSession {
  engine::Session session;
  FileLock lock;
};
[[nodiscard]] Result<WritingSession> open_to_write(const CommonOptions&);

}  // namespace vstate::cli
