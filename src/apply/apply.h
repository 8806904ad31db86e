/// \file
/// Plan -> server. Each action is safe to repeat; what was done when a run stops stays done, and
/// the next run's plan holds the rest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/feed.h"
#include "apply/steps.h"
#include "domain/observation.h"
#include "domain/site.h"
#include "ledger/ledger.h"
#include "store/account_store.h"
#include "sys/system.h"
#include "vstate/plan/plan.h"

namespace vstate {

struct ApplyInput {
  System& system;
  const Server& server;
  AccountStore& store;
  const State& desired;
  const Observation& actual;
  std::string archive_root;      ///< host directory that the file's archives are relative to
  Ledger* ledger = nullptr;      ///< null: nothing is remembered
  MailFeed* feed = nullptr;      ///< mail that no archive of the file holds
  bool prunes_mail = false;      ///< deletes messages that are gone at the feed's source
  std::uint64_t max_delete = 0;  ///< so many, however many there are (PlanOptions::max_delete)
  bool to_dovecot = false;       ///< makes Dovecot's files of Courier's
  unsigned jobs = 1;             ///< mailboxes at a time
  Selection selection = {};      ///< what of the feed is taken
};

class MailDelivery;

/// A plan that is carried out in steps, so that many domains are published at once: a publication
/// rewrites files of qmail that grow with the domains of the server. What it is made of must
/// outlive it. A failed item does not stop the others; a failure keeps a new domain unpublished.
/// The steps fail themselves only where going on makes no sense: a full disk, a lock that is held,
/// an interruption. What was done until then stays.
class PlanRun {
 public:
  PlanRun(const ApplyInput&, const Plan&, ApplyObserver&);
  PlanRun(const PlanRun&) = delete;
  PlanRun& operator=(const PlanRun&) = delete;
  ~PlanRun();

  /// All but the publication. Where it fails the ledger knows what was done, and nothing follows.
  Status build();
  /// Tells the ledger what was done, and returns the report.
  Result<ApplyReport> end();

  /// All of it is there, and qmail does not know its names yet.
  [[nodiscard]] bool waits_for_publication() const { return waits_for_publication_; }

 private:
  friend Status publish(const std::vector<PlanRun*>&);
  friend Status publish_together(const std::vector<PlanRun*>&, std::string& remark);

  [[nodiscard]] std::vector<const Publish*> publications() const;
  void begin_publication();
  /// Reports how it went; returns only what must end the run.
  Status end_publication(const Status&, const std::string& remark);
  Status carry_out();
  Status change_accounts();
  Status write_contents();
  Status make_locks_of_hidden_lists();
  Status count_mailboxes();
  Status unpublish_all();
  Status remember();

  const ApplyInput& input_;
  const Plan& plan_;
  Steps steps_;
  Site site_;
  std::unique_ptr<MailDelivery> mail_;
  bool waits_for_publication_ = false;
};

/// Publishes all names of domains that are built; of the others none. If one domain's cannot be
/// published the others are all the same, and the reports say which.
Status publish(const std::vector<PlanRun*>&);

/// The steps together, for one domain.
[[nodiscard]] Result<ApplyReport> apply_plan(const ApplyInput&, const Plan&, ApplyObserver&);

}  // namespace vstate
