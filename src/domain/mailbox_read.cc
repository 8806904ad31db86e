// A mailbox is an account and a home. Most homes are as they should be, and with 100,000 of them
// each question to the disk counts, so one quick look decides for most; only what is odd is looked
// at closely, and named. What a home holds besides mail (.qmail, vacation, files) is read here, and
// the mail itself is left to the walk of its archive.

#include <algorithm>

#include <fmt/format.h>

#include "domain/alias.h"
#include "domain/delivery_file.h"
#include "domain/file.h"
#include "domain/home.h"
#include "domain/inspection.h"
#include "domain/mailbox.h"
#include "domain/robot.h"
#include "model/fields.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate {

namespace {

/// What one look into a home that is as it should be saw besides.
struct HomeLook {
  bool has_temporary = false, may_have_shared_folders = false;
};

/// Courier's, in a Maildir.
constexpr const char* k_shared_maildirs = "shared-maildirs";

Mailbox to_mailbox(const Account& account) {
  Mailbox mailbox;
  mailbox.password = account.password;
  mailbox.clear_password = account.clear_password;
  mailbox.is_apop = account.is_apop;
  mailbox.gecos = pathless_template(account.gecos);
  mailbox.quota = parse_quota(account.quota);
  mailbox.flags = account.flags;
  return mailbox;
}

Status read_vacation(Inspection& in, Mailbox& mailbox, const std::string& home,
                     std::set<std::string>& expressed) {
  const auto vacation = path_join(home, "vacation");
  VSTATE_TRY_ASSIGN(const auto found, look_behind(in.files, vacation));
  if (!found.is_directory()) return {};
  VSTATE_TRY_ASSIGN(const auto listing, in.files.list(vacation));
  bool is_all_known = true;
  // Only the shape that qmailadmin makes is a vacation; whatever else is in the directory is
  // carried as files beside it.
  for (const auto& entry : listing) {
    const auto path = path_join(vacation, entry.name);
    if (entry.name == "message" && entry.type == FileInfo::Type::regular) {
      VSTATE_TRY_ASSIGN(auto text, in.read_text(path, k_inline_text));
      if (!text) continue;
      mailbox.vacation = std::move(*text);
      in.express(path);
      expressed.insert("vacation/message");
    } else if (entry.type == FileInfo::Type::regular && is_autorespond_counter(entry.name)) {
      in.rebuild(path, "counter of autorespond");
      expressed.insert("vacation/" + entry.name);
    } else {
      is_all_known = false;
    }
  }
  if (is_all_known && mailbox.vacation) expressed.insert("vacation");
  return {};
}

/// True if a home is as it should be, which most are; what else it may be, check_home tells.
Result<bool> is_whole_home(Inspection& in, const Directory& home, HomeLook& look) {
  const auto is_ours = [&](const FileInfo& info) {
    return info.is_directory() && Owner{info.uid, info.gid} == in.owner();
  };
  // All questions go to the home's own handle, and none follows a link: a link makes the home an
  // odd one, which is looked at elsewhere.
  VSTATE_TRY_ASSIGN(const auto own, home.info());
  if (!is_ours(own)) return false;
  VSTATE_TRY_ASSIGN(const auto maildir, home.open("Maildir"));
  if (maildir == nullptr) return false;
  VSTATE_TRY_ASSIGN(const auto info, maildir->info());
  if (!is_ours(info)) return false;
  for (const auto* part : {"new", "cur", "tmp"}) {
    VSTATE_TRY_ASSIGN(const auto found, maildir->look(part));
    if (!found || !is_ours(*found)) return false;
  }
  // The names are made once, and not for each mailbox again.
  static const std::string temporary(path_name(temporary_of("maildirsize")));
  VSTATE_TRY_ASSIGN(const auto found, maildir->look(temporary));
  look.has_temporary = found.has_value();
  VSTATE_TRY_ASSIGN(const auto shared, maildir->look(k_shared_maildirs));
  look.may_have_shared_folders = shared.has_value();
  return true;
}

Result<bool> check_home(Inspection& in, const MailboxName& name, const std::string& home,
                        const Directory& opened, HomeLook& look) {
  const auto temporary = temporary_of(home + "/Maildir/maildirsize");
  VSTATE_TRY_ASSIGN(const bool is_whole, is_whole_home(in, opened, look));
  if (is_whole) {
    if (look.has_temporary) VSTATE_TRY(in.check_temporary(temporary));
    return true;
  }
  VSTATE_TRY_ASSIGN(const auto refusal, refusal_of_home(in, home + "/Maildir"));
  if (!refusal.empty()) {
    in.remark(fmt::format("mailbox {}: its Maildir is a link to a place {}; it is left as it is",
                          name.text(), refusal));
    return false;
  }
  const auto report = [&](DefectKind kind, std::string detail) {
    // Not vstate's to mend.
    if (in.out.condition.homes_elsewhere.contains(name.text()))
      return in.remark(
          fmt::format("mailbox {}: its home is in {}, which is outside the domain's "
                      "directory: {}; it is left as it is",
                      name.text(), home, detail));
    in.out.condition.defects.push_back({kind, name.text(), std::move(detail)});
  };
  // The first thing that is wrong is told; the rest is mended together with it.
  for (const auto part : k_home_directories) {
    const auto shown = part.empty() ? std::string("the home") : std::string(part.substr(1));
    VSTATE_TRY_ASSIGN(const auto found, look_behind(in.files, home + std::string(part)));
    if (!found.is_directory()) {
      report(DefectKind::home, shown + " is missing");
      return false;
    }
    if (Owner{found.info->uid, found.info->gid} != in.owner()) {
      report(DefectKind::ownership,
             fmt::format("{} belongs to {}:{}", shown, found.info->uid, found.info->gid));
      return false;
    }
  }
  VSTATE_TRY(in.check_temporary(temporary));
  return false;
}

/// Courier's list of other people's folders names them by their paths, so it is text of the file
/// and not mail.
Status read_shared_folders(Inspection& in, const MailboxName& name, const std::string& maildir,
                           ArchiveSource& source) {
  const auto path = path_join(maildir, k_shared_maildirs);
  VSTATE_TRY_ASSIGN(const auto info, in.files.look(path));
  if (!info || !info->is_regular()) return {};
  VSTATE_TRY_ASSIGN(auto text, in.read_text(path, k_inline_text));
  if (!text) return {};
  const auto shown = std::string("Maildir/") + k_shared_maildirs;
  source.expressed.insert(shown);
  in.express(path);
  File file;
  file.content = std::move(*text);
  file.mode = info->mode & 0777U;
  in.state().files.emplace(mailbox_placeholder(name.text()) + "/" + shown, std::move(file));
  return {};
}

/// A Maildir that is not there, or holds neither `new` nor `cur`, says nothing of what became of
/// its mail: the disk that it is on need not be mounted.
Status check_maildir(Inspection& in, const MailboxName& name, const std::string& home,
                     ArchiveSource& source) {
  const auto maildir = path_join(home, "Maildir");
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(in.files, maildir));
  source.is_partial = !behind.is_directory();
  if (behind.is_directory()) {
    VSTATE_TRY_ASSIGN(const auto new_mail, look_behind(in.files, path_join(maildir, "new")));
    VSTATE_TRY_ASSIGN(const auto read_mail, look_behind(in.files, path_join(maildir, "cur")));
    source.is_partial = !new_mail.is_directory() || !read_mail.is_directory();
    return read_shared_folders(in, name, maildir, source);
  }
  VSTATE_TRY_ASSIGN(const auto link, in.files.look(maildir));
  if (link && !link->is_link()) {
    in.leave_out("mail." + name.text(), "its Maildir is no directory; it is not carried");
    // It is named in the State, and so must not be refused by the walk as well.
    source.expressed.insert("Maildir");
    return {};
  }
  if (!link) return {};
  VSTATE_TRY_ASSIGN(const auto target, in.files.link_target(maildir));
  in.leave_out("mail." + name.text(),
               fmt::format("its Maildir is a link to {}, {}; its mail is not carried",
                           visible(target), behind.info ? "which is no directory" : behind.why));
  source.expressed.insert("Maildir");
  return {};
}

Status read_home_entry(Inspection& in, Mailbox& mailbox, const std::string& home,
                       const DirEntry& entry, const StoredLogin* login, ArchiveSource& source) {
  const auto path = path_join(home, entry.name);
  if (entry.name == ".qmail") {
    VSTATE_TRY_ASSIGN(const auto file, delivery_file(in, entry, path));
    if (!file) return {};
    VSTATE_TRY_ASSIGN(auto lines, read_lines(in, path));
    if (lines) mailbox.deliver = *std::move(lines);
    source.expressed.insert(entry.name);
  } else if (login != nullptr && entry.name == login->file) {
    in.express(path);
    source.expressed.insert(entry.name);
  } else if (const auto own = in.store.backend().own_home_file(entry.name)) {
    in.rebuild(path, own->reason);
    source.expressed.insert(entry.name);
  }
  return {};
}

Status read_home(Inspection& in, const MailboxName& name, Mailbox& mailbox, const std::string& home,
                 const StoredLogin* login) {
  auto source = in.source_of(home, name.text());
  const auto opened = in.files.open_directory(home);
  if (!opened) {
    VSTATE_TRY_ASSIGN(const auto found, look_behind(in.files, home));
    // It is there, and cannot be read.
    if (found.is_directory()) return propagate(opened);
    if (in.out.condition.homes_elsewhere.contains(name.text()))
      in.remark(
          fmt::format("mailbox {}: its home {} is outside the domain's directory, and missing; "
                      "vstate does not make it",
                      name.text(), home));
    else
      in.out.condition.defects.push_back({DefectKind::home, name.text(), "the home is missing"});
    if (found.info)
      in.leave_out("mail." + name.text(),
                   fmt::format("its home {} is no directory; it is not carried", home));
    return {};
  }
  HomeLook look;
  VSTATE_TRY_ASSIGN(const bool is_whole, check_home(in, name, home, **opened, look));
  if (!is_whole)
    VSTATE_TRY(check_maildir(in, name, home, source));
  else if (look.may_have_shared_folders)
    VSTATE_TRY(read_shared_folders(in, name, path_join(home, "Maildir"), source));
  VSTATE_TRY_ASSIGN(const auto listing, (*opened)->list());
  for (const auto& entry : listing)
    VSTATE_TRY(read_home_entry(in, mailbox, home, entry, login, source));
  const bool has_vacation = std::any_of(listing.begin(), listing.end(), [](const DirEntry& entry) {
    return entry.name == "vacation";
  });
  if (has_vacation) VSTATE_TRY(read_vacation(in, mailbox, home, source.expressed));
  VSTATE_TRY_ASSIGN(
      const bool has_rest,
      read_entries(in, home, "", mailbox_placeholder(name.text()) + "/", listing, source));
  // A mailbox always has an archive, since its mail is not looked at here.
  (void)has_rest;
  in.out.mailbox_archives.emplace(name, std::move(source));
  return {};
}

/// What the owner of the domain may not read in a home that he names himself is not vstate's to
/// read for him. The account is carried all the same.
Status read_home_elsewhere(Inspection& in, const MailboxName& name, Mailbox& mailbox,
                           const std::string& home, const StoredLogin* login) {
  const auto before = mailbox;
  auto status = read_home(in, name, mailbox, home, login);
  if (status || !in.is_denied_to_owner(status.error(), home)) return status;
  // All traces of what was read of the home are taken back, since half of it would pass for the
  // whole.
  mailbox = before;
  std::erase_if(in.state().files, [&](const auto& file) {
    return file.first.starts_with(mailbox_placeholder(name.text()) + "/");
  });
  in.out.mailbox_archives.erase(name);
  in.out.condition.paths.homes.erase(name.text());
  std::erase(in.out.notes, note_of_home(name.text(), home));
  in.leave_out("mail." + name.text(),
               fmt::format("its home {} is outside the domain's directory, and the domain's owner "
                           "cannot read all of it ({}); it is left alone",
                           home, visible(status.error().message)));
  return {};
}

/// What the back-end cannot make an account of: said of the account that it was, if another copy of
/// it is whole.
Status read_bad_records(Inspection& in) {
  VSTATE_TRY_ASSIGN(const auto bad, in.store.accounts().bad_records(in.location()));
  for (const auto& record : bad) {
    const auto name = MailboxName::parse(record.name);
    if (name && in.carried.contains(*name))
      in.remark(
          fmt::format("{}; the account {} is taken from its index", record.what, name->text()));
    else
      in.leave_out(record.name.empty() ? "domain" : "mailbox." + spell_bytes(record.name),
                   record.what + "; the account is not carried");
  }
  return {};
}

}  // namespace

Status read_mailboxes(Inspection& in) {
  // Logins are read for all accounts at once, as a database gives them.
  VSTATE_TRY_ASSIGN(const auto logins, in.store.logins().read(in.location(), in.out.accounts));
  VSTATE_TRY(read_bad_records(in));
  VSTATE_TRY_ASSIGN(const auto index, in.store.accounts().index_problems(in.location()));
  if (!index.empty()) {
    // One repair makes the whole index anew, so one example of what is wrong is enough.
    const auto more = index.size() > 1 ? fmt::format(" (and {} more)", index.size() - 1) : "";
    in.out.condition.defects.push_back({DefectKind::accounts_index, "", index.front() + more});
  }
  VSTATE_TRY_ASSIGN(const bool is_unfinished, in.store.accounts().is_unfinished(in.location()));
  if (is_unfinished)
    in.out.condition.defects.push_back(
        {DefectKind::unfinished_run, "", "a stopped apply left its directory counter"});
  for (const auto& [name, account] : in.carried) {
    auto mailbox = to_mailbox(*account);
    const auto login = logins.find(account->name);
    const auto* found_login = login == logins.end() ? nullptr : &login->second;
    if (in.selection.excludes("mailbox." + name.text())) continue;
    if (found_login != nullptr && has_utc_text(found_login->login.at))
      mailbox.last_login = found_login->login;
    else if (found_login != nullptr)
      in.leave_out("mailbox." + name.text(),
                   "its last login is in no year from 0 to 9999; that time is not carried");
    const auto home = in.out.condition.paths.homes.find(name.text());
    if (home != in.out.condition.paths.homes.end()) {
      const bool is_elsewhere = in.out.condition.homes_elsewhere.contains(name.text());
      const auto path = home->second;
      VSTATE_TRY(is_elsewhere ? read_home_elsewhere(in, name, mailbox, path, found_login)
                              : read_home(in, name, mailbox, path, found_login));
    }
    in.state().mailboxes.emplace(name, std::move(mailbox));
  }
  return {};
}

}  // namespace vstate
