// What belongs to one domain while it is on its way: its plan, its run, what was reported. The
// members refer to each other, so a building is made in place and never moved.

#include "engine/run/building.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::engine {

void RecordingObserver::on_failure(const std::string& address, const std::string& message) {
  // The ledger's record of a run is made of the same reports that the person sees.
  changes_.push_back({address, message});
  PassingOn::on_failure(address, message);
}

void RecordingObserver::on_end(const Action& action, const std::string& message) {
  changes_.push_back({address_of(action), message});
  PassingOn::on_end(action, message);
}

namespace {

ApplyInput input_of(Session& session, const DomainFile& file, MailFeed* feed,
                    const Observation& actual, const ApplyOptions& options, Ledger& ledger) {
  const auto jobs = options.jobs > 0 ? options.jobs : std::thread::hardware_concurrency();
  return {.system = *session.system,
          .server = session.server,
          .store = *session.store,
          .desired = file.state,
          .actual = actual,
          .archive_root = file.archive_root,
          .ledger = &ledger,
          .feed = feed,
          .prunes_mail = options.plan.prune,
          .max_delete = options.plan.max_delete,
          .to_dovecot = options.plan.to_dovecot,
          // std::thread::hardware_concurrency may answer 0 for "not known".
          .jobs = std::max(1U, jobs),
          .selection = options.plan.selection};
}

}  // namespace

Building::Building(const DomainFile& file, MailFeed* feed, Prepared prepared, Session& session,
                   const ApplyOptions& options, const RecordedRun& recorded, RunObserver& observer)
    : file_(file),
      prepared_(std::move(prepared)),
      observer_(observer.observer_of(file, prepared_.plan)),
      recording_(*observer_),
      input_(input_of(session, file, feed, prepared_.observation, options, recorded.ledger)),
      // The run refers to the members above it, which are made before it.
      run_(input_, prepared_.plan, recording_),
      number_(recorded.number) {}

Status Building::build() {
  // The observer hears of the end also where building failed, so that what it shows can be taken
  // down.
  observer_->on_begin();
  auto status = run_.build();
  observer_->on_built();
  return status;
}

Run Building::stopped(const Error& error) {
  Run record;
  record.number = number_;
  // What was done before the error is in the record, too.
  record.changes = recording_.take_changes();
  record.summary = "stopped: " + error.message;
  return record;
}

/// A feed is asked each time; it need not have anything.
bool Building::brought_something(const ApplyReport& report) const {
  // With a feed, the plan always has an action for it, whether or not anything comes.
  return input_.feed == nullptr || prepared_.plan.actions.size() > 1 ||
         report.messages + report.restated + report.removed > 0;
}

ApplyOutcome Building::finish(const Status& published, Run& record) {
  ApplyOutcome outcome{.domain = domain(), .ending = Ending::stopped};
  auto report = run_.end();
  // A publication that failed for another domain is no failure of this one.
  if (report && !published && !report->is_published)
    report = tl::unexpected<Error>(published.error());
  if (!report) {
    record = stopped(report.error());
    outcome.errors.push_back(report.error());
    return outcome;
  }
  // Failed items do not make a failed domain: the next run takes them up.
  outcome.ending = report->failures.empty() ? Ending::done : Ending::partly;
  outcome.summary = done_line(prepared_.plan, *report);
  outcome.has_changed = brought_something(*report);
  record.number = number_;
  record.changes = recording_.take_changes();
  record.summary = outcome.summary;
  record.messages = report->messages;
  record.bytes = report->bytes;
  outcome.report = *std::move(report);
  return outcome;
}

std::string done_line(const Plan& plan, const ApplyReport& report) {
  // The sentence is that of the plan in the past tense, so that the two can be compared by eye.
  const auto planned = summary_of(plan);
  if (!report.failures.empty())
    return fmt::format(
        "Partly applied: {} done, {} failed; run it again to take up what is missing.", report.done,
        report.failures.size());
  std::string out = fmt::format("Applied: {} added, {} changed, {} deleted", planned.add,
                                planned.change, planned.remove);
  if (report.messages > 0)
    out += fmt::format("; {} message{} ({}) copied", with_thousands(report.messages),
                       report.messages == 1 ? "" : "s", human_bytes(report.bytes));
  if (report.restated > 0) out += fmt::format("; {} renamed", with_thousands(report.restated));
  if (report.removed > 0)
    out += fmt::format("; {} deleted that {} gone there", with_thousands(report.removed),
                       report.removed == 1 ? "is" : "are");
  if (report.gone > 0)
    out += fmt::format("; {} gone there and kept (--prune deletes)", with_thousands(report.gone));
  return out + ".";
}

}  // namespace vstate::engine
