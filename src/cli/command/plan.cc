// `plan` prints what apply would do, and may save it. It only reads. With several files each is
// compared by itself; one that fails does not keep the others from being shown, but nothing is
// saved then.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/server.h"
#include "cli/tally.h"
#include "cli/view/settings_view.h"
#include "engine/lanes.h"
#include "engine/prepare.h"
#include "engine/saved_plan.h"
#include "engine/unmatched_patterns.h"
#include "view/plan_view.h"
#include "vstate/plan/fingerprint.h"

namespace vstate::cli {

namespace {

using Json = nlohmann::ordered_json;

/// The plans of a run, as far as they could be made.
class Planning {
 public:
  Planning(const CommonOptions& common, const PlanOptionsText& options)
      : common_(common), options_(options), console_(common) {}

  Exit run();

 private:
  void plan_each(engine::Session&, const std::vector<engine::ServerFile>&,
                 const std::vector<engine::DomainFile>&, Tally&);
  [[nodiscard]] bool has_changes() const;
  struct Planned {
    Result<Plan> plan;
    Diagnostics diagnostics;
  };
  Exit show(Planned, const std::string& noun);
  [[nodiscard]] Status save(const std::vector<engine::ServerFile>&,
                            const std::vector<engine::DomainFile>&) const;
  [[nodiscard]] Exit print_json() const;

  const CommonOptions& common_;
  const PlanOptionsText& options_;
  const Console console_;
  std::vector<Plan> plans_;
  std::optional<ServerPlan> settings_;
  bool is_heard_ = true;  ///< standard output can be written
};

Exit Planning::show(Planned planned, const std::string& noun) {
  console_.report(planned.diagnostics);
  if (!planned.plan) return Console::fail(with_noun(noun, planned.plan.error()));
  if (planned.diagnostics.has_errors()) return Exit::error;
  const auto& plan = plans_.emplace_back(*std::move(planned.plan));
  if (!options_.json && !common_.quiet)
    if (const auto told =
            Console::print_all(view::to_text(view::to_json(plan), console_.text_options()));
        told != Exit::done) {
      is_heard_ = false;
      return told;
    }
  for (const auto& problem : plan.problems) Console::error(noun + problem);
  return plan.problems.empty() ? Exit::done : Exit::error;
}

Status Planning::save(const std::vector<engine::ServerFile>& servers,
                      const std::vector<engine::DomainFile>& files) const {
  // The plan itself is not saved, as it may hold secrets. Apply makes it again from the same files,
  // and goes on only if its fingerprint is the same.
  engine::SavedPlan saved{.files = {},
                          .mail = options_.mail,
                          .root = common_.root,
                          .secrets = options_.secrets,
                          .options = plan_options(common_, options_),
                          .renaming = common_.renaming,
                          .takes_machine_keys = options_.take_machine_keys};
  if (settings_)
    saved.settings = {.name = servers.front().name,
                      .digest = servers.front().digest,
                      .fingerprint = fingerprint_of(*settings_)};
  for (std::size_t i = 0; i < files.size(); ++i)
    saved.files.push_back({.name = files[i].name,
                           .digest = files[i].digest,
                           .fingerprint = fingerprint_of(plans_[i])});
  return engine::save_plan(options_.output, saved);
}

/// An object for one plan, an array for more.
Exit Planning::print_json() const {
  auto all = Json::array();
  if (settings_) all.push_back(view::to_json(*settings_));
  for (const auto& plan : plans_) all.push_back(view::to_json(plan));
  return Console::print_all(to_json_text(all.size() == 1 ? all.front() : all, 2) + "\n");
}

/// Whoever closed the pipe wants no more plans, and each takes a look at a whole domain. A lock
/// that is held or an interruption would end the others alike.
void Planning::plan_each(engine::Session& session, const std::vector<engine::ServerFile>& servers,
                         const std::vector<engine::DomainFile>& files, Tally& tally) {
  for (const auto& file : servers) {
    auto planned = plan_settings(console_, session, file, common_, options_);
    settings_ = std::move(planned.plan);
    is_heard_ = planned.is_heard;
    tally.add_settings(planned.exit);
  }
  auto chosen = plan_options(common_, options_);
  chosen.remembers = false;
  engine::InOrder<Planned> run(
      session, engine::lanes_for(session, common_.jobs, files.size()), files.size(),
      [&](const Result<engine::Session*>& lane, std::size_t item) {
        if (!lane) return Planned{propagate(lane), {}};
        Diagnostics found;
        auto prepared = engine::prepare(**lane, files[item], chosen, found);
        if (!prepared) return Planned{propagate(prepared), std::move(found)};
        return Planned{std::move(prepared->plan), std::move(found)};
      });
  for (const auto& file : files) {
    if (!is_heard_ || tally.ends_run()) return;
    const auto& name = file.state.name.text();
    tally.add(name, show(run.next(), noun_of(name, files.size() + servers.size())));
  }
}

bool Planning::has_changes() const {
  return (settings_ && !settings_->is_empty()) ||
         std::any_of(plans_.begin(), plans_.end(),
                     [](const Plan& plan) { return !plan.is_empty(); });
}

Exit Planning::run() {
  Diagnostics diagnostics;
  std::vector<engine::ServerFile> servers;
  auto reading = read_options(common_, options_);
  reading.servers = &servers;
  const auto files = engine::read_domain_files(options_.files, reading, diagnostics);
  console_.report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  auto session = open_to_read(common_);
  if (!session) return Console::fail(session.error());
  if (const auto checked = engine::check_patterns(common_.selection, &*session, files, servers);
      !checked)
    return Console::fail(checked.error());
  Tally tally;
  plan_each(*session, servers, files, tally);
  if (!is_heard_) return Exit::error;
  const auto result = tally.exit(false);
  // Only whole plans are saved: each file has its own here, in the order of the files.
  if (!options_.output.empty() && result == Exit::done)
    if (const auto saved = save(servers, files); !saved) return Console::fail(saved.error());
  if (options_.json)
    if (const auto printed = print_json(); printed != Exit::done) return printed;
  if (const auto summary = tally.summary(); !summary.empty()) console_.say(summary);
  if (result != Exit::done) return result;
  return has_changes() && options_.detailed_exitcode ? Exit::differences : Exit::done;
}

}  // namespace

Exit run_plan(const CommonOptions& common, const PlanOptionsText& options) {
  return Planning(common, options).run();
}

}  // namespace vstate::cli
