/// \file
/// Bringing the mail of a plan: archives and feeds, several mailboxes at a time, one batch a
/// thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "apply/apply.h"
#include "apply/feed.h"
#include "apply/steps.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Archives of lists come behind the lists themselves, all others before.
enum class ArchiveOrder { before_lists, of_lists };

class MailDelivery {
 public:
  MailDelivery(const ApplyInput& input, const Plan& plan, Site& site, Steps& steps,
               ApplyObserver& observer)
      : input_(input),
        plan_(plan),
        site_(site),
        steps_(steps),
        observer_(observer),
        may_delete_(input.max_delete) {}

  /// A mailbox that is made now has nothing behind it, whatever another of its name had.
  Status forget_new_mailboxes();
  Status copy_archives(ArchiveOrder);
  Status copy_feed();
  /// Converts each mailbox that the plan names, and those to which the feed brought something.
  Status convert();

  /// Its quota counter has to be counted anew.
  void touch(const std::string& mailbox) { touched_.insert(mailbox); }
  [[nodiscard]] const std::set<std::string>& touched() const { return touched_; }

 private:
  class Worker;
  /// Takes all parcels of a feed; failures of single ones are in `failures_` afterwards.
  Status deliver(MailFeed&);
  Result<MailMemory> memory_of(std::string_view kind, const std::string& name);
  void take_count(const Parcel&, const ReceiveCount&);
  Status convert_mailbox(const std::string& name, Batch&);
  Status remember_archive(const CopyArchive&);

  const ApplyInput& input_;
  const Plan& plan_;
  Site& site_;
  Steps& steps_;
  ApplyObserver& observer_;
  std::set<std::string> touched_;
  std::mutex mutex_;  ///< for what the workers share: this object, the ledger, the feed
  std::map<std::string, Error> failures_;  ///< by the address of the mail
  DeletionBudget may_delete_;
  bool stops_ = false;
};

}  // namespace vstate
