// Pulling from a directory is a dump and an apply in one process: the source's State goes through
// the text of a domain file, so that it is checked as any file is, and the mail goes directly. The
// source is looked at once more at the end, since a domain that changed meanwhile is not all here.

#include "pull/local_feed.h"
#include "pull/pull.h"
#include "sys/far_side.h"

namespace vstate::engine {

namespace {

/// Mailboxes at a time that wait for the way of a link more than for a processor.
constexpr unsigned k_jobs_of_far_source = 16;

class DirectoryPull {
 public:
  DirectoryPull(const DirectoryOptions& options, const DomainName& domain, Session& source)
      : options_(options), domain_(domain), source_(source) {}

  Result<PullReport> run(Session& target, ApplyOptions, RunObserver&);

 private:
  Result<Observation> look(const Selection&, RunObserver&);
  [[nodiscard]] std::string document(const Observation& observation) const {
    return document_of(*observation.state, options_.clear_passwords);
  }
  Result<bool> has_changed_since(const std::string& document, const Selection&);

  const DirectoryOptions& options_;
  const DomainName& domain_;
  Session& source_;
};

Result<Observation> DirectoryPull::look(const Selection& selection, RunObserver& observer) {
  const auto& root = options_.root;
  observer.on_stage("looking at " + root);
  const auto* far = source_.system->far_side();
  if (far != nullptr) far->expect_walks_behind(task_of(domain_));
  auto observation = inspect_source(source_, domain_, selection);
  observer.on_stage_end();
  if (!observation) return tl::unexpected<Error>(observation.error().in(root));
  return observation;
}

Result<bool> DirectoryPull::has_changed_since(const std::string& before,
                                              const Selection& selection) {
  // Comparing texts is comparing all that the file can say.
  VSTATE_TRY_ASSIGN(const auto again, inspect_source(source_, domain_, selection));
  return document(again) != before;
}

Result<PullReport> DirectoryPull::run(Session& target, ApplyOptions options,
                                      RunObserver& observer) {
  const auto& selection = options.plan.selection;
  VSTATE_TRY_ASSIGN(const auto observation, look(selection, observer));
  const auto text = document(observation);
  Diagnostics diagnostics;
  const auto file = parse_domain_file(options_.root, text, selection, diagnostics);
  observer.on_read(diagnostics);
  // What is wrong with the text was told to the observer; a report without an outcome says that
  // nothing was done.
  if (!file) return PullReport();
  PullReport report;
  report.source = report_of(observation, options_.clear_passwords);
  LocalFeed feed(source_, observation, options_.root);
  options.feed = &feed;
  const auto* far = source_.system->far_side();
  if (options.jobs == 0 && far != nullptr && far->has_long_way())
    options.jobs = k_jobs_of_far_source;
  // What was listed and could not be read any more may be there again the next time.
  options.plan.prune = options.plan.prune && !observation.has_changed;
  // An apply that failed has an outcome too, so that what the source left out is told all the same.
  report.outcome = apply_domain(target, *file, options, observer);
  auto& source = *report.source;
  const auto left_out = feed.left_out();
  source.left_out.insert(source.left_out.end(), left_out.begin(), left_out.end());
  source.counts.add(observation.accounting);
  const auto last_look = has_changed_since(text, selection);
  if (!last_look) report.last_look = last_look.error().in(options_.root);
  report.has_source_changed = feed.has_changed() || source.has_changed || !last_look || *last_look;
  return report;
}

}  // namespace

Result<Session> open_source(ServerOptions server) {
  server.reads_ledger = false;
  return open_session(server, Access::read);
}

Result<PullReport> pull_from_directory(Session& target, Session& source,
                                       const DirectoryOptions& options, const DomainName& domain,
                                       ApplyOptions apply, RunObserver& observer) {
  const auto failed = [&](const Error& error) {
    return tl::unexpected<Error>(error.in(domain.text()));
  };
  auto freeze = freeze_deliveries(source, domain, options.freeze);
  if (!freeze) return failed(freeze.error());
  auto report = DirectoryPull(options, domain, source).run(target, std::move(apply), observer);
  if (!report) return failed(report.error());
  // The freeze ends when all is copied, and how that went is part of the report.
  if (report->source) end_freeze(freeze->get(), *report->source);
  return report;
}

}  // namespace vstate::engine
