// The options of the command line as the engine takes them. What is a word or a flag there becomes
// a type here, so that nothing below the command line compares words.

#include "cli/server.h"

#include "cli/signals.h"
#include "vstate/base/text.h"

namespace vstate::cli {

engine::ServerOptions server_options(const CommonOptions& common) {
  return {.root = common.root,
          .connecting = common.connecting,
          .overrides = common.server,
          .stop = &stop_flag()};
}

PlanOptions plan_options(const CommonOptions& common, const PlanOptionsText& text) {
  PlanOptions options;
  options.prune = text.prune;
  options.overwrite = text.overwrite;
  options.alter = text.alter;
  // The parser has refused any other word than courier-dovecot.
  options.to_dovecot = !text.convert.empty();
  options.selection = common.selection;
  options.max_delete = text.max_delete;
  return options;
}

std::optional<Choice> choice_of(const SystemOptions& system) {
  if (!system.is_wanted) return std::nullopt;
  Choice choice;
  choice.group = system.group;
  // The parser has seen to it that both are numbers.
  if (const auto dash = system.uids.find('-'); dash != std::string::npos)
    choice.uids = {static_cast<std::uint32_t>(
                       to_number(std::string_view(system.uids).substr(0, dash)).value_or(0)),
                   static_cast<std::uint32_t>(
                       to_number(std::string_view(system.uids).substr(dash + 1)).value_or(0))};
  return choice;
}

engine::ReadOptions read_options(const CommonOptions& common, const PlanOptionsText& text) {
  return {.mail = text.mail,
          .secrets = text.secrets,
          .selection = common.selection,
          .renaming = common.renaming};
}

engine::Freeze freeze_of(bool is_wanted) {
  return is_wanted ? engine::Freeze::yes : engine::Freeze::no;
}

engine::ClearPasswords clear_passwords_of(bool are_wanted) {
  return are_wanted ? engine::ClearPasswords::take : engine::ClearPasswords::leave_out;
}

ExitDetail exit_detail_of(const PlanOptionsText& options) {
  return options.detailed_exitcode ? ExitDetail::detailed : ExitDetail::plain;
}

Result<std::vector<DomainName>> parse_names(const std::vector<std::string>& texts) {
  std::vector<DomainName> names;
  for (const auto& text : texts) {
    VSTATE_TRY_ASSIGN(auto name, DomainName::parse(text));
    names.push_back(std::move(name));
  }
  return names;
}

Result<engine::Session> open_to_read(const CommonOptions& common, const SystemOptions& system) {
  auto options = server_options(common);
  options.system_accounts = choice_of(system);
  return engine::open_session(options, engine::Access::read);
}

Result<WritingSession> open_to_write(const CommonOptions& common) {
  VSTATE_TRY_ASSIGN(auto session,
                    engine::open_session(server_options(common), engine::Access::write));
  // Only what writes has steps to end between; before this a signal simply ends the program. The
  // handlers come before the lock, as taking it may already mend a database.
  watch_signals();
  VSTATE_TRY_ASSIGN(auto lock, engine::take_run_lock(session));
  return WritingSession{std::move(session), std::move(lock)};
}

}  // namespace vstate::cli
