/// \file
/// The accounts of a plan, committed as one batch: all of them become visible, or none. Homes are
/// made before, so that no account ever names one that is not there.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

class AccountBatch {
 public:
  /// The changes must outlive it.
  AccountBatch(Site& site, std::vector<const Change<Mailbox>*> changes)
      : site_(site), changes_(std::move(changes)) {}

  /// Takes the back-end's lock for the commit itself. Fails where going on makes no sense; an
  /// account that cannot be made or changed alone is in `failed`.
  Status commit();
  /// Mailboxes whose account is not as the plan wants it, and why.
  [[nodiscard]] const std::map<std::string, std::string>& failed() const { return failed_; }

 private:
  /// Gives each new mailbox its home: postmaster first, as vadddomain does, then by name.
  Status place_new_homes(Placement&);
  /// Moves out of the way what would be believed with the changed account: homes that go with it,
  /// and quota counters of the old quota.
  Status clear_the_way();
  /// Does `work` for a mailbox before its account is committed; if it fails, the account stays as
  /// it is.
  Status prepare(const std::string& name, const std::function<Status()>& work);
  [[nodiscard]] Account account_of(const std::string& name, const Mailbox&) const;
  [[nodiscard]] std::vector<AccountChange> account_changes(Placement&) const;
  Status write_last_logins();

  Site& site_;
  std::vector<const Change<Mailbox>*> changes_;
  std::map<std::string, std::string> failed_;
};

}  // namespace vstate
