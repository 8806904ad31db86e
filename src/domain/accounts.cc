// Accounts go in with one commit, since vpasswd and its cdb, or the tables, are written as a whole.
// Homes are made before it, so that no account names a directory that is not there: without its
// Maildir, vpopmail bounces or defers the mail of an account. Homes that go are removed before it,
// so that the account still names what a stopped run left of them.

#include "domain/accounts.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "domain/home.h"
#include "sys/path.h"
#include "sys/process/identity.h"

namespace vstate {

Account AccountBatch::account_of(const std::string& name, const Mailbox& mailbox) const {
  const auto home = site_.paths.homes.find(name);
  return to_account(name, mailbox, home == site_.paths.homes.end() ? "" : home->second);
}

/// Gives each new mailbox its home: postmaster first, as vadddomain does, then by name.
Status AccountBatch::place_new_homes(Placement& placement) {
  std::vector<const Change<Mailbox>*> added;
  for (const auto* change : changes_)
    if (!change->before) added.push_back(change);
  // The hashed directories are given out in this order, and with the same order a second server
  // gets the same ones.
  std::stable_partition(added.begin(), added.end(),
                        [](const auto* change) { return change->name == "postmaster"; });
  for (const auto* change : added) {
    const auto hash = site_.server.hashes_directories ? next_directory(placement) : std::string();
    const auto home =
        path_join(hash.empty() ? site_.directory : site_.in_domain(hash), change->name);
    VSTATE_TRY(prepare(change->name, [&]() -> Status {
      if (!hash.empty()) VSTATE_TRY(site_.make_directories(site_.in_domain(hash)));
      VSTATE_TRY(make_home(site_, home));
      // Templates of this run may name the new home from here on.
      site_.paths.homes[change->name] = home;
      return {};
    }));
  }
  return {};
}

Status AccountBatch::prepare(const std::string& name, const std::function<Status()>& work) {
  const auto status = work();
  if (status) return {};
  failed_.emplace(name, status.error().message);
  return status.error().ends_run() ? status : Status();
}

Status AccountBatch::clear_the_way() {
  for (const auto* change : changes_) {
    if (!change->before) continue;
    const auto home = site_.paths.homes.find(change->name);
    if (home == site_.paths.homes.end()) continue;
    VSTATE_TRY(prepare(change->name, [&]() -> Status {
      // A home goes before its account: if the run stops here, the account still names what is left
      // of it. What is delivered meanwhile goes after.
      if (!change->after) return remove_home(site_, *change);
      // The counter's first line is the old quota, and a delivery through a .qmail line goes by it.
      // Without the file vpopmail counts anew.
      if (change->before->quota == change->after->quota) return {};
      const ActingAs owner(site_.owner.uid, site_.owner.gid);
      return site_.system.remove_file(path_join(home->second, "Maildir/maildirsize"));
    }));
  }
  return {};
}

std::vector<AccountChange> AccountBatch::account_changes(Placement& placement) const {
  std::vector<AccountChange> changes;
  std::set<std::string> unlisted;
  for (const auto& account : site_.actual.accounts)
    if (!account.is_listed) unlisted.insert(account.name);
  for (const auto* change : changes_) {
    if (failed_.contains(change->name)) continue;
    AccountChange account{change->name, std::nullopt, std::nullopt};
    if (change->before) account.before = account_of(change->name, *change->before);
    if (change->after) account.after = account_of(change->name, *change->after);
    // The difference is in what the home holds, such as its .qmail, and the account itself stays.
    if (account.before && account.after && *account.before == *account.after) continue;
    // What a stopped commit took out of the list has given its place back already.
    if (!change->after && !unlisted.contains(change->name))
      give_back(placement, hash_directory_of(account.before->home, site_.directory));
    changes.push_back(std::move(account));
  }
  // In the order in which place_new_homes gave them their homes.
  std::stable_partition(changes.begin(), changes.end(),
                        [](const auto& change) { return change.name == "postmaster"; });
  return changes;
}

Status AccountBatch::commit() {
  VSTATE_TRY_ASSIGN(const auto before, site_.store.accounts().read_placement(site_.location()));
  auto placement = before;
  {
    const ActingAs owner(site_.owner.uid, site_.owner.gid);
    VSTATE_TRY(place_new_homes(placement));
  }
  VSTATE_TRY(clear_the_way());
  const auto changes = account_changes(placement);
  if (!changes.empty()) {
    // The homes must be on the disk before an account that names them is.
    VSTATE_TRY(site_.system.sync(site_.directory));
    const PlacementChange moved{before, placement};
    auto conflicts = site_.store.accounts().commit(site_.location(), changes,
                                                   placement == before ? nullptr : &moved);
    if (!conflicts) {
      // Without accounts nothing else of the domain makes sense.
      auto error = conflicts.error();
      error.scope = Scope::run;
      return tl::unexpected<Error>(error.in("accounts"));
    }
    // An account that somebody changed since the plan was made stays as they have it.
    for (const auto& conflict : *conflicts) failed_.emplace(conflict.name, conflict.what);
  }
  return write_last_logins();
}

Status AccountBatch::write_last_logins() {
  std::vector<LoginChange> changes;
  for (const auto* change : changes_) {
    if (!change->after || !change->after->last_login || failed_.contains(change->name)) continue;
    const auto home = site_.paths.homes.find(change->name);
    if (home == site_.paths.homes.end()) continue;
    if (!change->before || change->before->last_login != change->after->last_login)
      changes.push_back({change->name, home->second, *change->after->last_login});
  }
  const ActingAs owner(site_.owner.uid, site_.owner.gid);
  VSTATE_TRY_ASSIGN(const auto failed, site_.store.logins().write(site_.location(), changes));
  for (const auto& item : failed) failed_.emplace(item.name, "last login: " + item.what);
  return {};
}

}  // namespace vstate
