// Accounts: homes are made, then all accounts of the plan are committed as one batch.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "apply/executor.h"
#include "maildir/maildirsize.h"
#include "sys/handle.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// The directory of a home relative to the domain's: "0" of "DOMDIR/0/joe".
std::string hash_directory_of(const std::string& home, const std::string& domain) {
  const auto parent = std::string(path_parent(home));
  return parent.size() > domain.size() && parent.rfind(domain + "/", 0) == 0
             ? parent.substr(domain.size() + 1)
             : std::string();
}

}  // namespace

Account Executor::account_of(const std::string& name, const Mailbox& mailbox) const {
  const auto home = paths_.homes.find(name);
  return to_account(name, mailbox, home == paths_.homes.end() ? "" : home->second);
}

/// Gives each new mailbox its home: postmaster first, as vadddomain does, then by name.
Status Executor::place_new_homes(Placement& placement) {
  std::vector<const Change<Mailbox>*> added;
  for (const auto& action : plan_.actions)
    if (const auto* change = std::get_if<Change<Mailbox>>(&action);
        change != nullptr && !change->before)
      added.push_back(change);
  std::stable_partition(added.begin(), added.end(),
                        [](const auto* change) { return change->name == "postmaster"; });
  for (const auto* change : added) {
    const auto hash = input_.server.hashes_directories ? next_directory(placement) : std::string();
    const auto home = path_join(hash.empty() ? directory_ : in_domain(hash), change->name);
    VSTATE_TRY(prepare_mailbox(change->name, [&]() -> Status {
      if (!hash.empty()) VSTATE_TRY(make_directories(in_domain(hash)));
      VSTATE_TRY(make_home(home));
      paths_.homes[change->name] = home;
      return {};
    }));
  }
  return {};
}

Status Executor::prepare_mailbox(const std::string& name, const std::function<Status()>& work) {
  const auto status = work();
  if (status) return {};
  failed_mailboxes_.emplace(name, status.error().message);
  return status.error().ends_run() ? status : Status();
}

Status Executor::clear_the_way() {
  for (const auto& action : plan_.actions) {
    const auto* change = std::get_if<Change<Mailbox>>(&action);
    if (change == nullptr || !change->before) continue;
    const auto home = paths_.homes.find(change->name);
    if (home == paths_.homes.end()) continue;
    VSTATE_TRY(prepare_mailbox(change->name, [&]() -> Status {
      // A home goes before its account: if the run stops here, the account still names what is left
      // of it. What is delivered meanwhile goes after.
      if (!change->after) return remove_home(*change);
      if (change->before->quota == change->after->quota) return {};
      const ActingAs owner(owner_.uid, owner_.gid);
      return system().remove_file(path_join(home->second, "Maildir/maildirsize"));
    }));
  }
  return {};
}

std::vector<AccountChange> Executor::account_changes(Placement& placement) {
  std::vector<AccountChange> changes;
  std::set<std::string> unlisted;
  for (const auto& account : input_.actual.accounts)
    if (!account.is_listed) unlisted.insert(account.name);
  for (const auto& action : plan_.actions) {
    const auto* change = std::get_if<Change<Mailbox>>(&action);
    if (change == nullptr || failed_mailboxes_.contains(change->name)) continue;
    AccountChange account{change->name, std::nullopt, std::nullopt};
    if (change->before) account.before = account_of(change->name, *change->before);
    if (change->after) account.after = account_of(change->name, *change->after);
    if (account.before && account.after && *account.before == *account.after) continue;
    // What a stopped commit took out of the list has given its place back already.
    if (!change->after && !unlisted.contains(change->name))
      give_back(placement, hash_directory_of(account.before->home, directory_));
    changes.push_back(std::move(account));
  }
  // In the order in which place_new_homes gave them their homes.
  std::stable_partition(changes.begin(), changes.end(),
                        [](const auto& change) { return change.name == "postmaster"; });
  return changes;
}

Status Executor::change_accounts() {
  VSTATE_TRY_ASSIGN(const auto before, input_.store.read_placement(location()));
  auto placement = before;
  {
    const ActingAs owner(owner_.uid, owner_.gid);
    VSTATE_TRY(place_new_homes(placement));
  }
  VSTATE_TRY(clear_the_way());
  const auto changes = account_changes(placement);
  if (!changes.empty()) {
    VSTATE_TRY(system().sync(directory_));
    auto conflicts =
        input_.store.commit(location(), changes, placement == before ? nullptr : &placement);
    if (!conflicts) {
      // Without accounts nothing else of the domain makes sense.
      auto error = conflicts.error();
      error.scope = Scope::run;
      return tl::unexpected<Error>(error.in("accounts"));
    }
    for (const auto& conflict : *conflicts) failed_mailboxes_.emplace(conflict.name, conflict.what);
  }
  VSTATE_TRY(write_last_logins());
  const ActingAs owner(owner_.uid, owner_.gid);
  return for_each<Change<Mailbox>>([&](const Change<Mailbox>& change) -> Status {
    if (const auto failed = failed_mailboxes_.find(change.name); failed != failed_mailboxes_.end())
      return fail(Errc::conflict, failed->second);
    return change.after ? write_home_files(change) : remove_home(change);
  });
}

Status Executor::write_last_logins() {
  std::vector<LoginChange> changes;
  for (const auto& action : plan_.actions) {
    const auto* change = std::get_if<Change<Mailbox>>(&action);
    if (change == nullptr || !change->after || !change->after->last_login ||
        failed_mailboxes_.contains(change->name))
      continue;
    const auto home = paths_.homes.find(change->name);
    if (home == paths_.homes.end()) continue;
    if (!change->before || change->before->last_login != change->after->last_login)
      changes.push_back({change->name, home->second, *change->after->last_login});
  }
  const ActingAs owner(owner_.uid, owner_.gid);
  VSTATE_TRY_ASSIGN(const auto failed, input_.store.write_last_logins(location(), changes));
  for (const auto& item : failed) failed_mailboxes_.emplace(item.name, "last login: " + item.what);
  return {};
}

Status Executor::write_home_files(const Change<Mailbox>& change) {
  const auto found = paths_.homes.find(change.name);
  if (found == paths_.homes.end()) return {};
  const auto& home = found->second;
  const auto& mailbox = *change.after;
  const auto had = [&](auto member) {
    return change.before && (*change.before).*member != Mailbox{}.*member;
  };
  const auto message = path_join(home, "vacation/message");
  if (change.before && change.before->vacation != mailbox.vacation)
    VSTATE_TRY(check_undisturbed(message, change.before->vacation, mailbox.vacation));
  if (mailbox.vacation) {
    VSTATE_TRY(make_directories(path_join(home, "vacation")));
    VSTATE_TRY_ASSIGN(const auto text, expanded(*mailbox.vacation));
    VSTATE_TRY(write(message, text, 0600));
  } else if (had(&Mailbox::vacation)) {
    VSTATE_TRY(system().remove_file(message));
  }
  const auto dot_qmail = path_join(home, ".qmail");
  const bool changes_lines = !change.before || change.before->deliver != mailbox.deliver;
  if (changes_lines) {
    const auto before = had(&Mailbox::deliver) ? std::optional(change.before->deliver)
                                               : std::optional<DeliveryLines>();
    const auto after =
        mailbox.deliver.empty() ? std::optional<DeliveryLines>() : std::optional(mailbox.deliver);
    VSTATE_TRY(check_lines_undisturbed(dot_qmail, before, after));
    VSTATE_TRY(after ? write_lines(dot_qmail, *after, 0600) : system().remove_file(dot_qmail));
  }
  if (!change.before || change.before->quota != mailbox.quota)
    touched_mailboxes_.insert(change.name);
  return {};
}

Status Executor::remove_home(const Change<Mailbox>& change) {
  const auto home = paths_.homes.find(change.name);
  const auto& elsewhere = input_.actual.condition.homes_elsewhere;
  if (home == paths_.homes.end() || !is_within(home->second, directory_) ||
      elsewhere.contains(change.name))
    return {};
  return system().remove_tree(home->second);
}

Status Executor::finish_mailbox(const std::string& name) {
  const auto home = paths_.homes.find(name);
  const auto key = MailboxName::parse(name);
  if (home == paths_.homes.end() || !key) return {};
  const auto mailbox = input_.desired.mailboxes.find(*key);
  if (mailbox == input_.desired.mailboxes.end()) return {};
  return write_maildirsize(system(), home->second, mailbox->second.quota, owner_);
}

}  // namespace vstate
