// Pulling from a directory is a dump and an apply in one process: the source's State goes through
// the text of a domain file, so that it is checked as any file is, and the mail goes directly. The
// source is looked at once more at the end, since a domain that changed meanwhile is not all here.

#include "pull/pull_run.h"
#include "sys/far_side.h"

namespace vstate::engine {

namespace {

/// Mailboxes at a time that wait for the way of a link more than for a processor.
constexpr unsigned k_jobs_of_far_source = 16;

Result<Observation> look(Session& source, const DirectoryOptions& options, const DomainName& domain,
                         const Selection& selection, RunObserver& observer) {
  observer.on_stage("looking at " + options.root);
  const auto* far = source.system->far_side();
  if (far != nullptr) far->expect_walks_behind(task_of(domain));
  auto observation = inspect_source(source, domain, selection, options.renaming);
  observer.on_stage_end();
  if (!observation) return tl::unexpected<Error>(observation.error().in(options.root));
  return observation;
}

}  // namespace

Result<Session> open_source(ServerOptions server) {
  server.reads_ledger = false;
  return open_session(server, Access::read);
}

Status PullRun::copy(Session& source, const DirectoryOptions& options, Domain& domain) {
  const auto& selection = options_.plan.selection;
  VSTATE_TRY_ASSIGN(domain.observation, look(source, options, domain.name, selection, observer_));
  const auto& observation = *domain.observation;
  const auto text = document_of(*observation.state, options.clear_passwords);
  Diagnostics diagnostics;
  domain.file = parse_domain_file(options.root, text, selection, diagnostics);
  observer_.on_read(diagnostics);
  // What is wrong with the text was told to the observer; a report without an outcome says that
  // nothing was done.
  domain.is_in_run = domain.file.has_value();
  if (!domain.is_in_run) return {};
  auto& report = domain.report.source.emplace(report_of(observation, options.clear_passwords));
  domain.feed = std::make_unique<LocalFeed>(source, observation, options.root);
  // What was listed and could not be read any more may be there again the next time.
  options_.plan.prune = prunes_ && !observation.has_changed;
  run_.apply(*domain.file, domain.feed.get());
  // An apply that failed has an outcome too, so that what the source left out is told all the same.
  const auto left_out = domain.feed->left_out();
  report.left_out.insert(report.left_out.end(), left_out.begin(), left_out.end());
  report.counts.add(observation.accounting);
  // Comparing texts is comparing all that the file can say.
  const auto again = inspect_source(source, domain.name, selection, options.renaming);
  if (!again) domain.report.last_look = again.error().in(options.root);
  domain.report.has_source_changed = domain.feed->has_changed() || report.has_changed || !again ||
                                     document_of(*again->state, options.clear_passwords) != text;
  return {};
}

Status PullRun::pull(Session& source, const DirectoryOptions& options, const DomainName& name) {
  const auto failed = [&](const Error& error) {
    return tl::unexpected<Error>(error.in(name.text()));
  };
  const auto* far = source.system->far_side();
  if (options_.jobs == 0 && far != nullptr && far->has_long_way())
    options_.jobs = k_jobs_of_far_source;
  auto freeze = freeze_deliveries(source, name, options.freeze);
  if (!freeze) return failed(freeze.error());
  auto domain = std::make_unique<Domain>(name, renamed(name, options.renaming));
  if (const auto copied = copy(source, options, *domain); !copied) return failed(copied.error());
  // What held deliveries off there does so until all of it is here. How its end went is part of the
  // report.
  if (options.freeze == Freeze::yes) run_.publish();
  if (domain->report.source) end_freeze(freeze->get(), *domain->report.source);
  await(std::move(domain));
  return {};
}

}  // namespace vstate::engine
