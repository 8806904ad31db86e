#include "vstate/engine/mail_server.h"

#include <iterator>
#include <utility>

#include "engine/domain_file.h"
#include "engine/prepare.h"
#include "engine/run/apply_domains.h"
#include "engine/run/passing_on.h"
#include "engine/saved_plan.h"
#include "engine/session.h"
#include "engine/unmatched_patterns.h"
#include "engine/verify.h"
#include "inspect/inspect.h"
#include "sys/process/identity.h"
#include "vstate/plan/fingerprint.h"

namespace vstate::engine {

struct MailServer::Parts {
  ServerOptions options;
  Server server;
  StopFlag stop = false;

  [[nodiscard]] Result<Session> open(Access access) const { return open_session(options, access); }
};

namespace {

std::vector<std::string> lines_of(const Diagnostics& diagnostics) {
  std::vector<std::string> lines;
  for (const auto& item : diagnostics.sorted()) lines.push_back(to_text(item));
  return lines;
}

tl::unexpected<Error> refused(const Diagnostics& diagnostics) {
  return fail_lines(Errc::invalid, lines_of(diagnostics));
}

/// A State as the file that says it.
Result<DomainFile> file_of(const State& state, const std::string& archive_root,
                           const Selection& selection) {
  Diagnostics diagnostics;
  auto file = domain_file_of(state, archive_root, selection, diagnostics);
  return file ? Result<DomainFile>(*std::move(file)) : refused(diagnostics);
}

class Watching final : public RunObserver {
 public:
  explicit Watching(ApplyObserver& to) : to_(to) {}
  void on_compared(const DomainFile&, const Diagnostics& found) override { found_ = found; }
  bool may_delete(const Plan&, const Deletions&, bool) override { return true; }
  std::unique_ptr<DomainObserver> observer_of(const DomainFile&, const Plan&) override {
    return std::make_unique<PassingOn<DomainObserver>>(to_);
  }
  void on_trouble(const DomainName*, const std::string& message) override {
    troubles_.push_back(message);
  }

  [[nodiscard]] const Diagnostics& found() const { return found_; }
  [[nodiscard]] std::vector<std::string> take_troubles() { return std::move(troubles_); }

 private:
  ApplyObserver& to_;
  Diagnostics found_;
  std::vector<std::string> troubles_;
};

}  // namespace

MailServer::MailServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MailServer::MailServer(MailServer&&) noexcept = default;
MailServer& MailServer::operator=(MailServer&&) noexcept = default;
MailServer::~MailServer() = default;

Result<MailServer> MailServer::open(const OpenOptions& options) {
  drop_supplementary_groups();
  auto parts = std::make_unique<Parts>();
  parts->options.root = options.root;
  parts->options.overrides.vpopmail_dir = options.vpopmail_dir;
  parts->options.overrides.qmail_dir = options.qmail_dir;
  parts->options.overrides.backend = options.backend;
  parts->options.stop = &parts->stop;
  VSTATE_TRY_ASSIGN(auto session, parts->open(Access::read));
  parts->server = std::move(session.server);
  return MailServer(std::move(parts));
}

const Server& MailServer::server() const { return parts_->server; }

Result<std::vector<DomainName>> MailServer::domains() const {
  VSTATE_TRY_ASSIGN(const auto session, parts_->open(Access::read));
  return real_domains(*session.qmail);
}

Result<Inspected> MailServer::inspect(const DomainName& name, const Selection& selection) const {
  VSTATE_TRY_ASSIGN(const auto session, parts_->open(Access::read));
  VSTATE_TRY_ASSIGN(auto found, inspect_domain(*session.system, session.server, *session.store,
                                               *session.qmail, name, selection));
  return Inspected{std::move(found.state), std::move(found.condition), std::move(found.notes)};
}

Result<PlannedState> MailServer::plan(const State& desired, const PlanOptions& options,
                                      const std::string& archive_root) const {
  VSTATE_TRY_ASSIGN(auto file, file_of(desired, archive_root, options.selection));
  VSTATE_TRY_ASSIGN(auto session, parts_->open(Access::read));
  VSTATE_TRY(check_patterns(options.selection, &session, {file}));
  auto shown = options;
  shown.remembers = false;
  Diagnostics diagnostics;
  VSTATE_TRY_ASSIGN(auto prepared, prepare(session, file, shown, diagnostics));
  if (diagnostics.has_errors()) return refused(diagnostics);
  return PlannedState{desired, options, archive_root, std::move(prepared.plan),
                      lines_of(diagnostics)};
}

Result<ApplyOutcome> MailServer::apply(const PlannedState& planned, ApplyObserver& observer) {
  auto options = planned.options;
  options.remembers = true;
  VSTATE_TRY_ASSIGN(const auto file,
                    file_of(planned.desired, planned.archive_root, options.selection));
  const SavedPlan saved{.files = {{.name = file.name,
                                   .digest = file.digest,
                                   .fingerprint = fingerprint_of(planned.plan)}},
                        .mail = planned.archive_root,
                        .root = parts_->options.root,
                        .options = options};
  parts_->stop = false;
  VSTATE_TRY_ASSIGN(auto session, parts_->open(Access::write));
  VSTATE_TRY_ASSIGN(const auto lock, take_run_lock(session));
  Watching watching(observer);
  auto outcome = apply_domain(session, file, {.plan = options, .saved = &saved}, watching);
  if (watching.found().has_errors()) outcome.errors.push_back(refused(watching.found()).value());
  auto troubles = watching.take_troubles();
  outcome.report.remarks.insert(outcome.report.remarks.end(),
                                std::make_move_iterator(troubles.begin()),
                                std::make_move_iterator(troubles.end()));
  return outcome;
}

void MailServer::stop() noexcept { parts_->stop = true; }

Result<Verification> MailServer::verify(const State& desired, const PlanOptions& options,
                                        const std::string& archive_root, Depth depth) const {
  VSTATE_TRY_ASSIGN(const auto file, file_of(desired, archive_root, options.selection));
  VSTATE_TRY_ASSIGN(auto session, parts_->open(Access::read));
  Diagnostics diagnostics;
  VSTATE_TRY_ASSIGN(auto found, engine::verify(session, file, options, depth, diagnostics));
  if (diagnostics.has_errors()) return refused(diagnostics);
  return found;
}

}  // namespace vstate::engine
