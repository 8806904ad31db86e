// Pulling from a directory is a dump and an apply in one process: the source's State goes through
// the text of a domain file, so that it is checked as any file is, and the mail goes directly. The
// source is looked at once more at the end, since a domain that changed meanwhile is not all here.

#include "pull/pull_run.h"
#include "sys/far_side.h"

namespace vstate::engine {

namespace {

/// Mailboxes at a time that wait for the way of a link more than for a processor.
constexpr unsigned k_jobs_of_far_source = 16;

}  // namespace

Result<Session> open_source(ServerOptions server) {
  server.reads_ledger = false;
  return open_session(server, Access::read);
}

void PullRun::expect(const Session& source, const DirectoryOptions& options,
                     const std::vector<DomainName>& names) {
  for (const auto& earlier : looks_) earlier->stop();
  const auto lanes = lanes_for(source, options_.jobs, names.size());
  // Deliveries are held off for one domain at a time, and no longer than it takes.
  if (lanes < 2 || options.freeze == Freeze::yes) return;
  looks_.push_back(
      std::make_unique<LooksAhead>(source, options, options_.plan.selection, names, lanes));
}

Status PullRun::look(Session& source, const DirectoryOptions& options, Domain& domain) {
  observer_.on_stage("looking at " + options.root);
  auto looked = take_look(domain);
  if (looked && domain.look == nullptr) {
    domain.look = std::make_shared<SourceLook>(options, options_.plan.selection, domain.name);
    looked = domain.look->look(source);
  }
  observer_.on_stage_end();
  return looked;
}

/// There may be none.
Status PullRun::take_look(Domain& domain) {
  if (looks_.empty() || !looks_.back()->has(domain.name)) return {};
  VSTATE_TRY_ASSIGN(domain.look, looks_.back()->take(domain.name));
  if (domain.look != nullptr) domain.ahead = looks_.back().get();
  return {};
}

void PullRun::copy(const DirectoryOptions& options, Domain& domain) {
  auto& look = *domain.look;
  const auto& observation = look.observation();
  Diagnostics diagnostics;
  domain.file = parse_domain_file(options.root, look.text(), options_.plan.selection, diagnostics);
  observer_.on_read(diagnostics);
  // What is wrong with the text was told to the observer; a report without an outcome says that
  // nothing was done.
  domain.is_in_run = domain.file.has_value();
  if (!domain.is_in_run) return;
  auto& report = domain.report.source.emplace(report_of(observation, options.clear_passwords));
  // What was listed and could not be read any more may be there again the next time.
  options_.plan.prune = prunes_ && !observation.has_changed;
  run_.apply(*domain.file, &look.feed());
  // An apply that failed has an outcome too, so that what the source left out is told all the same.
  const auto left_out = look.feed().left_out();
  report.left_out.insert(report.left_out.end(), left_out.begin(), left_out.end());
  report.counts.add(observation.accounting);
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
  if (const auto looked = look(source, options, *domain); !looked) return failed(looked.error());
  copy(options, *domain);
  if (domain->ahead != nullptr)
    domain->ahead->let_go(
        name, domain->is_in_run ? LooksAhead::Then::look_again : LooksAhead::Then::forget);
  else if (domain->is_in_run)
    domain->look->look_again(source);
  // What held deliveries off there does so until all of it is here. How its end went is part of the
  // report.
  if (options.freeze == Freeze::yes) run_.publish();
  if (domain->report.source) end_freeze(freeze->get(), *domain->report.source);
  await(std::move(domain));
  return {};
}

}  // namespace vstate::engine
