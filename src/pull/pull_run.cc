// From a directory, or by SFTP, a pull is a dump and an apply in one process: the source's State
// goes through the text of a domain file, so that it is checked as any file is, and the mail goes
// directly. From a vstate there this side says what it has, and the other side sends the rest as a
// stream. What is said to be there must really be there, or it would never be sent again.

#include "pull/pull_run.h"

#include <algorithm>

#include "apply/archives.h"
#include "inspect/inspect.h"
#include "sys/far_side.h"

namespace vstate::engine {

namespace {

void take_second_look(const SourceLook& look, PullReport& report) {
  report.last_look = look.failure();
  report.has_source_changed = look.has_changed();
}

/// Mailboxes at a time that wait for the way of a link more than for a processor.
constexpr unsigned k_jobs_of_far_source = 16;

/// What the ledger remembers of mailboxes that are still there.
Result<Have> what_is_here(Session& target, const DomainName& domain, const Selection& selection) {
  Have have;
  if (!target.memory) return have;
  VSTATE_TRY_ASSIGN(const auto observation,
                    inspect_domain(*target.system, target.server, *target.store, *target.qmail,
                                   domain, selection));
  VSTATE_TRY_ASSIGN(const auto boxes, target.memory->mail().boxes(domain));
  for (const auto& [kind, name] : boxes) {
    const auto box_kind = parse_box_kind(kind);
    if (!box_kind) continue;  // what is remembered of something else, such as conversions
    const Box box{*box_kind, name};
    const auto place = archive_target(box, observation.condition.paths);
    // A mailbox whose home is gone needs all of its mail again, whatever the ledger remembers.
    if (!place || place->empty()) continue;
    VSTATE_TRY_ASSIGN(const bool is_there, target.system->exists(*place));
    if (!is_there) continue;
    VSTATE_TRY_ASSIGN(auto memory, target.memory->mail().memory_of(domain, kind, name));
    have.insert_or_assign(box, std::move(memory));
  }
  return have;
}

}  // namespace

PullRun::PullRun(Session& target, const ApplyOptions& options, RunObserver& observer)
    : target_(target),
      options_(options),
      prunes_(options.plan.prune),
      observer_(observer),
      run_(target, options_, observer) {}

PullRun::~PullRun() = default;

void PullRun::publish() {
  run_.publish();
  for (const auto& domain : waiting_)
    if (domain->ahead != nullptr) domain->ahead->wait_for(domain->name);
  settle();
}

/// A domain without a document is not in the run: nothing was done, and its report says so.
void PullRun::await(std::unique_ptr<Domain> domain) {
  if (domain->is_in_run)
    waiting_.push_back(std::move(domain));
  else
    finished_.push_back({domain->name, std::move(domain->report)});
  settle();
}

void PullRun::settle() {
  for (auto& outcome : run_.take_outcomes()) {
    const auto domain = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& waiting) {
      return waiting->here == outcome.domain;
    });
    if (domain == waiting_.end()) continue;
    (*domain)->report.outcome = std::move(outcome);
  }
  std::erase_if(waiting_, [&](const auto& domain) {
    const bool is_looked_at = domain->ahead == nullptr || domain->ahead->is_over(domain->name);
    if (!domain->report.outcome || !is_looked_at) return false;
    if (domain->look) take_second_look(*domain->look, domain->report);
    finished_.push_back({domain->name, std::move(domain->report)});
    return true;
  });
}

std::vector<PullRun::Pulled> PullRun::take_finished() { return std::exchange(finished_, {}); }

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

Status PullRun::pull(const RemoteOptions& options, const DomainName& name) {
  const auto& selection = options_.plan.selection;
  const auto& here = renamed(name, options.renaming);
  auto have = what_is_here(target_, here, selection);
  // Without the ledger nothing is known to be here, and all of it comes.
  if (forgets_damaged_ledger(target_)) have = what_is_here(target_, here, selection);
  if (!have) return propagate(have);
  VSTATE_TRY_ASSIGN(auto dump, RemoteDump::start(options, name, *have));
  const StreamOrigin origin{.title = options.host, .wanted = &here, .is_excluded_there = true};
  auto domain = std::make_unique<Domain>(name, here);
  VSTATE_TRY_ASSIGN(domain->streamed,
                    StreamedDomain::read(target_, dump.stream(), origin, selection, observer_));
  domain->is_in_run = domain->streamed->is_sound();
  if (domain->is_in_run) {
    domain->streamed->apply(run_);
    // The other side holds deliveries off until its end.
    if (options.freeze == Freeze::yes) run_.publish();
    domain->report.has_source_changed = dump.stream().has_source_changed();
  }
  dump.end();
  await(std::move(domain));
  return {};
}

}  // namespace vstate::engine
