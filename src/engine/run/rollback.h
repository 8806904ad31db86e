/// \file
/// Taking back what a run changed in a domain's configuration. Mail is never touched, and what
/// somebody changed since stays.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/apply_domains.h"
#include "engine/run/rollback_record.h"

namespace vstate::engine {

class Rollback {
 public:
  /// Fails with `not_found` for a run of which nothing is kept, and for a domain that is gone.
  [[nodiscard]] static Result<std::unique_ptr<Rollback>> begin(Session&, std::int64_t run);

  [[nodiscard]] const DomainName& domain() const { return record_.after.name; }
  /// What would be done now. For a domain that the run made: which names would be unpublished.
  [[nodiscard]] Result<Plan> plan();
  /// "mailbox.alice: quota was changed since"; such things stay as they are.
  [[nodiscard]] const std::vector<std::string>& refused() const { return refused_; }
  /// The run made the domain, so that its names are taken out of qmail's tables, and its directory
  /// stays where it is.
  [[nodiscard]] bool takes_domain_out() const { return !record_.before; }
  [[nodiscard]] const std::string& directory() const { return directory_; }

  [[nodiscard]] Result<ApplyOutcome> run(const ApplyOptions&, RunObserver&);
  /// Options with which `plan` is made, for `run`.
  [[nodiscard]] static PlanOptions plan_options();

 private:
  Rollback(Session& session, RunRecord record) : session_(session), record_(std::move(record)) {}
  Status look();
  Status wish();
  Result<ApplyOutcome> take_domain_out();

  Session& session_;
  RunRecord record_;
  std::optional<State> actual_;
  std::map<MailboxName, std::uint64_t> messages_;  ///< of mailboxes that the run made
  std::string directory_;
  std::optional<DomainFile> wanted_;
  std::vector<std::string> refused_;
};

}  // namespace vstate::engine
