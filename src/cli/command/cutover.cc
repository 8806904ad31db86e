// `cutover` shows the lines that it changes, asks, and changes them; with --undo it takes them
// back, with --status it says how things stand. What a person still has to do is printed at the
// end.

#include "cutover/cutover.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "cli/signals.h"
#include "cli/view/switch_view.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

using cutover::SwitchPlan;

bool has_refused(const SwitchPlan& plan) {
  return std::any_of(plan.domains.begin(), plan.domains.end(),
                     [](const auto& part) { return !part.refused.empty(); });
}

/// What is done while files change differs from what was shown.
void say_what_differs(const Console& console, const SwitchPlan& shown, const SwitchPlan& done,
                      std::string_view title) {
  const auto is_same = std::equal(
      shown.domains.begin(), shown.domains.end(), done.domains.begin(), done.domains.end(),
      [](const auto& a, const auto& b) { return a.lines == b.lines && a.refused == b.refused; });
  if (is_same) return;
  auto plan = done;
  plan.tells_qmail_send = false;
  console.say("the files were changed meanwhile; this was done:\n" + text_of(plan, title));
}

Exit show_status(const Console& console, cutover::Switchboard& board,
                 const std::vector<DomainName>& names) {
  const auto found = cutover::status_of(board, names);
  if (!found) return Console::fail(found.error());
  std::string text;
  for (const auto& status : *found) text += text_of(status);
  if (found->empty()) text = "no domain of this server was switched\n";
  if (!console.tell(text)) return Exit::error;
  const bool is_settled = std::all_of(found->begin(), found->end(),
                                      [](const auto& status) { return status.is_settled(); });
  return is_settled ? Exit::done : Exit::differences;
}

Exit undo(const Console& console, cutover::Switchboard& board, const std::vector<DomainName>& names,
          const CutoverOptions& options) {
  constexpr std::string_view title = " comes back to this server";
  auto undoing = cutover::Undoing::begin(board, names);
  if (!undoing) return Console::fail(undoing.error());
  const auto plan = undoing->plan();
  if (!plan) return Console::fail(plan.error());
  if (!console.tell(plan->domains.empty() ? "nothing to undo: no domain was switched\n"
                                          : text_of(*plan, title)))
    return Exit::error;
  if (plan->domains.empty() || options.dry_run) return Exit::done;
  if (!is_meant(options.yes, "Take this back?")) return Exit::error;
  const auto done = undoing->run();
  if (!done) return fail_midway(done.error());
  say_what_differs(console, *plan, done->done, title);
  say_told(console, done->told);
  if (!has_refused(done->done)) return Exit::done;
  console.warning("what somebody changed since was left as it is (#)");
  return Exit::differences;
}

Exit turn_away(const Console& console, cutover::Switchboard& board,
               const std::vector<DomainName>& names, const CutoverOptions& options) {
  const auto relay = cutover::Relay::parse(options.to);
  if (!relay) return Console::fail(relay.error());
  const auto known = cutover::domains_to_switch(board, names);
  if (!known) return Console::fail(known.error());
  auto switching = cutover::Cutover::begin(board, *known, *relay);
  if (!switching) return Console::fail(switching.error());
  const auto plan = switching->plan();
  if (!plan) return Console::fail(plan.error());
  const auto title = " → " + relay->text();
  const bool is_done = !plan->has_lines() && !plan->tells_qmail_send;
  if (!console.tell(text_of(*plan, title) + (is_done ? "Nothing to do.\n" : "")))
    return Exit::error;
  if (options.dry_run) return Exit::done;
  if (plan->has_lines() && !is_meant(options.yes, "Switch?")) return Exit::error;
  const auto done = switching->run();
  if (!done) return fail_midway(done.error());
  say_what_differs(console, *plan, done->done, title);
  say_told(console, done->told);
  return show_status(console, board, names) == Exit::error ? Exit::error : Exit::done;
}

}  // namespace

Exit run_cutover(const CommonOptions& common, const CutoverOptions& options) {
  const Console console(common);
  const auto names = parse_names(options.domains);
  if (!names) return Console::fail(names.error());
  if (options.to.empty() == (!options.undo && !options.status)) {
    Console::error("say --to HOST, --undo, or --status");
    return Exit::usage;
  }
  if (!options.to.empty() && names->empty()) {
    Console::error("name the domains to be switched");
    return Exit::usage;
  }
  const bool writes = !options.status && !options.dry_run;
  if (writes) watch_signals();
  auto board = cutover::open_switchboard(server_options(common),
                                         writes ? engine::Access::write : engine::Access::read);
  if (!board) return Console::fail(board.error());
  if (options.status) return show_status(console, *board, *names);
  return options.undo ? undo(console, *board, *names, options)
                      : turn_away(console, *board, *names, options);
}

}  // namespace vstate::cli
