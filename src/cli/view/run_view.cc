// What is seen of an apply or a pull over one or more domains. For a person that is the plan, a
// line that moves, and one summary for each domain; for a program it is one event a line. The
// engine asks here before it deletes, since only the command line knows whether there is somebody
// to ask.

#include "cli/view/run_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "view/plan_view.h"

namespace vstate::cli {

namespace {

bool takes_feed(const Plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(),
                     [](const Action& action) { return std::holds_alternative<CopyFeed>(action); });
}

}  // namespace

RunView::RunView(const Console& console, const PlanOptionsText& options, std::size_t domains)
    : console_(console), options_(options), domains_(domains), reporter_(console, options.json) {}

std::string RunView::noun_of(const std::string& domain) const {
  return cli::noun_of(domain, domains_);
}

std::unique_ptr<Reporter> RunView::reporter_of(const DomainName& domain) const {
  return std::make_unique<Reporter>(console_, options_.json, domain.text(), noun_of(domain.text()));
}

void RunView::on_stage(const std::string& what) {
  reporter_.set_stage(what);
  // A comparison may read gigabytes before the first change; without a line it would look as if
  // nothing went on.
  watch_.emplace(reporter_);
}

void RunView::on_planned(const Plan& plan) {
  const auto json = view::to_json(plan);
  reporter_.event({{"event", "planned"}, {"domain", plan.domain.text()}, {"plan", json}});
  if (options_.json) return;
  auto text = console_.text_options();
  // `plan` shows all of it; here what is about to be done is enough.
  text.brief = true;
  (void)console_.tell(view::to_text(json, text));
}

/// Asks before anything is deleted, naming what.
bool RunView::may_delete(const Plan& plan, const Deletions& deletions, bool of_feed) {
  if (options_.yes) return true;
  auto question = fmt::format("{}: delete {}", plan.domain.text(),
                              deletions.is_empty() ? "" : to_text(deletions));
  if (of_feed)
    question +=
        fmt::format("{}messages that are gone at the source", deletions.is_empty() ? "" : ", and ");
  return Console::confirm(question + "?");
}

std::unique_ptr<engine::DomainObserver> RunView::observer_of(const engine::DomainFile& file,
                                                             const Plan& plan) {
  auto reporter = reporter_of(file.state.name);
  const auto planned = summary_of(plan);
  // A feed from another server tells no number of messages beforehand, so its mailboxes and lists
  // are counted instead.
  const auto boxes = file.state.mailboxes.size() + file.state.lists.size();
  reporter->expect({.messages = planned.messages,
                    .bytes = planned.bytes,
                    .boxes = takes_feed(plan) ? boxes : 0,
                    .actions = plan.actions.size()});
  return reporter;
}

void RunView::on_trouble(const DomainName* domain, const std::string& message) {
  if (domain == nullptr)
    reporter_.error(message);
  else
    reporter_of(*domain)->error(message);
}

void RunView::show_done(const engine::ApplyOutcome& outcome) const {
  const auto noun = noun_of(outcome.domain.text());
  const auto& report = outcome.report;
  for (const auto& remark : report.remarks)
    console_.say(fmt::format("  note    {}{}", noun, remark));
  reporter_of(outcome.domain)
      ->event({{"event", "summary"},
               {"text", outcome.summary},
               {"done", report.done},
               {"failed", report.failures.size()},
               {"messages", report.messages},
               {"bytes", report.bytes},
               {"published", report.is_published}});
  if (!options_.json) (void)console_.tell(noun + outcome.summary + "\n");
  // qmail must not take mail for a domain that is not whole, so one that failed is not published.
  if (!report.failures.empty() && !report.is_published)
    reporter_.error(
        fmt::format("{} stays hidden from qmail until all of it is there", outcome.domain.text()));
}

/// Where the words on an error that ended a domain go, and with which noun.
void RunView::show_error(const engine::ApplyOutcome& outcome, const Error& error) const {
  if (outcome.ending == engine::Ending::stopped)
    reporter_of(outcome.domain)->error(error.message);
  else if (outcome.ending == engine::Ending::stale)  // it names what does not hold any more
    reporter_.error(error.message);
  else
    reporter_.error(noun_of(outcome.domain.text()) + error.message);
}

void RunView::on_outcome(const engine::ApplyOutcome& outcome) {
  for (const auto& error : outcome.errors) show_error(outcome, error);
  if (outcome.ending == engine::Ending::done || outcome.ending == engine::Ending::partly)
    show_done(outcome);
  has_changed_ = has_changed_ || outcome.has_changed;
  tally_.add(outcome.domain.text(), exit_of(outcome));
}

}  // namespace vstate::cli
