/// \file
/// One run of a plan against one domain.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "apply/apply.h"
#include "vstate/model/template.h"

namespace vstate {

class Executor {
 public:
  Executor(const ApplyInput& input, const Plan& plan, ApplyObserver& observer)
      : input_(input),
        plan_(plan),
        observer_(observer),
        paths_(input.actual.condition.paths),
        directory_(input.actual.condition.directory),
        owner_(input.actual.condition.owner),
        may_delete_(input.max_delete) {}

  /// PlanRun's.
  Status build();
  Result<ApplyReport> end();

  // For the publication of many, in publish.cc.
  [[nodiscard]] const ApplyInput& input() const { return input_; }
  [[nodiscard]] DomainLocation location() const { return {plan_.domain, directory_, owner_}; }
  /// All of it is there, and its names are not told to qmail yet.
  [[nodiscard]] bool waits_for_publication() const { return waits_for_publication_; }
  [[nodiscard]] std::vector<const Publish*> publications() const;
  void begin_publication();
  /// Reports how it went; returns only what must end the run.
  Status end_publication(const Status&, const std::string& remark);

 private:
  // apply.cc
  /// Runs `work` for one action: reports it, notes a failure, and returns only what must end the
  /// run.
  Status perform(const Action&, const std::function<Status()>& work);
  /// Keeps a failure for the report; passes on only what must end the run.
  Status perform_end(const Action&, const Status&);
  Status note_failure(const std::string& address, const Error&);
  /// The same for what was told already.
  Status keep_failure(std::string address, const Error&);
  Status carry_out();
  /// Tells the ledger what was done, also when the run ended early.
  Status remember();
  template <class ActionType, class Work>
  Status for_each(Work work);
  Status run_content();
  [[nodiscard]] System& system() { return input_.system; }
  [[nodiscard]] Ownership owned(unsigned mode) const { return {owner_.uid, owner_.gid, mode}; }
  [[nodiscard]] std::string in_domain(std::string_view name) const {
    return path_join(directory_, name);
  }
  Result<std::string> expanded(std::string_view text) const;
  /// Replaces a file of the domain unless it says so already.
  Status write(const std::string& path, std::string_view bytes, unsigned mode);
  /// Fails with `conflict` if a file is neither what the plan saw nor what it wants, both
  /// templates: no program locks such a file, so it is looked at just before it is replaced.
  Status check_undisturbed(const std::string& path, const std::optional<std::string>& before,
                           const std::optional<std::string>& after);
  Status check_lines_undisturbed(const std::string& path,
                                 const std::optional<DeliveryLines>& before,
                                 const std::optional<DeliveryLines>& after);
  Status make_directories(const std::string& path);  ///< all that is missing below the domain's
  Status write_lines(const std::string& path, const DeliveryLines&, unsigned mode);

  // place.cc
  Status create_domain(const CreateDomain&);
  Status repair(const Repair&);
  Status make_home(const std::string& home);
  Status fix_ownership(const Repair&);
  Status finish_domains_counter();

  // accounts.cc
  Status change_accounts();
  Status place_new_homes(Placement&);
  Account account_of(const std::string& name, const Mailbox&) const;
  Status write_last_logins();
  /// What has to be out of the way before the accounts change: homes that go with their account,
  /// and quota counters that would be believed with the old quota.
  Status clear_the_way();
  /// Does `work` for a mailbox before its account is committed; if it fails, the account stays as
  /// it is.
  Status prepare_mailbox(const std::string& name, const std::function<Status()>& work);
  std::vector<AccountChange> account_changes(Placement&);
  Status write_home_files(const Change<Mailbox>&);
  Status remove_home(const Change<Mailbox>&);
  Status finish_mailbox(const std::string& name);

  // content.cc
  Status apply_change(const Change<Limits>&);
  Status apply_change(const Change<File>&);
  Status apply_change(const Change<Alias>&);
  Status apply_change(const Change<Autoresponder>&);
  /// Puts an alias where it stands now, a new one where the store wants it: rows or a file.
  Status write_alias(const std::string& name, const DeliveryLines&, unsigned mode);
  [[nodiscard]] bool rows_are_asked(const std::string& name) const;
  Status remove_alias(const std::string& name);
  Status apply_change(const Change<DeliveryLines>&);
  Result<std::string> file_path(const std::string& name) const;

  // mail.cc
  class Courier;
  Status copy_archives(bool of_lists);
  Status copy_feed();
  Status convert_mail();
  Status convert_mail(const std::string& name, Batch&);
  Status deliver(MailFeed&);
  Result<MailMemory> memory_of(std::string_view kind, const std::string& name);
  void take_count(const Parcel&, const ReceiveCount&);
  Status forget_new_mailboxes();
  Status remember_archive(const CopyArchive&);

  // lists.cc
  Status apply_change(const Change<List>&);
  Status make_lock(const std::string& path);
  Status write_list_files(const std::string& root, const List& before, const List& after);
  Status write_list_addresses(const std::string& root, const List& before, const List& after);
  Status write_sublist(const std::string& root, const std::string& sub, const List& before,
                       const List& after);

  // publish.cc
  Status unpublish_all();

  const ApplyInput& input_;
  const Plan& plan_;
  ApplyObserver& observer_;
  Paths paths_;
  std::string directory_;
  Owner owner_;
  std::mutex mail_mutex_;  ///< what the threads that deliver mail share, this and what follows
  std::map<std::string, Error> mail_failures_;  ///< by the address of the mail
  DeletionBudget may_delete_;
  bool stops_mail_ = false;
  bool waits_for_publication_ = false;
  ApplyReport report_;
  std::set<std::string> done_;  ///< addresses of actions
  /// Mailboxes without an account, and why; their files are not written either.
  std::map<std::string, std::string> failed_mailboxes_;
  std::set<std::string> touched_mailboxes_;  ///< their maildirsize is counted anew at the end
};

template <class ActionType, class Work>
Status Executor::for_each(Work work) {
  for (const auto& action : plan_.actions)
    if (const auto* typed = std::get_if<ActionType>(&action))
      VSTATE_TRY(perform(action, [&] { return work(*typed); }));
  return {};
}

}  // namespace vstate
