/// \file
/// One domain on its way through an apply: built, and not published yet.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/prepare.h"
#include "engine/run/apply_domains.h"
#include "engine/run/passing_on.h"
#include "ledger/ledger.h"

namespace vstate::engine {

/// Records what becomes of the actions, besides passing it on.
class RecordingObserver final : public PassingOn<ApplyObserver> {
 public:
  using PassingOn::PassingOn;
  void on_failure(const std::string& address, const std::string& message) override;
  void on_end(const Action&, const std::string& message) override;
  /// The changes since the last call.
  std::vector<RunChange> take_changes() { return std::exchange(changes_, {}); }

 private:
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
  /// `feed` may be null.
  Building(const DomainFile&, MailFeed* feed, Prepared, Session&, const ApplyOptions&,
           const RecordedRun&, RunObserver&);

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
