/// \file
/// One domain on its way through an apply: built, and not published yet.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/apply_domains.h"
#include "engine/prepare.h"
#include "ledger/ledger.h"

namespace vstate::engine {

/// Passes all on to another observer, and records what became of the actions.
class RecordingObserver final : public ApplyObserver {
 public:
  explicit RecordingObserver(ApplyObserver& to) : to_(to) {}
  void on_start(const Action& action) override { to_.on_start(action); }
  void on_progress(std::uint64_t messages, std::uint64_t bytes) override {
    to_.on_progress(messages, bytes);
  }
  void on_box(const Box& box) override { to_.on_box(box); }
  void on_box_end(const Box& box) override { to_.on_box_end(box); }
  void on_failure(const std::string& address, const std::string& message) override;
  void on_end(const Action&, const std::string& message) override;
  /// The changes since the last call.
  std::vector<RunChange> take_changes() { return std::exchange(changes_, {}); }

 private:
  ApplyObserver& to_;
  std::vector<RunChange> changes_;
};

/// A run that the ledger has begun to record.
struct RecordedRun {
  Ledger& ledger;
  std::int64_t number = 0;
};

/// The run refers to the other parts: it stays where it is.
class Building {
 public:
  Building(const DomainFile&, Prepared, Session&, const ApplyOptions&, const RecordedRun&,
           RunObserver&);

  [[nodiscard]] const DomainName& domain() const { return file_.state.name; }
  [[nodiscard]] const State& state() const { return file_.state; }
  [[nodiscard]] PlanRun& run() { return run_; }
  /// Does all but the publication.
  Status build();
  /// What the ledger shall say of a run that an error ended.
  Run stopped(const Error&);
  /// Ends a run whose publication was tried. The record is what the ledger shall say of it.
  ApplyOutcome finish(const Status& published, Run& record);

 private:
  [[nodiscard]] bool brought_something(const ApplyReport&) const;

  const DomainFile& file_;
  Prepared prepared_;
  std::unique_ptr<DomainObserver> observer_;
  RecordingObserver recording_;
  ApplyInput input_;
  PlanRun run_;
  std::int64_t number_;
};

/// "Applied: 4 added, 1 changed, 0 deleted; 1,200 messages (45.1 MiB) copied."
[[nodiscard]] std::string done_line(const Plan&, const ApplyReport&);

}  // namespace vstate::engine
