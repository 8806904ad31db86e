// The files of a mailbox whose account is there already. They are written after the account and
// before anything that sends mail to it. A file that a person changed since the plan was made is a
// conflict and stays.

#include "domain/mailbox.h"
#include "domain/site.h"
#include "maildir/maildirsize.h"
#include "sys/path.h"

namespace vstate {

Status write_mailbox(Site& site, const Change<Mailbox>& change) {
  const auto found = site.paths.homes.find(change.name);
  // An account that the server cannot place has no home to write into; the plan has said so.
  if (found == site.paths.homes.end()) return {};
  const auto& home = found->second;
  const auto& mailbox = *change.after;
  const auto had = [&](auto member) {
    return change.before && (*change.before).*member != Mailbox{}.*member;
  };
  const auto message = path_join(home, "vacation/message");
  if (change.before && change.before->vacation != mailbox.vacation)
    VSTATE_TRY(site.check_undisturbed(message, change.before->vacation, mailbox.vacation));
  // The message stands before the .qmail line that runs the program on it.
  if (mailbox.vacation) {
    VSTATE_TRY(site.make_directories(path_join(home, "vacation")));
    VSTATE_TRY_ASSIGN(const auto text, site.expanded(*mailbox.vacation));
    VSTATE_TRY(site.write(message, text, 0600));
  } else if (had(&Mailbox::vacation)) {
    VSTATE_TRY(site.system.remove_file(message));
    // What nothing is left in would be a directory of the home's own from now on.
    VSTATE_TRY(site.remove_empty_directories(path_join(home, "vacation"), home));
  }
  const auto dot_qmail = path_join(home, ".qmail");
  const bool changes_lines = !change.before || change.before->deliver != mailbox.deliver;
  if (changes_lines) {
    const auto before = had(&Mailbox::deliver) ? std::optional(change.before->deliver)
                                               : std::optional<DeliveryLines>();
    // vdelivermail takes an empty .qmail for none, so none is what is wanted.
    const auto after =
        mailbox.deliver.empty() ? std::optional<DeliveryLines>() : std::optional(mailbox.deliver);
    VSTATE_TRY(site.check_lines_undisturbed(dot_qmail, before, after));
    VSTATE_TRY(after ? site.write_lines(dot_qmail, *after, 0600)
                     : site.system.remove_file(dot_qmail));
  }
  return {};
}

Status count_mailbox(Site& site, const std::string& name) {
  const auto home = site.paths.homes.find(name);
  const auto key = MailboxName::parse(name);
  if (home == site.paths.homes.end() || !key) return {};
  // The quota is that of the file, whether or not this plan has changed it.
  const auto mailbox = site.desired.mailboxes.find(*key);
  if (mailbox == site.desired.mailboxes.end()) return {};
  return write_maildirsize(site.system, home->second, mailbox->second.quota, site.owner);
}

}  // namespace vstate
