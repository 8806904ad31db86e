// Files go one after the other through compare, refuse, build; what is built waits for a
// publication together with others, since each publication rewrites files as long as the server has
// domains. The wait is bounded in number, time and mail, so that no domain's users wait for
// another's mail. A failure of one domain ends the run only where the next would meet the same.

#include "engine/run/apply_domains.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "engine/prepare.h"
#include "engine/run/building.h"
#include "engine/run/rollback_record.h"

namespace vstate::engine {

namespace {

/// So many domains are published at once; none waits longer for the others, nor for so much mail of
/// one of them.
constexpr std::size_t k_batch = 1000;
constexpr auto k_longest_wait = std::chrono::seconds(5);
constexpr std::uint64_t k_much_mail = std::uint64_t{64} << 20U;

ApplyOutcome ended(const DomainName& domain, Ending ending, std::vector<Error> errors = {}) {
  return {.domain = domain, .ending = ending, .errors = std::move(errors)};
}

/// True if what comes next would fail alike.
bool ends_run(const ApplyOutcome& outcome) {
  return !outcome.errors.empty() && (outcome.errors.front().code == Errc::busy ||
                                     outcome.errors.front().code == Errc::interrupted);
}

}  // namespace

/// The ledger that a run writes into, opened by the first domain that needs it.
class RunLedger {
 public:
  RunLedger(Session& session, RunObserver& observer) : session_(session), observer_(observer) {}

  Result<Ledger*> get();
  Status remember_nothing_new(const Plan&);
  void record(const DomainName&, const Run&);
  /// For who takes the run back (engine/run/rollback.h).
  Status keep_what_was(std::int64_t run, const Prepared&);
  void leave_damaged();

 private:
  Session& session_;
  RunObserver& observer_;
  std::optional<Ledger> ledger_;
  bool has_forgotten_ = false;  ///< records that are long past
};

Status RunLedger::keep_what_was(std::int64_t run, const Prepared& prepared) {
  if (!changes_configuration(prepared.plan)) return {};
  auto& system = *session_.system;
  if (!std::exchange(has_forgotten_, true)) VSTATE_TRY(forget_past_records(system, run));
  const auto& state = prepared.observation.state;
  const auto* before = state ? &*state : nullptr;
  return keep_record(system, run, before, state_after(prepared.plan, before));
}

Result<Ledger*> RunLedger::get() {
  if (!ledger_) {
    VSTATE_TRY_ASSIGN(ledger_, open_ledger(session_));
    if (const auto& moved = ledger_->moved_to(); !moved.empty())
      observer_.on_trouble(
          nullptr,
          fmt::format("the ledger was damaged; it is now {}, and a new one was made", moved));
  }
  return &*ledger_;
}

/// The next domain, and the next run, must not meet the same damage again.
void RunLedger::leave_damaged() {
  if (!ledger_ || !ledger_->is_damaged()) return;
  const auto moved = Ledger::move_away(*session_.system);
  observer_.on_trouble(nullptr, moved ? fmt::format("the ledger is damaged; it is now {}", *moved)
                                      : moved.error().message);
  ledger_.reset();
}

void RunLedger::record(const DomainName& domain, const Run& run) {
  if (const auto ended = ledger_->runs().end(run); !ended)
    observer_.on_trouble(&domain, ended.error().message);
}

/// The server is as the file says already, which the ledger may not know yet.
Status RunLedger::remember_nothing_new(const Plan& plan) {
  if (session_.memory) {
    const auto is_news = session_.memory->domains().is_news(plan.domain, plan.memory);
    if (!is_news && !forgets_damaged_ledger(session_)) return propagate(is_news);
    if (is_news && !*is_news && !session_.memory->has_journal()) return {};
  }
  VSTATE_TRY_ASSIGN(auto* const known, get());
  return known->domains().remember(plan.domain, plan.memory, {}, false);
}

class ApplyRun::Impl {
 public:
  Impl(Session& session, const ApplyOptions& options, RunObserver& observer)
      : session_(session), options_(options), observer_(observer), ledger_(session, observer) {}

  void apply(const DomainFile&, MailFeed*, std::size_t index);
  void publish_built();
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] std::vector<ApplyOutcome> take_outcomes() { return std::exchange(outcomes_, {}); }

 private:
  Result<Prepared> compare(const DomainFile&, const MailFeed*, Diagnostics&);
  /// Returns nullopt if it is to be built.
  std::optional<ApplyOutcome> refuse(const DomainFile&, const MailFeed*, std::size_t index,
                                     const Plan&);
  /// Returns nullopt if it is built, and waits in built_ for its publication.
  std::optional<ApplyOutcome> build(const DomainFile&, MailFeed*, Prepared);
  [[nodiscard]] bool may_delete(const Plan&, const MailFeed*);
  [[nodiscard]] bool waits_for_names_of(const State&) const;
  void await_publication(std::unique_ptr<Building>, std::uint64_t bytes);
  void settle(ApplyOutcome);

  Session& session_;
  const ApplyOptions& options_;
  RunObserver& observer_;
  RunLedger ledger_;
  std::vector<std::unique_ptr<Building>> built_;
  std::set<DomainName> built_names_;  ///< of the domains in built_, with their aliases
  std::chrono::steady_clock::time_point built_since_{};
  std::vector<ApplyOutcome> outcomes_;  ///< that nobody took yet
  bool is_over_ = false;
};

void ApplyRun::Impl::settle(ApplyOutcome outcome) {
  observer_.on_outcome(outcome);
  is_over_ = ends_run(outcome);
  outcomes_.push_back(std::move(outcome));
}

/// Archives are read for it from beginning to end.
Result<Prepared> ApplyRun::Impl::compare(const DomainFile& file, const MailFeed* feed,
                                         Diagnostics& diagnostics) {
  // Comparing reads archives from beginning to end, so it may take a while and is told as a stage.
  observer_.on_stage("comparing " + file.state.name.text());
  auto prepared =
      prepare(session_, file, options_.plan, diagnostics, feed == nullptr ? "" : feed->title());
  observer_.on_stage_end();
  return prepared;
}

void ApplyRun::Impl::apply(const DomainFile& file, MailFeed* feed, std::size_t index) {
  const auto& domain = file.state.name;
  // What a plan says of a name that is not published yet would not be so a moment later.
  if (waits_for_names_of(file.state)) publish_built();
  Diagnostics diagnostics;
  auto prepared = compare(file, feed, diagnostics);
  observer_.on_compared(file, diagnostics);
  if (!prepared) return settle(ended(domain, Ending::refused, {prepared.error()}));
  if (diagnostics.has_errors()) return settle(ended(domain, Ending::refused));
  auto outcome = refuse(file, feed, index, prepared->plan);
  if (!outcome) outcome = build(file, feed, *std::move(prepared));
  if (outcome) settle(*std::move(outcome));
}

std::optional<ApplyOutcome> ApplyRun::Impl::refuse(const DomainFile& file, const MailFeed* feed,
                                                   std::size_t index, const Plan& plan) {
  const auto& domain = file.state.name;
  // A saved plan is checked before anything is shown: what a person agreed to must be what is done.
  if (options_.saved != nullptr)
    if (auto stale = staleness(*options_.saved, index, file, plan); !stale.empty())
      return ended(domain, Ending::stale, {Error{Errc::conflict, std::move(stale)}});
  observer_.on_planned(plan);
  if (!plan.problems.empty()) {
    std::vector<Error> errors;
    for (const auto& problem : plan.problems) errors.push_back({Errc::unsupported, problem});
    return ended(domain, Ending::refused, std::move(errors));
  }
  if (plan.is_empty()) {
    const auto remembered = ledger_.remember_nothing_new(plan);
    return remembered ? ended(domain, Ending::unchanged)
                      : ended(domain, Ending::refused, {remembered.error()});
  }
  if (!may_delete(plan, feed))
    return ended(domain, Ending::refused,
                 {Error{Errc::conflict,
                        "nothing was changed: the plan deletes, and nobody confirmed it; say "
                        "--yes"}});
  return std::nullopt;
}

bool ApplyRun::Impl::may_delete(const Plan& plan, const MailFeed* feed) {
  const auto deletions = deletions_of(plan);
  // A feed may delete messages that are gone at its source, of which the plan cannot know.
  const bool of_feed = feed != nullptr && options_.plan.prune;
  return (deletions.is_empty() && !of_feed) || observer_.may_delete(plan, deletions, of_feed);
}

std::optional<ApplyOutcome> ApplyRun::Impl::build(const DomainFile& file, MailFeed* feed,
                                                  Prepared prepared) {
  const auto& domain = file.state.name;
  const auto bytes = summary_of(prepared.plan).bytes;
  // Domains that are ready do not wait for the mail of this one.
  if (bytes >= k_much_mail) publish_built();
  auto known = ledger_.get();
  const auto number = known ? (*known)->runs().begin(options_.command, domain)
                            : Result<std::int64_t>(tl::unexpected<Error>(known.error()));
  if (!number) {
    publish_built();
    ledger_.leave_damaged();
    return ended(domain, Ending::refused, {number.error()});
  }
  const auto kept = ledger_.keep_what_was(*number, prepared);
  // A run without a record cannot be taken back, and is a run all the same.
  if (!kept && kept.error().ends_run()) {
    publish_built();
    return ended(domain, Ending::refused, {kept.error()});
  }
  if (!kept) observer_.on_trouble(&domain, kept.error().message);
  auto building = std::make_unique<Building>(file, feed, std::move(prepared), session_, options_,
                                             RecordedRun{**known, *number}, observer_);
  if (const auto built = building->build(); !built) {
    ledger_.record(domain, building->stopped(built.error()));
    publish_built();
    ledger_.leave_damaged();
    return ended(domain, Ending::stopped, {built.error()});
  }
  await_publication(std::move(building), bytes);
  return std::nullopt;
}

void ApplyRun::Impl::await_publication(std::unique_ptr<Building> building, std::uint64_t bytes) {
  if (built_.empty()) built_since_ = std::chrono::steady_clock::now();
  const auto& state = building->state();
  built_names_.insert(state.name);
  built_names_.insert(state.aliases.begin(), state.aliases.end());
  built_.push_back(std::move(building));
  const auto waited = std::chrono::steady_clock::now() - built_since_;
  if (built_.size() >= k_batch || waited >= k_longest_wait || bytes >= k_much_mail) publish_built();
}

bool ApplyRun::Impl::waits_for_names_of(const State& state) const {
  const auto is_built = [this](const DomainName& name) { return built_names_.contains(name); };
  return is_built(state.name) || std::any_of(state.aliases.begin(), state.aliases.end(), is_built);
}

void ApplyRun::Impl::publish_built() {
  std::vector<PlanRun*> runs;
  for (const auto& building : built_) runs.push_back(&building->run());
  const auto published = vstate::publish(runs);
  for (const auto& building : built_) {
    Run run;
    auto outcome = building->finish(published, run);
    ledger_.record(building->domain(), run);
    settle(std::move(outcome));
  }
  built_.clear();
  built_names_.clear();
  ledger_.leave_damaged();
}

ApplyRun::ApplyRun(Session& session, const ApplyOptions& options, RunObserver& observer)
    : impl_(std::make_unique<Impl>(session, options, observer)) {}
ApplyRun::~ApplyRun() = default;

void ApplyRun::apply(const DomainFile& file, MailFeed* feed, std::size_t index) {
  impl_->apply(file, feed, index);
}
void ApplyRun::publish() { impl_->publish_built(); }
bool ApplyRun::is_over() const { return impl_->is_over(); }
std::vector<ApplyOutcome> ApplyRun::take_outcomes() { return impl_->take_outcomes(); }

void apply_domains(Session& session, const std::vector<DomainFile>& files,
                   const ApplyOptions& options, RunObserver& observer) {
  ApplyRun run(session, options, observer);
  for (std::size_t i = 0; i < files.size() && !run.is_over(); ++i) run.apply(files[i], nullptr, i);
  // What was built before the run came to an end is published all the same.
  run.publish();
}

ApplyOutcome apply_domain(Session& session, const DomainFile& file, const ApplyOptions& options,
                          RunObserver& observer) {
  ApplyRun run(session, options, observer);
  run.apply(file);
  run.publish();
  const auto outcomes = run.take_outcomes();
  VSTATE_ASSERT(outcomes.size() == 1);
  return outcomes.front();
}

}  // namespace vstate::engine
