// The order of a look: who is there, where their mail is, what their files say of deliveries, and
// the aliases of the machine, which may name all of them.

#include "accounts/inspect.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "accounts/reading.h"
#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate {

namespace {

/// The first part of a gecos that chfn(1) writes: the full name, with "&" for the login.
std::string full_name(const Person& person) {
  const auto name = person.gecos.substr(0, person.gecos.find(','));
  auto login = person.name;
  if (!login.empty()) login.front() = to_upper(login.substr(0, 1)).front();
  return replace_all(name, "&", login);
}

/// The services that a login opens.
Flags closed_services() {
  Flags flags = flag::no_pop | flag::no_imap;
  for (const auto* name : {"webmail", "smtp"}) flags |= denial_named(name).value_or(0);
  return flags;
}

std::string why_no_login(const Person& person) {
  switch (kind_of(person.password)) {
    case PasswordKind::hash:
      return {};
    case PasswordKind::none:
      return "has an empty password";
    case PasswordKind::locked:
      return person.password.reveal() == "x" ? "has no line in shadow" : "is locked";
    case PasswordKind::unusable:
      break;
  }
  return "has something in the place of its password that is no hash";
}

Mailbox mailbox_of(AccountsLook& look, const MailboxName& name, const Person& person) {
  Mailbox mailbox;
  mailbox.gecos = pathless_template(full_name(person));
  const auto why = why_no_login(person);
  if (why.empty()) {
    mailbox.password = person.password;
    return mailbox;
  }
  mailbox.flags = closed_services();
  look.remark(fmt::format("mailbox {}: {}; nobody can log in to it until it has a password",
                          name.text(), why));
  return mailbox;
}

/// How much mail stays behind with whoever becomes no mailbox.
Status leave_out_person(AccountsLook& look, const Person& person, std::string why,
                        const std::shared_ptr<const mbox::TimeZone>& zone) {
  LeftOut left{"mailbox." + spell_bytes(person.name), std::move(why), 0, 0};
  VSTATE_TRY_ASSIGN(auto mail, find_mail(look.files, person, "", zone));
  if (mail.has_any()) {
    VSTATE_TRY_ASSIGN(const auto tree,
                      count_tree(look.files, {.directory = person.home,
                                              .view = mbox::show(std::move(mail.shown))}));
    VSTATE_TRY(failure_of(tree));
    left.messages = tree.messages;
    left.bytes = tree.bytes;
  }
  look.state().left_out.push_back(std::move(left));
  return {};
}

/// Each of them had all of its mail, and has it still.
Status name_shared_home(AccountsLook& look, const MailboxName& name, const Person& person) {
  VSTATE_TRY_ASSIGN(const auto home, resolve(look.files, person.home));
  const auto [other, is_new] = look.homes.emplace(home, name);
  if (!is_new)
    look.remark(fmt::format("mailbox {}: has the home of {}; its mail goes into both", name.text(),
                            other->second.text()));
  return {};
}

Status carry(AccountsLook& look, const MailboxName& name, Person person,
             const std::shared_ptr<const mbox::TimeZone>& zone) {
  const auto identity = fmt::format("{}/{}", look.name.text(), name.text());
  VSTATE_TRY_ASSIGN(auto mail, find_mail(look.files, person, identity, zone));
  auto& out = look.out;
  look.state().left_out.insert(look.state().left_out.end(), mail.left_out.begin(),
                               mail.left_out.end());
  out.notes.insert(out.notes.end(), mail.notes.begin(), mail.notes.end());
  if (!mail.has_home)
    look.remark(
        fmt::format("mailbox {}: its home {} is not there; if it is on a disk of its own, "
                    "mount it",
                    name.text(), visible(person.home)));
  if (mail.has_home) VSTATE_TRY(name_shared_home(look, name, person));
  look.state().mailboxes.emplace(name, mailbox_of(look, name, person));
  Account account;
  account.name = name.text();
  account.home = person.home;
  out.accounts.push_back(std::move(account));
  // Without a home it is not known what there is, and a file that cannot be read as an mbox may be
  // one that an earlier pass has brought.
  out.mailbox_archives.emplace(name,
                               ArchiveSource{.directory = person.home,
                                             .is_partial = !mail.has_home || !mail.left_out.empty(),
                                             .view = mbox::show(mail.shown)});
  look.carried.emplace(name, Carried{std::move(person), std::move(mail)});
  return {};
}

Status take_person(AccountsLook& look, Person person,
                   const std::shared_ptr<const mbox::TimeZone>& zone) {
  const auto lower = to_lower(person.name);
  if (look.selection.excludes("mailbox." + spell_bytes(lower))) return {};
  const auto name = MailboxName::parse(lower);
  if (!name) return leave_out_person(look, person, name.error().message, zone);
  // vpopmail keeps such names for its directories (vpopmail.c:vadduser).
  if (lower.size() == 1)
    return leave_out_person(look, person, "vpopmail takes no names of one character", zone);
  if (look.carried.contains(*name))
    return leave_out_person(
        look, person, fmt::format("another account is called {} too, but for its capitals", lower),
        zone);
  return carry(look, *name, std::move(person), zone);
}

/// Only what is below ~/mail is looked into.
bool is_of_mail(std::string_view path) {
  for (auto at = path; at.size() > 1; at = path_parent(at)) {
    const auto name = path_name(at);
    if (name == "Maildir") return false;
    if (name == "mail" || name == "Mail") return true;
  }
  return false;
}

/// A server that is far away is asked about many of them at once.
std::shared_ptr<const void> gather_people(const Files& files, std::span<const Person> people) {
  if (files.far_side() == nullptr) return nullptr;
  std::vector<std::string> paths, homes;
  for (const auto& person : people) {
    for (const std::string spool : {"/var/mail", "/var/spool/mail"})
      paths.push_back(path_join(spool, person.name));
    if (!person.home.starts_with('/') || person.home == "/") continue;
    homes.push_back(person.home);
    paths.push_back(person.home);
    for (const auto* part : {"Maildir", "Mailbox", "mail", "Mail", "mbox", ".mailboxlist",
                             "mail/.subscriptions", "Mail/.subscriptions", ".qmail", ".forward",
                             ".procmailrc", ".mailfilter", ".dovecot.sieve", ".vacation.msg"})
      paths.push_back(path_join(person.home, part));
  }
  expect(files, paths);
  return gather(files, {{.directories = std::move(homes), .descends = is_of_mail}});
}

Status take_people(AccountsLook& look, std::vector<Person> people,
                   const std::shared_ptr<const mbox::TimeZone>& zone) {
  constexpr std::size_t at_once = 64;
  std::shared_ptr<const void> gathered;
  for (std::size_t i = 0; i < people.size(); ++i) {
    if (i % at_once == 0)
      gathered = gather_people(look.files,
                               std::span(people).subspan(i, std::min(at_once, people.size() - i)));
    VSTATE_TRY(take_person(look, std::move(people[i]), zone));
  }
  return {};
}

/// qmailadmin's administrator of the domain, which vadddomain makes first.
void add_postmaster(AccountsLook& look) {
  const auto name = *MailboxName::parse("postmaster");
  if (look.state().mailboxes.contains(name) || look.selection.excludes("mailbox.postmaster"))
    return;
  Mailbox mailbox;
  mailbox.gecos = "Postmaster";
  look.state().mailboxes.emplace(name, std::move(mailbox));
  look.remark(
      "mailbox postmaster is added, as vpopmail has one in each domain; nobody can log in "
      "to it until it has a password");
}

}  // namespace

Result<Observation> inspect_accounts(const Files& files, const SystemAccounts& accounts,
                                     const DomainName& name, const Selection& selection) {
  AccountsLook look{files, accounts, name, selection, {}, {}, {}, false};
  look.out.state.emplace(name);
  look.out.condition.has_directory = true;
  VSTATE_TRY_ASSIGN(auto people, read_people(files, accounts.choice));
  for (auto& problem : people.problems) look.remark(std::move(problem));
  if (people.chosen.empty())
    return fail(Errc::invalid,
                fmt::format("/etc/passwd: nobody has {}; --uids or --group choose", people.by),
                Scope::domain);
  VSTATE_TRY_ASSIGN(const auto zone, zone_of_server(files));
  VSTATE_TRY_ASSIGN(look.has_qmail, files.exists(path_join(accounts.qmail_dir, "control")));
  VSTATE_TRY(take_people(look, std::move(people.chosen), zone));
  look.state().default_delivery = {"| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox"};
  VSTATE_TRY(read_own_deliveries(look));
  VSTATE_TRY(read_system_aliases(look));
  add_postmaster(look);
  name_unknown_addresses(look);
  std::vector<std::string> addresses;
  for (const auto& account : look.out.accounts) addresses.push_back("mailbox." + account.name);
  look.out.unmatched = patterns_without_match(look.state(), addresses, selection);
  look.state() = without_excluded(std::move(look.state()), selection);
  return std::move(look.out);
}

}  // namespace vstate
