// `pull --final` says what it is about to do, asks once, and tells after each domain what became of
// it and what is left to be done by hand.

#include "cli/command/pull_final.h"

#include <fmt/format.h>

#include "cli/server.h"
#include "cli/signals.h"
#include "cli/tally.h"
#include "cli/view/dump_view.h"
#include "cli/view/run_view.h"
#include "cli/view/switch_view.h"
#include "cli/view/verify_view.h"
#include "cutover/last_mile.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// This server's own name, unless --to says how the old one is to reach it.
Result<cutover::Relay> relay_of(const engine::Session& target, const PullOptions& options) {
  if (!options.to.empty()) return cutover::Relay::parse(options.to);
  VSTATE_TRY_ASSIGN(const auto name, cutover::own_name(*target.system, target.server));
  if (name.empty())
    return fail(Errc::invalid, "control/me does not say what this server is called; say --to HOST");
  return cutover::Relay::parse(name);
}

std::string names_of(const std::vector<DomainName>& domains) {
  std::vector<std::string> names;
  names.reserve(domains.size());
  for (const auto& domain : domains) names.push_back(domain.text());
  return join(names, ", ");
}

/// What no program can do for a person.
std::string what_is_left(const cutover::LastMileReport& report, const PullOptions& options,
                         const std::string& root, const cutover::Relay& to) {
  const auto& name = report.domain.text();
  auto out = fmt::format("left to do for {}:\n  - let its MX records name {}\n", name, to.host());
  if (report.status && !report.status->is_settled())
    out += fmt::format(
        "  - vstate --root {0} cutover {1} --status, until nothing waits there; then\n"
        "    vstate pull {2} {1} once more, for what was delivered there meanwhile\n",
        root, name, options.from);
  return out + fmt::format("  - should it have to go back: vstate --root {} cutover {} --undo\n",
                           root, name);
}

/// Of a domain that was not switched: whether it is here at least.
Exit exit_of_copy_alone(const cutover::LastMileReport& report) {
  if (report.failure)
    return report.failure->code == Errc::interrupted ? Exit::interrupted : Exit::partly;
  if (!report.pass) return Exit::error;
  if (report.is_restless) return Exit::source_changed;
  const auto exit = exit_of(*report.pass, ExitDetail::plain);
  return exit == Exit::done ? Exit::differences : exit;
}

Exit show(const Console& console, const cutover::LastMileReport& report, const PullOptions& options,
          const cutover::LastMileOptions& mile) {
  const auto& name = report.domain.text();
  if (report.pass && report.pass->source) show_source(console, report.domain, *report.pass->source);
  if (report.verified)
    (void)console.tell(text_of(name, *report.verified, engine::Depth::names_and_sizes));
  if (!report.switched) {
    Console::error(fmt::format("{}: was not switched: {}", name,
                               report.failure ? report.failure->message : report.obstacle));
    return exit_of_copy_alone(report);
  }
  (void)console.tell(text_of(report.switched->done, " → " + mile.to.text()));
  say_told(console, report.switched->told);
  if (report.status) (void)console.tell(text_of(*report.status));
  (void)console.tell(what_is_left(report, options, mile.source.root, mile.to));
  return report.switched->told == cutover::Told::cannot ? Exit::partly : Exit::done;
}

Exit move_one(const Console& console, const PullOptions& options, cutover::LastMile& mile,
              const DomainName& domain, const cutover::LastMileOptions& mile_options) {
  const auto report = mile.go(domain);
  if (!report) return Console::fail(report.error().in(mile_options.read.root));
  const auto exit = show(console, *report, options, mile_options);
  return report->still_frozen ? Console::fail(*report->still_frozen) : exit;
}

Exit move_all(const Console& console, const PullOptions& options, cutover::LastMile& mile,
              const std::vector<DomainName>& domains,
              const cutover::LastMileOptions& mile_options) {
  Tally tally;
  bool has_changed = false;
  for (const auto& domain : domains) {
    if (tally.ends_run()) break;
    const auto exit = move_one(console, options, mile, domain, mile_options);
    tally.add(domain.text(), exit);
    has_changed = has_changed || exit != Exit::error;
  }
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(has_changed);
}

}  // namespace

Exit pull_finally(const CommonOptions& common, const PullOptions& options, engine::Session& target,
                  engine::Session& source, const engine::ServerOptions& place,
                  const std::vector<DomainName>& domains) {
  const Console console(common);
  const auto to = relay_of(target, options);
  if (!to) return Console::fail(to.error());
  const auto question = fmt::format(
      "Hold deliveries to {} off on {}, bring what is new, and let it relay to {} from then on?",
      names_of(domains), options.from, to->text());
  if (!is_meant(options.apply.yes, question)) return Exit::error;
  auto there = place;
  there.stop = &stop_flag();
  const cutover::LastMileOptions mile_options{
      .source = there,
      .read = {.root = place.root, .clear_passwords = clear_passwords_of(options.clear_passwords)},
      .apply = {.plan = plan_options(common, options.apply),
                .jobs = common.jobs,
                .command = "pull"},
      .to = *to};
  RunView view(console, options.apply, domains.size());
  cutover::LastMile mile(target, source, mile_options, view);
  return move_all(console, options, mile, domains, mile_options);
}

}  // namespace vstate::cli
