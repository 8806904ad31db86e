// `rollback` shows what a run's undoing would change, asks, and does it. It is an apply like
// others, and can be rolled back itself.

#include "engine/run/rollback.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// Everything was shown and asked before.
class QuietRun final : public engine::RunObserver {
 public:
  explicit QuietRun(const Console& console) : console_(console) {}
  bool may_delete(const Plan&, const Deletions&, bool) override { return true; }
  void on_trouble(const DomainName*, const std::string& message) override {
    console_.warning(message);
  }

 private:
  const Console& console_;
};

std::string plan_text(const Console& console, const engine::Rollback& rollback, const Plan& plan) {
  std::string text;
  if (rollback.takes_domain_out()) {
    text = fmt::format("{}: the run made it; its names are taken out of qmail's tables\n",
                       rollback.domain().text());
    if (plan.is_empty()) text += "  Nothing to do: they are out.\n";
    for (const auto& action : plan.actions)
      text += fmt::format("  - {}\n", std::get<Unpublish>(action).name.text());
    text += fmt::format("  = {} stays, with all mail in it\n", visible(rollback.directory()));
  } else {
    text = view::to_text(view::to_json(plan), console.text_options());
  }
  for (const auto& refused : rollback.refused())
    text += fmt::format("  # {}; it stays\n", visible(refused));
  return text;
}

Exit finish_rollback(const Console& console, const engine::Rollback& rollback,
                     const Result<engine::ApplyOutcome>& outcome) {
  if (!outcome) return fail_midway(outcome.error());
  for (const auto& error : outcome->errors) Console::error(error.message);
  for (const auto& [address, message] : outcome->report.failures)
    Console::error(fmt::format("{}: {}", address, message));
  (void)console.tell(outcome->summary + "\n");
  const auto exit = exit_of(*outcome);
  return exit == Exit::done && !rollback.refused().empty() ? Exit::differences : exit;
}

}  // namespace

Exit run_rollback(const CommonOptions& common, const RollbackOptions& options) {
  const Console console(common);
  auto opened = open_to_write(common);
  if (!opened) return Console::fail(opened.error());
  auto rollback = engine::Rollback::begin(opened->session, options.run);
  if (!rollback) return Console::fail(rollback.error());
  const auto plan = (*rollback)->plan();
  if (!plan) return Console::fail(plan.error());
  if (!console.tell(plan_text(console, **rollback, *plan))) return Exit::error;
  for (const auto& problem : plan->problems) Console::error(problem);
  if (!plan->problems.empty()) return Exit::error;
  const bool is_refused = !(*rollback)->refused().empty();
  // An empty plan is run too: it may find in the ledger what a stopped run left there.
  const bool is_nothing = plan->is_empty();
  if (is_nothing && (options.dry_run || (*rollback)->takes_domain_out()))
    return is_refused ? Exit::differences : Exit::done;
  if (options.dry_run) return Exit::done;
  if (!is_nothing && !is_meant(options.yes, "Take this back?")) return Exit::error;
  QuietRun observer(console);
  const engine::ApplyOptions apply{
      .plan = engine::Rollback::plan_options(), .jobs = common.jobs, .command = "rollback"};
  return finish_rollback(console, **rollback, (*rollback)->run(apply, observer));
}

}  // namespace vstate::cli
