#include <algorithm>

#include <fmt/format.h>

#include "inspector_impl.h"
#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate {

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

/// Where each account's home is, and what is odd about it. An account whose home is not its own
/// directory below the domain's gets one on the target.
void Inspector::place_homes(const std::vector<Account>& accounts) {
  std::map<std::string, std::string> first_user;
  for (const auto& account : accounts) {
    const auto& home = account.home;
    const auto name = to_lower(account.name);
    const bool is_below = home.rfind(directory() + "/", 0) == 0;
    const auto [first, is_new] = first_user.emplace(home, name);
    if (home.empty()) continue;
    if (!is_new) {
      remark(
          fmt::format("mailbox {} shares its home with {}; on the target it gets a home of its own",
                      name, first->second));
      continue;
    }
    out_.condition.paths.homes.emplace(name, home);
    if (is_below)
      homes_.insert(relative(home));
    else
      remark(
          fmt::format("mailbox {} has its home outside the domain's directory ({})", name, home));
  }
}

Status Inspector::read_vacation(Mailbox& mailbox, const std::string& home,
                                std::set<std::string>& expressed) {
  const auto vacation = path_join(home, "vacation");
  const auto listing = system_.list(vacation);
  if (!listing) return {};
  bool is_all_known = true;
  for (const auto& entry : *listing) {
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
bool Inspector::is_whole_home(const OpenDirectory& home, bool& has_temporary) const {
  const auto is_ours = [&](const std::optional<FileInfo>& info) {
    return info && info->is_directory() && Owner{info->uid, info->gid} == owner();
  };
  const auto maildir = is_ours(home.info()) ? home.open("Maildir") : std::nullopt;
  if (!maildir || !is_ours(maildir->info())) return false;
  for (const auto* part : {"new", "cur", "tmp"})
    if (!is_ours(maildir->info_of(part))) return false;
  static const std::string temporary(path_name(System::temporary_of("maildirsize")));
  has_temporary = maildir->info_of(temporary.c_str()).has_value();
  return true;
}

void Inspector::check_home(const MailboxName& name, const std::string& home,
                           const OpenDirectory* opened) {
  const auto temporary = System::temporary_of(home + "/Maildir/maildirsize");
  bool has_temporary = false;
  if (opened != nullptr && is_whole_home(*opened, has_temporary)) {
    if (has_temporary) check_temporary(temporary);
    return;
  }
  const auto report = [&](DefectKind kind, std::string detail) {
    out_.condition.defects.push_back({kind, name.text(), std::move(detail)});
  };
  for (const std::string_view part :
       {"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"}) {
    const auto info = system_.info_followed(home + std::string(part));
    const auto shown = part.empty() ? std::string("the home") : std::string(part.substr(1));
    if (!info || !info->is_directory()) {
      report(DefectKind::home, shown + " is missing");
      return;
    }
    if (Owner{info->uid, info->gid} != owner()) {
      report(DefectKind::ownership,
             fmt::format("{} belongs to {}:{}", shown, info->uid, info->gid));
      return;
    }
  }
  check_temporary(temporary);
}

/// Names a temporary that a stopped apply left.
void Inspector::check_temporary(const std::string& path) {
  if (!system_.exists(path)) return;
  rebuild(path, "temporary of a stopped apply");
  out_.condition.defects.push_back(
      {DefectKind::temporary, relative(path), "left by a stopped apply"});
}

Status Inspector::read_home(const MailboxName& name, Mailbox& mailbox, const std::string& home,
                            const StoredLogin* login) {
  ArchiveSource source{home, {}};
  const auto opened = system_.look_into(home);
  check_home(name, home, opened ? &*opened : nullptr);
  const auto listing = opened ? opened->list() : std::nullopt;
  if (!listing) return {};
  bool has_vacation = false;
  for (const auto& entry : *listing) {
    const auto path = path_join(home, entry.name);
    has_vacation = has_vacation || entry.name == "vacation";
    if (entry.name == ".qmail" && entry.type == FileInfo::Type::regular) {
      VSTATE_TRY_ASSIGN(mailbox.deliver, read_lines(path));
      express(path);
      source.expressed.insert(entry.name);
    } else if (login != nullptr && entry.name == login->file) {
      express(path);
      source.expressed.insert(entry.name);
    } else if (const auto own = store_.own_home_file(entry.name)) {
      rebuild(path, own->reason);
      source.expressed.insert(entry.name);
    }
  }
  if (has_vacation) VSTATE_TRY(read_vacation(mailbox, home, source.expressed));
  VSTATE_TRY_ASSIGN(
      const bool has_rest,
      read_entries(home, "", mailbox_placeholder(name.text()) + "/", *listing, source));
  (void)has_rest;
  out_.mailbox_archives.emplace(name, std::move(source));
  return {};
}

Status Inspector::read_mailboxes() {
  VSTATE_TRY_ASSIGN(out_.accounts, store_.read_accounts(location()));
  VSTATE_TRY_ASSIGN(const auto logins, store_.read_last_logins(location(), out_.accounts));
  place_homes(out_.accounts);
  templater_.emplace(out_.condition.paths);
  VSTATE_TRY_ASSIGN(const auto index, store_.index_problems(location()));
  if (!index.empty()) {
    const auto more = index.size() > 1 ? fmt::format(" (and {} more)", index.size() - 1) : "";
    out_.condition.defects.push_back({DefectKind::accounts_index, "", index.front() + more});
  }
  VSTATE_TRY_ASSIGN(const bool is_unfinished, store_.is_unfinished(location()));
  if (is_unfinished)
    out_.condition.defects.push_back(
        {DefectKind::unfinished_run, "", "a stopped apply left its directory counter"});
  for (const auto& account : out_.accounts) {
    const auto name = MailboxName::parse(account.name);
    if (!name) {
      remark(fmt::format("an account cannot be carried: {}", name.error().message));
      continue;
    }
    auto mailbox = to_mailbox(account);
    const auto login = logins.find(account.name);
    const auto* found_login = login == logins.end() ? nullptr : &login->second;
    if (found_login != nullptr) mailbox.last_login = found_login->login;
    const auto home = out_.condition.paths.homes.find(name->text());
    if (home != out_.condition.paths.homes.end())
      VSTATE_TRY(read_home(*name, mailbox, home->second, found_login));
    if (!state().mailboxes.emplace(*name, std::move(mailbox)).second)
      remark(fmt::format("there are two accounts {}; the first counts", name->text()));
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

Result<std::optional<std::string>> Inspector::read_text(const std::string& path,
                                                        std::size_t limit) const {
  auto bytes = system_.read(path, limit);
  if (!bytes && bytes.error().code == Errc::unsupported) return std::optional<std::string>();
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  if (!looks_like_text(*bytes)) return std::optional<std::string>();
  return std::optional(templater_->to_template(*bytes));
}

}  // namespace vstate
