// The settings of the server are one more thing of a run, told in the words and with the exit
// statuses of a domain. They come before the domains: what is local, accepted, or limited by
// default is so before a domain counts on it.

#include "cli/view/settings_view.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/view/dump_view.h"
#include "host/host_file.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

ServerPlanOptions settings_options(const CommonOptions& common, const PlanOptionsText& text) {
  return {.prune = text.prune,
          .overwrite = text.overwrite,
          .max_delete = text.max_delete,
          .takes_machine_keys = text.take_machine_keys,
          .selection = common.selection};
}

Error with_settings_name(Error error) {
  return with_noun(std::string(k_settings_name) + ": ", std::move(error));
}

std::string note_line(char sign, const Note& note) {
  return fmt::format("  {} {}\n", sign,
                     visible(fmt::format("{}{}{}: {}", note.subject_kind,
                                         note.name.empty() ? "" : " ", note.name, note.text)));
}

/// What is not as the file says, a line each.
std::string differences_of(const ServerPlan& plan, std::size_t& count) {
  std::string out;
  for (const auto& note : plan.notes)
    if (note.kind == NoteKind::kept || note.kind == NoteKind::conflict) out += note_line('=', note);
  for (const auto& change : plan.changes) {
    out += fmt::format("  ! {}: {} is not as the file says\n", k_settings_name, title_of(change));
    ++count;
  }
  for (const auto& note : plan.notes) {
    if (note.kind != NoteKind::warning) continue;
    out += note_line('!', note);
    // What does not arrive, or is wrong with lines that are the server's own, is told; the file is
    // there all the same.
    if (note.subject_kind == "setting" || note.subject_kind == "left out") ++count;
  }
  return out;
}

}  // namespace

Exit dump_settings(const Console& console, engine::Session& session, const CommonOptions& common,
                   const std::string& file) {
  const auto dumped = engine::dump_settings(session, common.selection);
  if (!dumped) return Console::fail(with_settings_name(dumped.error()));
  const auto is_to_output = file.empty() || file == "-";
  if (is_to_output) {
    if (const auto done = make_output_private(); !done) return Console::fail(done.error());
    if (const auto printed = Console::print_all(dumped->text); printed != Exit::done)
      return printed;
  } else if (const auto written = write_host_file(file, dumped->text); !written) {
    return Console::fail(written.error());
  }
  say_what_is_left_alone(console, session);
  for (const auto& remark : dumped->remarks)
    console.warning(fmt::format("{}: warning: {}", k_settings_name, visible(remark)));
  for (const auto& item : dumped->left_out)
    Console::error(fmt::format("{}: left out: {}: {}", k_settings_name, visible(item.address),
                               visible(item.why)));
  return dumped->left_out.empty() ? Exit::done : Exit::differences;
}

PlannedSettings plan_settings(const Console& console, engine::Session& session,
                              const engine::ServerFile& file, const CommonOptions& common,
                              const PlanOptionsText& options) {
  auto plan = engine::plan_settings(session, file, settings_options(common, options));
  if (!plan) return {.exit = Console::fail(with_settings_name(plan.error())), .plan = {}};
  for (const auto& problem : plan->problems)
    Console::error(fmt::format("{}: {}", k_settings_name, problem));
  const auto exit = plan->problems.empty() ? Exit::done : Exit::error;
  if (options.json || common.quiet) return {.exit = exit, .plan = *std::move(plan)};
  const auto told = Console::print_all(view::to_text(view::to_json(*plan), console.text_options()));
  return {.exit = exit, .plan = *std::move(plan), .is_heard = told == Exit::done};
}

namespace {

/// Shows what is about to be done.
void show_planned(const Console& console, const Reporter& reporter, const ServerPlan& plan,
                  bool is_json) {
  const auto json = view::to_json(plan);
  reporter.event({{"event", "planned"}, {"document", "server"}, {"plan", json}});
  auto text = console.text_options();
  text.brief = true;
  if (!is_json) (void)console.tell(view::to_text(json, text));
}

/// Why the plan is not carried out; empty if it is.
std::vector<std::string> refusals_of(const ServerPlan& plan, bool is_confirmed) {
  if (!plan.problems.empty()) return plan.problems;
  const auto removed = summary_of(plan).remove;
  const bool may_remove =
      removed == 0 || is_confirmed ||
      Console::confirm(fmt::format("{}: delete {} setting{}?", k_settings_name,
                                   with_thousands(removed), removed == 1 ? "" : "s"));
  if (may_remove) return {};
  return {"nothing was changed: the plan deletes, and nobody confirmed it; say --yes"};
}

void show_outcome(const Console& console, const Reporter& reporter,
                  const engine::ServerOutcome& outcome, bool is_json) {
  for (const auto& error : outcome.errors) reporter.error(with_settings_name(error).message);
  for (const auto& failure : outcome.failures)
    reporter.error(fmt::format("{}: {}: {}", k_settings_name, failure.address, failure.message));
  for (const auto& remark : outcome.remarks)
    console.say(fmt::format("  note    {}: {}", k_settings_name, remark));
  if (outcome.summary.empty()) return;
  reporter.event({{"event", "summary"},
                  {"document", "server"},
                  {"text", outcome.summary},
                  {"failed", outcome.failures.size()},
                  {"remarks", outcome.remarks}});
  if (!is_json) (void)console.tell(fmt::format("{}: {}\n", k_settings_name, outcome.summary));
}

}  // namespace

void apply_settings(const Console& console, engine::Session& session,
                    const engine::ServerFile& file, const SettingsRun& run, RunView& view) {
  const auto& reporter = view.reporter();
  const auto& options = run.options;
  const auto plan = engine::plan_settings(session, file, settings_options(run.common, options));
  if (!plan) {
    const auto error = with_settings_name(plan.error());
    reporter.error(error.message);
    return view.settle_settings(exit_of(error), false);
  }
  // It is checked before anything is shown: what a person agreed to must be what is done.
  if (run.saved != nullptr)
    if (const auto stale = engine::staleness(*run.saved, file, *plan); !stale.empty()) {
      reporter.error(stale);
      return view.settle_settings(Exit::error, false);
    }
  show_planned(console, reporter, *plan, options.json);
  const auto refusals = refusals_of(*plan, options.yes);
  for (const auto& refusal : refusals)
    reporter.error(fmt::format("{}: {}", k_settings_name, refusal));
  if (!refusals.empty()) return view.settle_settings(Exit::error, false);
  const auto outcome = engine::apply_settings(session, file, *plan);
  show_outcome(console, reporter, outcome, options.json);
  view.settle_settings(exit_of(outcome), outcome.has_changed);
}

Exit verify_settings(const Console& console, engine::Session& session,
                     const engine::ServerFile& file, const CommonOptions& common,
                     const PlanOptionsText& options) {
  const auto plan = engine::plan_settings(session, file, settings_options(common, options));
  if (!plan) return Console::fail(with_settings_name(plan.error()));
  std::size_t count = 0;
  auto text = differences_of(*plan, count);
  text += count == 0 ? fmt::format("{} is whole.\n", k_settings_name)
                     : fmt::format("{}: {} thing{} not as the file says.\n", k_settings_name,
                                   with_thousands(count), count == 1 ? " is" : "s are");
  if (!console.tell(text))
    return Console::fail(Error{Errc::io, "standard output: cannot write", Scope::run});
  return count == 0 ? Exit::done : Exit::differences;
}

}  // namespace vstate::cli
