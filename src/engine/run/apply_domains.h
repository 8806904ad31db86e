/// \file
/// Domain files -> server: each file is compared with the server, shown, and carried out. Nothing
/// is printed; an observer is told of all of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/apply.h"
#include "apply/feed.h"
#include "archive/stream.h"
#include "engine/domain_file.h"
#include "engine/saved_plan.h"
#include "engine/session.h"
#include "vstate/engine/outcome.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

struct ApplyOptions {
  PlanOptions plan = {};
  unsigned jobs =
      0;  ///< mailboxes at a time; 0: one a processor. PullRun: domains of the source, too
  std::string command = "apply";     ///< as the ledger names the run
  const SavedPlan* saved = nullptr;  ///< refuses what is not planned as it was
};

/// Is told of one domain while it is built.
class DomainObserver : public ApplyObserver {
 public:
  virtual void on_begin() {}
  virtual void on_built() {}
};

/// Is told of a run over domains, in the order in which things happen.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Something that takes its time begins and ends: "comparing example.com".
  virtual void on_stage(const std::string& what) { (void)what; }
  virtual void on_stage_end() {}
  /// A domain file that came from somewhere was read.
  virtual void on_read(const Diagnostics&) {}
  /// A file was compared with the server.
  virtual void on_compared(const DomainFile&, const Diagnostics&) {}
  /// There is a plan, which is neither stale nor refused yet.
  virtual void on_planned(const Plan&) {}
  /// Returns whether so much may be deleted. `of_feed`: also messages that are gone at the source.
  virtual bool may_delete(const Plan&, const Deletions&, bool of_feed) {
    (void)of_feed;
    return false;
  }
  /// Its observer lives until the outcome is known.
  virtual std::unique_ptr<DomainObserver> observer_of(const DomainFile&, const Plan&) {
    return std::make_unique<DomainObserver>();
  }
  /// Something went wrong with the ledger, which fails no domain. `domain` is null if it is not
  /// about one.
  virtual void on_trouble(const DomainName* domain, const std::string& message) {
    (void)domain;
    (void)message;
  }
  virtual void on_outcome(const ApplyOutcome&) {}
};

/// Domains one after the other, below the run lock. Each is compared, refused or built at once, and
/// what is built is published together with others: its outcome is told to the observer then. The
/// wait is bounded in number, time and mail. A domain that fails holds up no other.
class ApplyRun {
 public:
  /// All of these must outlive it.
  ApplyRun(Session&, const ApplyOptions&, RunObserver&);
  ~ApplyRun();
  ApplyRun(const ApplyRun&) = delete;
  ApplyRun& operator=(const ApplyRun&) = delete;

  /// The file, and the feed that brings what no archive of it holds, must live until the run ends.
  /// `index` is the file's place in a saved plan.
  void apply(const DomainFile&, MailFeed* feed = nullptr, std::size_t index = 0);
  /// Publishes what waits for it.
  void publish();
  /// What comes next would fail alike: a lock that is held, an interruption.
  [[nodiscard]] bool is_over() const;
  /// What the observer was told since the last call.
  [[nodiscard]] std::vector<ApplyOutcome> take_outcomes();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

void apply_domains(Session&, const std::vector<DomainFile>&, const ApplyOptions&, RunObserver&);
/// The same for one domain.
[[nodiscard]] ApplyOutcome apply_domain(Session&, const DomainFile&, const ApplyOptions&,
                                        RunObserver&);

/// What is known of a stream before it is read.
struct StreamOrigin {
  std::string title;                   ///< "standard input", the host's name
  const DomainName* wanted = nullptr;  ///< of this domain and no other
  /// Whether the other side has judged --exclude.
  bool is_excluded_there = false;
};
/// What dump_stream wrote, on its way into a run.
class StreamedDomain {
 public:
  /// Reads the document; the observer is told what is wrong with it. Fails if it is of another
  /// domain than was wanted.
  [[nodiscard]] static Result<std::unique_ptr<StreamedDomain>> read(Session&, StreamReader&,
                                                                    const StreamOrigin&,
                                                                    const Selection&, RunObserver&);
  ~StreamedDomain();
  /// Whether there is a document; without one nothing can be applied.
  [[nodiscard]] bool is_sound() const { return file_.has_value(); }
  void apply(ApplyRun&);

 private:
  StreamedDomain() = default;

  std::optional<DomainFile> file_;
  std::unique_ptr<MailFeed> feed_;
};

struct StreamReport {
  /// nullopt: the document is none; RunObserver::on_read was told why.
  std::optional<ApplyOutcome> outcome;
  bool has_source_changed = false;
};
/// Applies what dump_stream wrote. Fails if nothing was begun.
[[nodiscard]] Result<StreamReport> apply_stream(Session&, StreamReader&, const StreamOrigin&,
                                                const ApplyOptions&, RunObserver&);

}  // namespace vstate::engine
