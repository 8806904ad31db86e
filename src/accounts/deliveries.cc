// Where mail of the machine goes besides into mailboxes. What qmail reads comes before what
// sendmail reads, as a machine with both has qmail; of two files that say something of one name the
// first counts, and the other is named.

#include <algorithm>

#include <fmt/format.h>

#include "accounts/reading.h"
#include "domain/path_places.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate {

/// A person's file is read with their rights by the machine's programs: what they name must be
/// theirs, or they would be told what only root may read.
Result<std::optional<std::string>> AccountsLook::included(const std::string& path,
                                                          const Carried* by) const {
  if (by != nullptr) {
    VSTATE_TRY_ASSIGN(const auto info, files.look_followed(path));
    if (!info || info->uid != by->person.uid || !info->is_regular()) return std::nullopt;
  }
  return files.read_if_there(path);
}

Result<std::optional<std::string>> AccountsLook::delivery_text(const std::string& address,
                                                               const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto there, files.look(path));
  if (!there) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(files, path));
  std::string why;
  if (!behind.info)
    why = fmt::format("is a link that leads {}", behind.why);
  else if (!behind.info->is_regular())
    why = "is no regular file";
  auto text = why.empty() ? files.read(path) : Result<std::string>("");
  // A link to what its owner may not read is a way of asking root for it.
  if (!text && there->is_link() && text.error().code == Errc::denied)
    why = "is a link to what cannot be read";
  if (why.empty() && !text) return propagate(text);
  if (why.empty()) return std::optional(*std::move(text));
  leave_out(address, fmt::format("{} {}", visible(path), why));
  return std::nullopt;
}

SaidFor AccountsLook::said_for(const Carried* carrier, LineReader reader) const {
  SaidFor about;
  about.domain = name.text();
  about.reader = reader;
  about.included = [this, carrier](const std::string& path) { return included(path, carrier); };
  about.has_mailbox = [this](const std::string& local) {
    const auto parsed = MailboxName::parse(local);
    return parsed && carried.contains(*parsed);
  };
  if (carrier == nullptr) return about;
  about.person = carrier->person.name;
  about.home = carrier->mail.has_home ? carrier->person.home : std::string();
  about.folder_of = [carrier](const std::string& path) -> std::optional<std::string> {
    const auto& folders = carrier->mail.folder_of;
    if (const auto found = folders.find(path); found != folders.end()) return found->second;
    // An mbox that no mail has come into yet.
    const auto inbox = path_join(carrier->person.home, "Mailbox");
    const bool is_inbox = path == inbox || path == "/var/mail/" + carrier->person.name ||
                          path == "/var/spool/mail/" + carrier->person.name;
    return is_inbox ? std::optional<std::string>("") : std::nullopt;
  };
  return about;
}

namespace {

void take_said(AccountsLook& look, const std::string& address, const std::string& file,
               const Said& said) {
  for (const auto& why : said.left_out) look.leave_out(address, fmt::format("{} {}", file, why));
}

/// Adds an alias, unless another file has said something of the name.
void add_alias(AccountsLook& look, const std::string& local, const std::string& file, Said said,
               bool forwards_only = false) {
  const auto address = "alias." + spell_bytes(local);
  const auto name = AliasName::parse(to_lower(local));
  if (!name) return look.leave_out(address, fmt::format("{}: {}", file, name.error().message));
  take_said(look, address, file, said);
  if (said.lines.empty()) return;
  const bool is_new =
      look.state().alias.emplace(*name, Alias{std::move(said.lines), forwards_only}).second;
  if (!is_new)
    look.leave_out(address, fmt::format("{} says of {} what another file says otherwise; that one "
                                        "counts",
                                        file, name->text()));
}

Status read_mailbox_lines(AccountsLook& look, const MailboxName& name, const Carried& carried) {
  if (!carried.mail.has_home) return {};
  const auto& home = carried.person.home;
  const auto about = look.said_for(&carried, LineReader::vdelivermail);
  const auto address = "mailbox." + name.text();
  VSTATE_TRY_ASSIGN(const auto dot_qmail, look.delivery_text(address, path_join(home, ".qmail")));
  VSTATE_TRY_ASSIGN(const auto forward, look.delivery_text(address, path_join(home, ".forward")));
  if (!dot_qmail && !forward) return {};
  if (dot_qmail && forward)
    look.remark(fmt::format("mailbox {}: has a .qmail and a .forward; {} counts", name.text(),
                            look.has_qmail ? ".qmail" : ".forward"));
  const bool is_qmails = dot_qmail && (look.has_qmail || !forward);
  VSTATE_TRY_ASSIGN(
      auto said, is_qmails ? said_in_dot_qmail(*dot_qmail, about) : said_in_list(*forward, about));
  take_said(look, address, is_qmails ? "~/.qmail" : "~/.forward", said);
  auto& lines = look.state().mailboxes.at(name).deliver;
  lines = std::move(said.lines);
  // Nothing but the mailbox is what no lines say.
  if (lines == DeliveryLines{"./Maildir/"}) lines.clear();
  return {};
}

/// The owner may execute it, which says so to qmail-local.
Result<bool> is_for_forwards_only(const AccountsLook& look, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, look.files.look_followed(path));
  constexpr unsigned executable = 0100;
  return info && (info->mode & executable) != 0;
}

/// ~/.qmail-EXT answers to NAME-EXT.
Status read_extensions(AccountsLook& look, const MailboxName& name, const Carried& carried) {
  if (!carried.mail.has_home) return {};
  VSTATE_TRY_ASSIGN(const auto entries, look.files.list(carried.person.home));
  const auto about = look.said_for(&carried, LineReader::qmail_local);
  for (const auto& entry : entries) {
    const auto extension = alias_of_dot_qmail(entry.name);
    if (!extension || extension->empty()) continue;
    const auto path = path_join(carried.person.home, entry.name);
    const auto local = fmt::format("{}-{}", name.text(), *extension);
    VSTATE_TRY_ASSIGN(const auto text, look.delivery_text("alias." + spell_bytes(local), path));
    if (!text) continue;
    VSTATE_TRY_ASSIGN(const bool forwards_only, is_for_forwards_only(look, path));
    VSTATE_TRY_ASSIGN(auto said, said_in_dot_qmail(*text, about));
    // An empty file is the usual delivery, into the mailbox.
    if (text->empty()) said.lines = {fmt::format("&{}@{}", name.text(), look.name.text())};
    add_alias(look, local, fmt::format("~/{}", visible(entry.name)), std::move(said),
              forwards_only);
  }
  return {};
}

/// What people have outside of both, and what no file of the domain can hold.
Status name_filters(AccountsLook& look, const MailboxName& name, const Carried& carried) {
  if (!carried.mail.has_home) return {};
  for (const auto* filter : {".procmailrc", ".mailfilter", ".dovecot.sieve", ".vacation.msg"}) {
    VSTATE_TRY_ASSIGN(const bool is_there,
                      look.files.exists(path_join(carried.person.home, filter)));
    if (is_there)
      look.leave_out("mailbox." + name.text(),
                     fmt::format("~/{} sorts or answers mail there, and is not carried", filter));
  }
  return {};
}

/// The catch-all of the machine.
Status read_alias_default(AccountsLook& look, const std::string& path, const std::string& text) {
  const auto about = look.said_for(nullptr, LineReader::qmail_local);
  VSTATE_TRY_ASSIGN(auto said, said_in_dot_qmail(text, about));
  const bool is_forward = said.lines.size() == 1 && said.lines.front().starts_with('&');
  if (is_forward) {
    look.state().default_delivery = {
        fmt::format("| {{vpopmail}}/bin/vdelivermail '' {}", said.lines.front().substr(1))};
    return {};
  }
  // It looks names up in etc/aliases, which is read anyway.
  if (text.find("fastforward") != std::string::npos) return {};
  look.leave_out("domain", fmt::format("{} delivers all other mail by lines that are not one "
                                       "address, and is not carried",
                                       path));
  return {};
}

Status read_qmail_aliases(AccountsLook& look) {
  const auto directory = path_join(look.accounts.qmail_dir, "alias");
  VSTATE_TRY_ASSIGN(const auto is_there, look.files.look_followed(directory));
  if (!is_there || !is_there->is_directory()) return {};
  VSTATE_TRY_ASSIGN(const auto entries, look.files.list(directory));
  for (const auto& entry : entries) {
    const auto local = alias_of_dot_qmail(entry.name);
    if (!local || local->empty()) continue;
    const auto path = path_join(directory, entry.name);
    VSTATE_TRY_ASSIGN(const auto text, look.delivery_text("alias." + spell_bytes(*local), path));
    if (!text) continue;
    if (*local == "default") {
      VSTATE_TRY(read_alias_default(look, path, *text));
      continue;
    }
    VSTATE_TRY_ASSIGN(const bool forwards_only, is_for_forwards_only(look, path));
    VSTATE_TRY_ASSIGN(auto said,
                      said_in_dot_qmail(*text, look.said_for(nullptr, LineReader::qmail_local)));
    if (text->empty())
      said.left_out.emplace_back("is empty: its mail goes into the mailbox of the account alias");
    add_alias(look, *local, path, std::move(said), forwards_only);
  }
  return {};
}

Status read_aliases_file(AccountsLook& look, const std::string& path, const std::string& text) {
  const auto parsed = parse_aliases(text);
  for (const auto& problem : parsed.problems)
    look.remark(fmt::format("{}:{}; the line is left out", path, problem));
  for (const auto& entry : parsed.entries) {
    const auto at = entry.name.rfind('@');
    const auto local = to_lower(entry.name.substr(0, at));
    const auto file = fmt::format("{}:{}", path, entry.line);
    if (at != std::string::npos && to_lower(entry.name.substr(at + 1)) != look.name.text()) {
      look.leave_out("alias." + spell_bytes(local),
                     fmt::format("{} is about {}, which is no address of this domain", file,
                                 visible(entry.name)));
      continue;
    }
    const auto mailbox = MailboxName::parse(local);
    const auto carried = mailbox ? look.carried.find(*mailbox) : look.carried.end();
    auto about = look.said_for(carried == look.carried.end() ? nullptr : &carried->second,
                               LineReader::qmail_local);
    // The file is root's.
    about.included = [&look](const std::string& of) { return look.included(of, nullptr); };
    VSTATE_TRY_ASSIGN(auto said, said_in_list(entry.list, about));
    add_alias(look, local, file, std::move(said));
  }
  return {};
}

}  // namespace

Status read_own_deliveries(AccountsLook& look) {
  for (const auto& [name, carried] : look.carried) {
    VSTATE_TRY(read_mailbox_lines(look, name, carried));
    VSTATE_TRY(read_extensions(look, name, carried));
    VSTATE_TRY(name_filters(look, name, carried));
  }
  return {};
}

Status read_system_aliases(AccountsLook& look) {
  VSTATE_TRY(read_qmail_aliases(look));
  for (const std::string path : {"/etc/aliases", "/etc/mail/aliases"}) {
    VSTATE_TRY_ASSIGN(const auto text, look.delivery_text("domain", path));
    if (!text) continue;
    return read_aliases_file(look, path, *text);
  }
  return {};
}

void name_unknown_addresses(AccountsLook& look) {
  const auto ending = "@" + look.name.text();
  const auto& state = look.state();
  const auto check = [&](const std::string& whose, const DeliveryLines& lines) {
    for (const auto& line : lines) {
      if (!line.starts_with('&') || !line.ends_with(ending)) continue;
      const auto local = line.substr(1, line.size() - 1 - ending.size());
      const auto mailbox = MailboxName::parse(local);
      const auto alias = AliasName::parse(local);
      if ((mailbox && state.mailboxes.contains(*mailbox)) ||
          (alias && state.alias.contains(*alias)))
        continue;
      look.remark(
          fmt::format("{} forwards to {}, which is neither a mailbox nor an alias of the "
                      "domain",
                      whose, line.substr(1)));
    }
  };
  for (const auto& [name, mailbox] : state.mailboxes)
    check("mailbox " + name.text(), mailbox.deliver);
  for (const auto& [name, alias] : state.alias) check("alias " + name.text(), alias.deliver);
}

}  // namespace vstate
