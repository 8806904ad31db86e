// A mailbox of the file. What no server can hold is refused here, before anything is compared; what
// only this target cannot hold is the store's to say. Passwords become secrets at once, so that no
// message can show them.

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

Quota read_quota(Table& mailbox) {
  Quota quota;
  const auto* node = mailbox.table("quota");
  if (node == nullptr) return quota;
  auto table = mailbox.open(*node, mailbox.title() + ".quota", k_quota_keys);
  quota.bytes = static_cast<std::uint64_t>(table.number("bytes", 1).value_or(0));
  quota.messages = static_cast<std::uint64_t>(table.number("messages", 1).value_or(0));
  if (!table.has("bytes") && !table.has("messages"))
    mailbox.error("quota", "names neither bytes nor messages", "leave quota out for no quota");
  // vpopmail keeps a quota as text, and has 20 characters for it.
  if (!fits_vpopmail(quota))
    mailbox.error("quota",
                  fmt::format("\"{}\" is longer than the 20 characters that vpopmail keeps",
                              to_vpopmail(quota)));
  return quota;
}

Flags read_flags(Table& mailbox) {
  Flags flags = 0;
  for (const auto& item : mailbox.strings("disable")) {
    const auto bit = denial_named(item.text);
    if (bit)
      flags |= *bit;
    else
      mailbox.error_at(item.place, fmt::format("{}.disable: there is no service \"{}\"",
                                               mailbox.title(), item.text));
  }
  for (const auto& item : mailbox.strings("flags")) {
    const auto bit = flag_named(item.text);
    if (bit)
      flags |= *bit;
    else
      mailbox.error_at(
          item.place, fmt::format("{}.flags: there is no flag \"{}\"", mailbox.title(), item.text));
  }
  return flags;
}

std::optional<LastLogin> read_login(Table& mailbox) {
  // vadduser enters a last login from 0.0.0.0, which no client has: it says when the account was
  // made.
  if (const auto created = mailbox.time("created")) {
    if (mailbox.has("last_login"))
      mailbox.error("created", "stands beside last_login", "keep one of them");
    return LastLogin{*created, "0.0.0.0"};
  }
  const auto* node = mailbox.table("last_login");
  if (node == nullptr) return std::nullopt;
  auto table = mailbox.open(*node, mailbox.title() + ".last_login", k_login_keys);
  LastLogin login;
  if (table.require("at")) login.at = table.time("at").value_or(std::chrono::sys_seconds());
  login.from = table.bytes("from").value_or("");
  return login;
}

/// A hash, or what a server has in its place: dump writes the latter under a name of its own, so
/// that a clear-text password that somebody wrote into the file is not taken for one.
Secret read_password(Table& table) {
  const auto hash = table.bytes("password");
  const auto unusable = table.bytes("unusable_password");
  if (hash && unusable)
    table.error("unusable_password", "stands beside password", "keep one of them");
  if (unusable) return Secret(*unusable);
  Secret password(hash.value_or(""));
  if (password.reveal().find('\0') != std::string::npos) return password;  // an error by itself
  if (kind_of(password) == PasswordKind::unusable)
    table.error("password",
                "is no hash of crypt(3), or one that was cut off; nobody could log in with it",
                "make one with openssl passwd -6, or name it unusable_password");
  return password;
}

void refuse_nul(Table& table, std::string_view key, std::string_view value) {
  if (value.find('\0') != std::string_view::npos)
    table.error(key, "holds a NUL, which no server can hold");
}

}  // namespace

void read_passwords(Table& table, Mailbox& mailbox) {
  mailbox.password = read_password(table);
  refuse_nul(table, "password", mailbox.password.reveal());
  if (auto clear = table.bytes("clear_password")) {
    refuse_nul(table, "clear_password", *clear);
    mailbox.clear_password = Secret(std::move(*clear));
  }
}

Mailbox read_mailbox(Table& table, Places& places) {
  Mailbox mailbox;
  read_passwords(table, mailbox);
  mailbox.is_apop = table.boolean("apop").value_or(false);
  // A gecos names no path, so its template must expand without any.
  mailbox.gecos = table.text("gecos").value_or("");
  if (const auto literal = expand_pathless(mailbox.gecos))
    refuse_nul(table, "gecos", *literal);
  else if (check_template(mailbox.gecos).empty())
    table.error("gecos", literal.error().message);
  mailbox.quota = read_quota(table);
  mailbox.flags = read_flags(table);
  mailbox.deliver = table.lines("deliver");
  mailbox.vacation = table.legible("vacation");
  mailbox.last_login = read_login(table);
  mailbox.mail = read_archive(table, "mail", places);
  return mailbox;
}

}  // namespace vstate::document
