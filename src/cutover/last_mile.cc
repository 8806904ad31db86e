// People read and mark their mail while this runs, so that a pass may find something again and
// again. A pass that finds nothing, on a server that takes in nothing, is what says that all of it
// is here; a few are tried.

#include "cutover/last_mile.h"

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

constexpr int k_most_passes = 5;

enum class Pass { brought_nothing, again, failed };

/// What a pass says about the next step, and why it is none.
Pass judge(const engine::PullReport& report, std::string& obstacle) {
  const auto fails = [&](std::string why) {
    obstacle = std::move(why);
    return Pass::failed;
  };
  if (!report.outcome) return fails("what the old server has could not be read");
  const auto& outcome = *report.outcome;
  if (outcome.ending != engine::Ending::unchanged && outcome.ending != engine::Ending::done)
    return fails("not all of it could be brought here");
  if (report.source && !report.source->left_out.empty())
    return fails("something of it was left out; what may stay behind is to be named by --exclude");
  if (report.last_look) return fails(report.last_look->message);
  return report.has_source_changed || outcome.has_changed ? Pass::again : Pass::brought_nothing;
}

}  // namespace

Result<LastMileReport> LastMile::go(const DomainName& domain) {
  LastMileReport report{.domain = domain,
                        .pass = {},
                        .verified = {},
                        .obstacle = {},
                        .is_restless = false,
                        .failure = {},
                        .switched = {},
                        .status = {},
                        .still_frozen = {}};
  VSTATE_TRY_ASSIGN(const auto freeze,
                    engine::freeze_deliveries(source_, domain, engine::Freeze::yes));
  const bool is_ours = freeze->is_ours();
  if (const auto done = go_while_frozen(report); !done) report.failure = done.error();
  if (auto ended = freeze->end(); !ended) report.still_frozen = ended.error();
  if (report.pass && report.pass->source) report.pass->source->is_frozen_by_us = is_ours;
  return report;
}

Status LastMile::go_while_frozen(LastMileReport& report) {
  VSTATE_TRY(copy(report));
  if (!report.obstacle.empty()) return {};
  VSTATE_TRY(verify(report));
  if (!report.obstacle.empty()) return {};
  return turn_away(report);
}

Status LastMile::copy(LastMileReport& report) {
  for (int pass = 0; pass < k_most_passes; ++pass) {
    engine::PullRun run(target_, options_.apply, observer_);
    VSTATE_TRY(run.pull(source_, options_.read, report.domain));
    run.publish();
    auto finished = run.take_finished();
    VSTATE_ASSERT(finished.size() == 1);
    report.pass = std::move(finished.front().report);
    const auto next = judge(*report.pass, report.obstacle);
    if (next != Pass::again) return {};
  }
  report.is_restless = true;
  report.obstacle = fmt::format(
      "{} passes each found something new there, though deliveries are "
      "held off: somebody is at work in these mailboxes",
      k_most_passes);
  return {};
}

Status LastMile::verify(LastMileReport& report) {
  VSTATE_TRY(engine::look_at_ledger(target_));
  VSTATE_TRY(engine::look_at_qmail(target_));
  const auto& selection = options_.apply.plan.selection;
  VSTATE_TRY_ASSIGN(const auto observation,
                    engine::inspect_source(source_, report.domain, selection));
  const auto text = engine::document_of(*observation.state, options_.read.clear_passwords);
  Diagnostics diagnostics;
  const auto file = engine::parse_domain_file(options_.read.root, text, selection, diagnostics);
  if (file) {
    VSTATE_TRY_ASSIGN(report.verified, engine::verify(target_, *file, options_.apply.plan,
                                                      engine::Depth::names_and_sizes, diagnostics));
  }
  if (!file || diagnostics.has_errors()) observer_.on_read(diagnostics);
  if (!report.verified || !report.verified->is_whole())
    report.obstacle = "this server is not as the old one";
  return {};
}

Status LastMile::turn_away(LastMileReport& report) {
  if (!board_) {
    VSTATE_TRY_ASSIGN(board_, open_switchboard(options_.source, engine::Access::write));
  }
  VSTATE_TRY_ASSIGN(const auto known, domains_to_switch(*board_, {report.domain}));
  VSTATE_TRY_ASSIGN(auto switching, Cutover::begin(*board_, known, options_.to));
  VSTATE_TRY_ASSIGN(report.switched, switching.run());
  VSTATE_TRY_ASSIGN(auto statuses, status_of(*board_, known));
  report.status = std::move(statuses.front());
  return {};
}

}  // namespace vstate::cutover
