// `pull` brings domains here, from a directory or from a host by ssh. One run lock is held over all
// of them. Domains come one after the other, as each brings its mail with it; the run goes on after
// one that failed.

#include "pull/pull.h"

#include <filesystem>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/dump_view.h"
#include "cli/run_view.h"
#include "cli/server.h"
#include "engine/patterns.h"
#include "remote/place.h"

namespace vstate::cli {

namespace {

/// A host alone has no slash in its name, and no colon.
bool is_host_alone(const PullOptions& options) {
  return options.from.find('/') == std::string::npos && !remote::parse_place(options.from);
}

/// Whether this program reads the old server's files itself, here or by SFTP.
bool reads_files(const PullOptions& options) {
  return !is_host_alone(options) || options.via == "sftp";
}

/// A host alone is all of that machine.
std::string root_of_source(const PullOptions& options) {
  return is_host_alone(options) ? options.from + ":" : options.from;
}

engine::DirectoryOptions directory_options(const CommonOptions& common,
                                           const PullOptions& options) {
  return {.server = {.root = root_of_source(options),
                     .connecting = common.connecting,
                     .overrides = options.source},
          .freeze = freeze_of(options.freeze),
          .clear_passwords = clear_passwords_of(options.clear_passwords)};
}

engine::RemoteOptions remote_options(const CommonOptions& common, const PullOptions& options) {
  return {.host = options.from,
          .rsh = common.connecting.rsh,
          .remote_vstate = options.remote_vstate,
          .overrides = options.source,
          .exclude = common.selection.exclude,
          .freeze = freeze_of(options.freeze),
          .clear_passwords = clear_passwords_of(options.clear_passwords),
          .is_quiet = common.quiet,
          .timeout = common.connecting.timeout};
}

/// Whether each pattern matches something, there or here. The other side of a shell judges for
/// itself.
Status check_patterns(engine::Session& target, const CommonOptions& common,
                      const PullOptions& options, const std::vector<DomainName>& names) {
  const auto& selection = common.selection;
  if (selection.only.empty() && selection.exclude.empty()) return {};
  VSTATE_TRY_ASSIGN(auto source, engine::open_session(directory_options(common, options).server,
                                                      engine::Access::read));
  return engine::check_patterns(selection, options.from + " or on this server", {},
                                {{source, names}, {target, names}});
}

/// What --from names, as far as that can be told before anything is done.
Status check_source(const Console& console, engine::Session& target, const CommonOptions& common,
                    const PullOptions& options, const std::vector<DomainName>& names) {
  const bool is_there = std::filesystem::is_directory(options.from);
  // A directory of that name here is likely the one that was meant.
  if (is_there && is_host_alone(options))
    console.say(fmt::format("{0}: is taken for a host; for the directory say ./{0}", options.from));
  if (!reads_files(options)) return {};
  if (!is_there && !remote::parse_place(root_of_source(options)))
    return fail(Errc::not_found, fmt::format("{}: is not a directory", options.from));
  return check_patterns(target, common, options, names);
}

Exit show(const Console& console, const DomainName& name, const engine::PullReport& report,
          ExitDetail detail) {
  if (report.source) show_source(console, name, *report.source);
  const auto exit = exit_of(report, detail);
  if (exit == Exit::source_changed) show_changed_while_copied();
  return report.source && report.source->still_frozen ? Console::fail(*report.source->still_frozen)
                                                      : exit;
}

/// Each domain sees what the one before it left in the ledger, and in qmail's files.
Exit pull_one(const Console& console, engine::Session& target, const DomainName& name,
              const CommonOptions& common, const PullOptions& options) {
  RunView view(console, options.apply, 1);
  const engine::ApplyOptions apply{
      .plan = plan_options(common, options.apply), .jobs = common.jobs, .command = "pull"};
  auto report =
      reads_files(options)
          ? engine::pull_from_directory(target, directory_options(common, options), name, apply,
                                        view)
          : engine::pull_from_host(target, remote_options(common, options), name, apply, view);
  if (!report && report.error().code == Errc::unsupported && options.via == "auto" &&
      !reads_files(options)) {
    console.say(
        fmt::format("{}: no vstate answers there; its files are read by SFTP", options.from));
    const auto first = report.error();
    report =
        engine::pull_from_directory(target, directory_options(common, options), name, apply, view);
    // Whichever of both ways should have worked, a person sees why it did not.
    if (!report) (void)Console::fail(first);
  }
  if (!report) return Console::fail(report.error());
  return show(console, name, *report, exit_detail_of(options.apply));
}

Exit finish(const Console& console, const PullOptions& options, const Tally& tally,
            bool has_changed) {
  const auto summary = tally.summary();
  if (options.apply.json && !summary.empty()) Console::print(tally.event().dump() + "\n");
  if (!options.apply.json && !summary.empty()) console.say(summary);
  return tally.exit(has_changed);
}

}  // namespace

Exit run_pull(const CommonOptions& common, const PullOptions& options) {
  const Console console(common);
  const auto names = parse_names(options.domains);
  if (!names) return Console::fail(names.error());
  auto opened = open_to_write(common);
  if (!opened) return Console::fail(opened.error());
  auto& target = opened->session;
  if (const auto checked = check_source(console, target, common, options, *names); !checked)
    return Console::fail(checked.error());
  Tally tally;
  bool has_changed = false;
  for (const auto& name : *names) {
    if (const auto looked = engine::look_at_ledger(target); !looked)
      return Console::fail(looked.error());
    const auto exit = pull_one(console, target, name, common, options);
    tally.add(name.text(), exit);
    has_changed = has_changed || exit != Exit::error;
    if (tally.ends_run()) break;
  }
  return finish(console, options, tally, has_changed);
}

}  // namespace vstate::cli
