// `apply` takes one of three: domain files, a plan that `plan -o` saved, or on standard input a
// stream with mail in it. Which of them it is, is told by what they hold. Files are read, and all
// that is wrong with them is told, before the server is opened.

#include "engine/run/apply_domains.h"

#include <unistd.h>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/server.h"
#include "cli/view/dump_view.h"
#include "cli/view/run_view.h"
#include "cli/view/settings_view.h"
#include "engine/unmatched_patterns.h"
#include "host/input.h"

namespace vstate::cli {

namespace {

Exit report(const Reporter& reporter, const Error& error) {
  reporter.error(error.message);
  return exit_of(error);
}

/// A dump that comes through a pipe, with its mail.
Exit apply_stream(const Console& console, const CommonOptions& common,
                  const PlanOptionsText& options, std::string begun) {
  RunView view(console, options, 1);
  auto stream = StreamReader::open(STDIN_FILENO, std::move(begun));
  if (!stream) return report(view.reporter(), stream.error());
  auto target = open_to_write(common);
  if (!target) return report(view.reporter(), target.error());
  const auto applied =
      engine::apply_stream(target->session, **stream, {.title = "standard input"},
                           {.plan = plan_options(common, options), .jobs = common.jobs}, view);
  if (!applied) return Console::fail(applied.error());
  const auto exit = exit_of(*applied, exit_detail_of(options));
  if (exit == Exit::source_changed) show_changed_while_copied();
  return exit;
}

/// A saved plan brings its own files and options; those of the command line would make another.
Result<std::optional<engine::SavedPlan>> take_saved_plan(CommonOptions& common,
                                                         PlanOptionsText& options) {
  // A saved plan stands alone: together with files it would say twice what is wanted.
  if (options.files.size() != 1 || options.files.front() == "-") return std::nullopt;
  VSTATE_TRY_ASSIGN(auto saved, engine::load_plan(options.files.front()));
  if (!saved) return saved;
  options.files.clear();
  for (const auto& file : saved->files) options.files.push_back(file.name);
  if (saved->settings) options.files.push_back(saved->settings->name);
  options.take_machine_keys = saved->takes_machine_keys;
  // What the options of a domain's plan say counts for the settings, too.
  options.prune = saved->options.prune;
  options.overwrite = saved->options.overwrite;
  options.max_delete = saved->options.max_delete;
  options.mail = saved->mail;
  options.secrets = saved->secrets;
  common.selection = saved->options.selection;
  common.renaming = saved->renaming;
  // The plan was made for this root, and is applied to no other.
  common.root = saved->root;
  return saved;
}

Exit finish(const Console& console, const RunView& view, const PlanOptionsText& options) {
  const auto& tally = view.tally();
  if (auto event = tally.event(); !event.is_null()) view.reporter().event(std::move(event));
  if (const auto summary = tally.summary(); !summary.empty() && !options.json) console.say(summary);
  const auto exit = tally.exit(view.has_changed());
  return exit == Exit::done && view.has_changed() && options.detailed_exitcode ? Exit::differences
                                                                               : exit;
}

}  // namespace

Exit run_apply(const CommonOptions& given, const PlanOptionsText& given_options) {
  auto common = given;
  auto options = given_options;
  const Console console(common);
  std::string begun;
  if (options.files == std::vector<std::string>{"-"}) {
    // A pipe cannot be read twice: what was read to tell the kind goes along.
    begun = read_begin(STDIN_FILENO);
    if (StreamReader::is_stream(begun)) return apply_stream(console, common, options, begun);
  }
  const auto saved = take_saved_plan(common, options);
  RunView view(console, options, options.files.size());
  if (!saved) return report(view.reporter(), saved.error());
  Diagnostics diagnostics;
  std::vector<engine::ServerFile> servers;
  auto reading = read_options(common, options);
  reading.standard_input = begun;
  // A file that describes something else by now is none of those that were planned.
  reading.servers = *saved && !(*saved)->settings ? nullptr : &servers;
  const auto files = engine::read_domain_files(options.files, reading, diagnostics);
  view.reporter().report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  view.set_domains(files.size() + servers.size());
  auto target = open_to_write(common);
  if (!target) return report(view.reporter(), target.error());
  if (const auto checked =
          engine::check_patterns(common.selection, &target->session, files, servers);
      !checked)
    return Console::fail(checked.error());
  // A reader of events is told first by which rules to read the others.
  view.reporter().event({{"event", "version"}, {"format_version", 1}, {"tool", "vstate"}});
  for (const auto& file : servers)
    apply_settings(console, target->session, file,
                   {.common = common, .options = options, .saved = *saved ? &**saved : nullptr},
                   view);
  if (view.tally().ends_run()) return finish(console, view, options);
  engine::apply_domains(target->session, files,
                        {.plan = *saved ? (*saved)->options : plan_options(common, options),
                         .jobs = common.jobs,
                         .saved = *saved ? &**saved : nullptr},
                        view);
  return finish(console, view, options);
}

}  // namespace vstate::cli
