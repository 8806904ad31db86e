// The order in which a plan is carried out: the domain's directory, accounts and homes, mail, then
// what sends mail to them, and the names in qmail last. A domain that is not yet published can be
// left half made by any stop. One failed item stops no other, but keeps a new domain hidden, since
// qmail must not accept mail for it.

#include "apply/apply.h"

#include "apply/mail.h"
#include "domain/accounts.h"
#include "domain/alias.h"
#include "domain/directory.h"
#include "domain/file.h"
#include "domain/home.h"
#include "domain/list.h"
#include "domain/mailbox.h"
#include "domain/robot.h"
#include "qmail/publication.h"
#include "sys/process/identity.h"

namespace vstate {

PlanRun::PlanRun(const ApplyInput& input, const Plan& plan, ApplyObserver& observer)
    : input_(input),
      plan_(plan),
      steps_(plan, observer),
      site_(input.system, input.server, input.store, input.desired, input.actual,
            steps_.report.remarks),
      mail_(std::make_unique<MailDelivery>(input, plan, site_, steps_, observer)) {}

PlanRun::~PlanRun() = default;

Status PlanRun::build() {
  auto status = carry_out();
  if (status) return {};
  // Of two failures the first is reported; what the ledger does not know the next run finds.
  const auto remembered = remember();
  (void)remembered;
  return status;
}

Result<ApplyReport> PlanRun::end() {
  VSTATE_TRY(remember());
  return std::move(steps_.report);
}

Status PlanRun::remember() {
  if (input_.ledger == nullptr) return {};
  return input_.ledger->domains().remember(plan_.domain, plan_.memory, steps_.undone(),
                                           !input_.actual.condition.has_directory);
}

Status PlanRun::carry_out() {
  VSTATE_TRY(steps_.for_each<CreateDomain>(
      [&](const CreateDomain& create) { return create_domain(site_, create); }));
  VSTATE_TRY(steps_.for_each<AlterStore>([&](const AlterStore& alter) {
    return site_.store.backend().alter(site_.location(), alter.statement);
  }));
  // Everything else needs the directory, and a table that holds what comes.
  if (site_.directory.empty() || !steps_.report.failures.empty()) {
    steps_.report.is_published = false;
    return {};
  }
  // Repairs come before changes, which rely on an index and a counter that are whole.
  VSTATE_TRY(steps_.for_each<Repair>([&](const Repair& defect) { return repair(site_, defect); }));
  VSTATE_TRY(mail_->forget_new_mailboxes());
  VSTATE_TRY(change_accounts());
  VSTATE_TRY(write_contents());
  // All of it is on the disk before the ledger calls it certain, and before anybody sends mail to
  // it.
  VSTATE_TRY(site_.system.sync(site_.directory));
  if (input_.ledger != nullptr) VSTATE_TRY(input_.ledger->mail().settle());
  VSTATE_TRY(unpublish_all());
  steps_.report.is_published = publications().empty();
  waits_for_publication_ = !steps_.report.is_published && steps_.report.failures.empty();
  return {};
}

Status PlanRun::change_accounts() {
  std::vector<const Change<Mailbox>*> changes;
  for (const auto& action : plan_.actions)
    if (const auto* change = std::get_if<Change<Mailbox>>(&action)) changes.push_back(change);
  // All accounts are committed together; afterwards each is reported as an action of its own.
  AccountBatch accounts(site_, std::move(changes));
  VSTATE_TRY(accounts.commit());
  const ActingAs owner(site_.owner.uid, site_.owner.gid);
  return steps_.for_each<Change<Mailbox>>([&](const Change<Mailbox>& change) -> Status {
    const auto failed = accounts.failed().find(change.name);
    if (failed != accounts.failed().end()) return fail(Errc::conflict, failed->second);
    // What was delivered between the removal of the home and that of the account goes now.
    if (!change.after) return remove_home(site_, change);
    VSTATE_TRY(write_mailbox(site_, change));
    // The counter of a new mailbox, or one that was dropped for a new quota, is written when the
    // mail is in.
    if (!change.before || change.before->quota != change.after->quota) mail_->touch(change.name);
    return {};
  });
}

/// What lies in the domain's directory is touched as its owner: the kernel then refuses whatever a
/// link planted there would lead to. Archives belong to whoever runs this; reading them is not the
/// owner's right, and delivery becomes the owner by itself.
Status PlanRun::write_contents() {
  const auto as_owner = [&](auto write) {
    return [this, write](const auto& change) {
      const ActingAs owner(site_.owner.uid, site_.owner.gid);
      return write(site_, change);
    };
  };
  VSTATE_TRY(steps_.for_each<Change<Limits>>(as_owner([](Site& site, const Change<Limits>& change) {
    return site.store.limits().write(site.location(), change.before, change.after);
  })));
  VSTATE_TRY(steps_.for_each<Change<File>>(as_owner(write_file)));
  VSTATE_TRY(mail_->copy_archives(ArchiveOrder::before_lists));
  VSTATE_TRY(mail_->copy_feed());
  VSTATE_TRY(mail_->convert());
  VSTATE_TRY(count_mailboxes());
  // Robots, aliases and lists come when the mailboxes that they deliver to are there; the archive
  // of a list goes into a directory that the list has made.
  VSTATE_TRY(steps_.for_each<Change<Autoresponder>>(as_owner(write_robot)));
  VSTATE_TRY(steps_.for_each<Change<Alias>>(as_owner(change_alias)));
  VSTATE_TRY(steps_.for_each<Change<List>>(as_owner(write_list)));
  VSTATE_TRY(make_locks_of_hidden_lists());
  VSTATE_TRY(mail_->copy_archives(ArchiveOrder::of_lists));
  // The catch-all comes last: from then on mail for anybody is answered.
  return steps_.for_each<Change<DeliveryLines>>(as_owner(write_default));
}

/// In a domain that mail does not come to yet, nobody else has made or removed them.
Status PlanRun::make_locks_of_hidden_lists() {
  if (site_.durability == Durability::now) return {};
  const ActingAs owner(site_.owner.uid, site_.owner.gid);
  for (const auto& [name, list] : site_.desired.lists)
    if (!site_.actual.condition.lists_elsewhere.contains(name.text()))
      VSTATE_TRY(make_list_locks(site_, name.text(), list));
  return {};
}

Status PlanRun::count_mailboxes() {
  const ActingAs owner(site_.owner.uid, site_.owner.gid);
  for (const auto& name : mail_->touched())
    if (const auto status = count_mailbox(site_, name); !status)
      // Without a counter vpopmail counts by itself, so this spoils nothing else.
      VSTATE_TRY(steps_.note_failure("mailbox." + name, status.error().in("maildirsize")));
  return {};
}

Status PlanRun::unpublish_all() {
  Publisher publisher(site_.system, site_.server, site_.store);
  auto status = steps_.for_each<Unpublish>([&](const Unpublish& alias) {
    return publisher.unpublish(site_.location(), alias.name.text());
  });
  if (!publisher.remark().empty()) site_.remarks.push_back(publisher.remark());
  return status;
}

std::vector<const Publish*> PlanRun::publications() const {
  std::vector<const Publish*> names;
  for (const auto& action : plan_.actions)
    if (const auto* publish = std::get_if<Publish>(&action)) names.push_back(publish);
  return names;
}

void PlanRun::begin_publication() {
  for (const auto& action : plan_.actions)
    if (std::holds_alternative<Publish>(action)) steps_.begin(action);
}

Status PlanRun::end_publication(const Status& status, const std::string& remark) {
  waits_for_publication_ = false;
  steps_.report.is_published = status.has_value();
  if (!remark.empty()) site_.remarks.push_back(remark);
  Status ended;
  for (const auto& action : plan_.actions)
    if (std::holds_alternative<Publish>(action))
      if (auto kept = steps_.end(action, status); !kept) ended = std::move(kept);
  return ended;
}

/// Whatever of these is published when it fails, the next plan finds and lists the rest.
Status publish_together(const std::vector<PlanRun*>& runs, std::string& remark) {
  const auto& input = runs.front()->input_;
  Publisher publisher(input.system, input.server, input.store);
  Publisher::Names names;
  for (const auto* run : runs)
    for (const auto* publish : run->publications())
      names.push_back({publish, run->site_.location()});
  auto status = publisher.publish(names);
  remark = publisher.remark();
  return status;
}

Status publish(const std::vector<PlanRun*>& runs) {
  std::vector<PlanRun*> waiting;
  for (auto* run : runs)
    if (run->waits_for_publication()) waiting.push_back(run);
  if (waiting.empty()) return {};
  for (auto* run : waiting) run->begin_publication();
  std::string remark;
  const auto together = publish_together(waiting, remark);
  // An error that ends the run would meet each of them alike.
  const bool is_tried_alone = !together && !together.error().ends_run() && waiting.size() > 1;
  Status ended;
  for (auto* run : waiting) {
    // What hinders one domain holds up no other.
    const auto status = is_tried_alone ? publish_together({run}, remark) : together;
    if (auto kept = run->end_publication(status, remark); !kept) ended = std::move(kept);
  }
  return ended;
}

Result<ApplyReport> apply_plan(const ApplyInput& input, const Plan& plan, ApplyObserver& observer) {
  PlanRun run(input, plan, observer);
  VSTATE_TRY(run.build());
  const auto published = publish({&run});
  // The ledger hears of what was built also where the publication failed.
  auto report = run.end();
  if (!published) return propagate(published);
  return report;
}

}  // namespace vstate
