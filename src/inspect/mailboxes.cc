#include <algorithm>

#include <fmt/format.h>

#include "inspect/inspector.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate {

namespace {
/// Courier's, in a Maildir.
constexpr const char* k_shared_maildirs = "shared-maildirs";
}  // namespace

bool is_autorespond_counter(std::string_view name) {
  const auto dot = name.find('.');
  return name.size() > 3 && name.front() == 'A' && dot != std::string_view::npos &&
         is_digits(name.substr(1, dot - 1)) && is_digits(name.substr(dot + 1));
}

Mailbox Inspector::to_mailbox(const Account& account) const {
  Mailbox mailbox;
  mailbox.password = account.password;
  mailbox.clear_password = account.clear_password;
  mailbox.is_apop = account.is_apop;
  mailbox.gecos = pathless_template(account.gecos);
  mailbox.quota = parse_quota(account.quota);
  mailbox.flags = account.flags;
  return mailbox;
}

Status Inspector::read_vacation(Mailbox& mailbox, const std::string& home,
                                std::set<std::string>& expressed) {
  const auto vacation = path_join(home, "vacation");
  VSTATE_TRY_ASSIGN(const auto found, look_behind(files_, vacation));
  if (!found.is_directory()) return {};
  VSTATE_TRY_ASSIGN(const auto listing, files_.list(vacation));
  bool is_all_known = true;
  for (const auto& entry : listing) {
    const auto path = path_join(vacation, entry.name);
    if (entry.name == "message" && entry.type == FileInfo::Type::regular) {
      VSTATE_TRY_ASSIGN(auto text, read_text(path, k_inline_text));
      if (!text) continue;
      mailbox.vacation = std::move(*text);
      express(path);
      expressed.insert("vacation/message");
    } else if (entry.type == FileInfo::Type::regular && is_autorespond_counter(entry.name)) {
      rebuild(path, "counter of autorespond");
      expressed.insert("vacation/" + entry.name);
    } else {
      is_all_known = false;
    }
  }
  if (is_all_known && mailbox.vacation) expressed.insert("vacation");
  return {};
}

/// True if a home is as it should be, which most are; what else it may be, check_home tells.
Result<bool> Inspector::is_whole_home(const Directory& home, HomeLook& look) const {
  const auto is_ours = [&](const FileInfo& info) {
    return info.is_directory() && Owner{info.uid, info.gid} == owner();
  };
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
  static const std::string temporary(path_name(temporary_of("maildirsize")));
  VSTATE_TRY_ASSIGN(const auto found, maildir->look(temporary));
  look.has_temporary = found.has_value();
  VSTATE_TRY_ASSIGN(const auto shared, maildir->look(k_shared_maildirs));
  look.may_have_shared_folders = shared.has_value();
  return true;
}

Result<bool> Inspector::check_home(const MailboxName& name, const std::string& home,
                                   const Directory& opened, HomeLook& look) {
  const auto temporary = temporary_of(home + "/Maildir/maildirsize");
  VSTATE_TRY_ASSIGN(const bool is_whole, is_whole_home(opened, look));
  if (is_whole) {
    if (look.has_temporary) VSTATE_TRY(check_temporary(temporary));
    return true;
  }
  VSTATE_TRY_ASSIGN(const auto refusal, refusal_of_home(home + "/Maildir"));
  if (!refusal.empty()) {
    remark(fmt::format("mailbox {}: its Maildir is a link to a place {}; it is left as it is",
                       name.text(), refusal));
    return false;
  }
  const auto report = [&](DefectKind kind, std::string detail) {
    // Not vstate's to mend.
    if (out_.condition.homes_elsewhere.contains(name.text()))
      return remark(
          fmt::format("mailbox {}: its home is in {}, which is outside the domain's "
                      "directory: {}; it is left as it is",
                      name.text(), home, detail));
    out_.condition.defects.push_back({kind, name.text(), std::move(detail)});
  };
  for (const std::string_view part :
       {"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"}) {
    const auto shown = part.empty() ? std::string("the home") : std::string(part.substr(1));
    VSTATE_TRY_ASSIGN(const auto found, look_behind(files_, home + std::string(part)));
    if (!found.is_directory()) {
      report(DefectKind::home, shown + " is missing");
      return false;
    }
    if (Owner{found.info->uid, found.info->gid} != owner()) {
      report(DefectKind::ownership,
             fmt::format("{} belongs to {}:{}", shown, found.info->uid, found.info->gid));
      return false;
    }
  }
  VSTATE_TRY(check_temporary(temporary));
  return false;
}

/// Names a temporary that a stopped apply left.
Status Inspector::check_temporary(const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto found, files_.look(path));
  if (!found) return {};
  rebuild(path, "temporary of a stopped apply");
  out_.condition.defects.push_back(
      {DefectKind::temporary, relative(path), "left by a stopped apply"});
  return {};
}

/// A Maildir that is not there, or holds neither `new` nor `cur`, says nothing of what became of
/// its mail: the disk that it is on need not be mounted.
Status Inspector::check_maildir(const MailboxName& name, const std::string& home,
                                ArchiveSource& source) {
  const auto maildir = path_join(home, "Maildir");
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(files_, maildir));
  source.is_partial = !behind.is_directory();
  if (behind.is_directory()) {
    VSTATE_TRY_ASSIGN(const auto new_mail, look_behind(files_, path_join(maildir, "new")));
    VSTATE_TRY_ASSIGN(const auto read_mail, look_behind(files_, path_join(maildir, "cur")));
    source.is_partial = !new_mail.is_directory() || !read_mail.is_directory();
    return read_shared_folders(name, maildir, source);
  }
  VSTATE_TRY_ASSIGN(const auto link, files_.look(maildir));
  if (link && !link->is_link()) {
    leave_out("mail." + name.text(), "its Maildir is no directory; it is not carried");
    source.expressed.insert("Maildir");
    return {};
  }
  if (!link) return {};
  VSTATE_TRY_ASSIGN(const auto target, files_.link_target(maildir));
  leave_out("mail." + name.text(),
            fmt::format("its Maildir is a link to {}, {}; its mail is not carried", visible(target),
                        behind.info ? "which is no directory" : behind.why));
  source.expressed.insert("Maildir");
  return {};
}

/// Courier's list of other people's folders names them by their paths, so it is text of the file
/// and not mail.
Status Inspector::read_shared_folders(const MailboxName& name, const std::string& maildir,
                                      ArchiveSource& source) {
  const auto path = path_join(maildir, k_shared_maildirs);
  VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
  if (!info || !info->is_regular()) return {};
  VSTATE_TRY_ASSIGN(auto text, read_text(path, k_inline_text));
  if (!text) return {};
  const auto shown = std::string("Maildir/") + k_shared_maildirs;
  source.expressed.insert(shown);
  express(path);
  File file;
  file.content = std::move(*text);
  file.mode = info->mode & 0777U;
  state().files.emplace(mailbox_placeholder(name.text()) + "/" + shown, std::move(file));
  return {};
}

Status Inspector::read_home_entry(Mailbox& mailbox, const std::string& home, const DirEntry& entry,
                                  const StoredLogin* login, ArchiveSource& source) {
  const auto path = path_join(home, entry.name);
  if (entry.name == ".qmail") {
    VSTATE_TRY_ASSIGN(const auto file, delivery_file(entry, path));
    if (!file) return {};
    VSTATE_TRY_ASSIGN(auto lines, read_lines(path));
    if (lines) mailbox.deliver = *std::move(lines);
    source.expressed.insert(entry.name);
  } else if (login != nullptr && entry.name == login->file) {
    express(path);
    source.expressed.insert(entry.name);
  } else if (const auto own = store_.own_home_file(entry.name)) {
    rebuild(path, own->reason);
    source.expressed.insert(entry.name);
  }
  return {};
}

/// What the owner of the domain may not read in a home that he names himself is not vstate's to
/// read for him. The account is carried all the same.
Status Inspector::read_home_elsewhere(const MailboxName& name, Mailbox& mailbox,
                                      const std::string& home, const StoredLogin* login) {
  const auto before = mailbox;
  auto status = read_home(name, mailbox, home, login);
  if (status || !is_denied_to_owner(status.error(), home)) return status;
  mailbox = before;
  std::erase_if(state().files, [&](const auto& file) {
    return file.first.starts_with(mailbox_placeholder(name.text()) + "/");
  });
  out_.mailbox_archives.erase(name);
  out_.condition.paths.homes.erase(name.text());
  std::erase(out_.notes, note_of_home(name.text(), home));
  leave_out("mail." + name.text(),
            fmt::format("its home {} is outside the domain's directory, and the domain's owner "
                        "cannot read all of it ({}); it is left alone",
                        home, visible(status.error().message)));
  return {};
}

Status Inspector::read_home(const MailboxName& name, Mailbox& mailbox, const std::string& home,
                            const StoredLogin* login) {
  auto source = source_of(home, name.text());
  const auto opened = files_.open_directory(home);
  if (!opened) {
    VSTATE_TRY_ASSIGN(const auto found, look_behind(files_, home));
    // It is there, and cannot be read.
    if (found.is_directory()) return tl::unexpected<Error>(opened.error());
    if (out_.condition.homes_elsewhere.contains(name.text()))
      remark(
          fmt::format("mailbox {}: its home {} is outside the domain's directory, and missing; "
                      "vstate does not make it",
                      name.text(), home));
    else
      out_.condition.defects.push_back({DefectKind::home, name.text(), "the home is missing"});
    if (found.info)
      leave_out("mail." + name.text(),
                fmt::format("its home {} is no directory; it is not carried", home));
    return {};
  }
  HomeLook look;
  VSTATE_TRY_ASSIGN(const bool is_whole, check_home(name, home, **opened, look));
  if (!is_whole)
    VSTATE_TRY(check_maildir(name, home, source));
  else if (look.may_have_shared_folders)
    VSTATE_TRY(read_shared_folders(name, path_join(home, "Maildir"), source));
  VSTATE_TRY_ASSIGN(const auto listing, (*opened)->list());
  for (const auto& entry : listing)
    VSTATE_TRY(read_home_entry(mailbox, home, entry, login, source));
  const bool has_vacation = std::any_of(listing.begin(), listing.end(), [](const DirEntry& entry) {
    return entry.name == "vacation";
  });
  if (has_vacation) VSTATE_TRY(read_vacation(mailbox, home, source.expressed));
  VSTATE_TRY_ASSIGN(
      const bool has_rest,
      read_entries(home, "", mailbox_placeholder(name.text()) + "/", listing, source));
  (void)has_rest;
  out_.mailbox_archives.emplace(name, std::move(source));
  return {};
}

/// What the back-end cannot make an account of: said of the account that it was, if another copy of
/// it is whole.
Status Inspector::read_bad_records() {
  VSTATE_TRY_ASSIGN(const auto bad, store_.bad_records(location()));
  for (const auto& record : bad) {
    const auto name = MailboxName::parse(record.name);
    if (name && carried_.contains(*name))
      remark(fmt::format("{}; the account {} is taken from its index", record.what, name->text()));
    else
      leave_out(record.name.empty() ? "domain" : "mailbox." + spell_bytes(record.name),
                record.what + "; the account is not carried");
  }
  return {};
}

Status Inspector::read_mailboxes() {
  VSTATE_TRY_ASSIGN(const auto logins, store_.read_last_logins(location(), out_.accounts));
  VSTATE_TRY(read_bad_records());
  VSTATE_TRY_ASSIGN(const auto index, store_.index_problems(location()));
  if (!index.empty()) {
    const auto more = index.size() > 1 ? fmt::format(" (and {} more)", index.size() - 1) : "";
    out_.condition.defects.push_back({DefectKind::accounts_index, "", index.front() + more});
  }
  VSTATE_TRY_ASSIGN(const bool is_unfinished, store_.is_unfinished(location()));
  if (is_unfinished)
    out_.condition.defects.push_back(
        {DefectKind::unfinished_run, "", "a stopped apply left its directory counter"});
  for (const auto& [name, account] : carried_) {
    auto mailbox = to_mailbox(*account);
    const auto login = logins.find(account->name);
    const auto* found_login = login == logins.end() ? nullptr : &login->second;
    if (found_login != nullptr) mailbox.last_login = found_login->login;
    if (selection_.excludes("mailbox." + name.text())) continue;
    const auto home = out_.condition.paths.homes.find(name.text());
    if (home != out_.condition.paths.homes.end()) {
      const bool is_elsewhere = out_.condition.homes_elsewhere.contains(name.text());
      const auto path = home->second;
      VSTATE_TRY(is_elsewhere ? read_home_elsewhere(name, mailbox, path, found_login)
                              : read_home(name, mailbox, path, found_login));
    }
    state().mailboxes.emplace(name, std::move(mailbox));
  }
  return {};
}

bool looks_like_text(std::string_view bytes) {
  if (bytes.find('\0') != std::string_view::npos) return false;
  std::size_t strange = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = utf8_length(bytes, at);
    if (length == 0) ++strange;
    at += std::max<std::size_t>(length, 1);
  }
  return strange * 10 <= bytes.size();
}

Result<std::optional<std::string>> Inspector::read_listed(const std::string& path,
                                                          std::size_t limit) {
  auto bytes = files_.read(path, limit);
  if (bytes) return std::optional(*std::move(bytes));
  if (bytes.error().code == Errc::unsupported) return std::optional<std::string>();
  if (bytes.error().code != Errc::not_found) return tl::unexpected<Error>(bytes.error());
  out_.has_changed = true;
  return std::optional<std::string>();
}

Result<std::optional<std::string>> Inspector::read_text(const std::string& path,
                                                        std::size_t limit) {
  VSTATE_TRY_ASSIGN(const auto bytes, read_listed(path, limit));
  if (!bytes || !looks_like_text(*bytes)) return std::optional<std::string>();
  return std::optional(templater_->to_template(*bytes));
}

}  // namespace vstate
