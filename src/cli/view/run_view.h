/// \file
/// What a person, or a program, sees of a run over domains.
#pragma once

#include <optional>
#include <string>

#include "cli/console.h"
#include "cli/reporter.h"
#include "cli/tally.h"
#include "engine/run/apply_domains.h"

namespace vstate::cli {

class RunView final : public engine::RunObserver {
 public:
  /// `domains`: how many the run is about. A line of one among several begins with its name.
  RunView(const Console&, const PlanOptionsText&, std::size_t domains);

  void on_stage(const std::string& what) override;
  void on_stage_end() override { watch_.reset(); }
  void on_read(const Diagnostics& diagnostics) override { console_.report(diagnostics); }
  void on_compared(const engine::DomainFile&, const Diagnostics& found) override {
    reporter_.report(found);
  }
  void on_planned(const Plan&) override;
  bool may_delete(const Plan&, const Deletions&, bool of_feed) override;
  std::unique_ptr<engine::DomainObserver> observer_of(const engine::DomainFile&,
                                                      const Plan&) override;
  void on_trouble(const DomainName*, const std::string& message) override;
  void on_outcome(const engine::ApplyOutcome&) override;

  /// What became of the server's settings.
  void settle_settings(Exit exit, bool has_changed) {
    tally_.add_settings(exit);
    has_changed_ = has_changed_ || has_changed;
  }
  /// How many domains the run is about, once that is known.
  void set_domains(std::size_t domains) { domains_ = domains; }
  /// Of the run, not of one of its domains.
  [[nodiscard]] const Reporter& reporter() const { return reporter_; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] bool has_changed() const { return has_changed_; }

 private:
  [[nodiscard]] std::string noun_of(const std::string& domain) const;
  [[nodiscard]] std::unique_ptr<Reporter> reporter_of(const DomainName&) const;
  void show_done(const engine::ApplyOutcome&) const;
  void show_error(const engine::ApplyOutcome&, const Error&) const;

  const Console& console_;
  const PlanOptionsText& options_;
  std::size_t domains_;
  Reporter reporter_;
  std::optional<Reporter::Watch> watch_;
  Tally tally_;
  bool has_changed_ = false;
};

}  // namespace vstate::cli
