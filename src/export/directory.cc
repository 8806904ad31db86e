// LDIF and CSV. Both carry names that people chose, so that every value is escaped by the rules of
// the format: RFC 2849 for lines of LDIF, RFC 4514 within distinguished names, RFC 4180 for cells.

#include <algorithm>

#include <fmt/format.h>

#include "export/export.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::exports {

namespace {

/// "key: value", or base64 where RFC 2849 wants it.
std::string attribute(std::string_view key, std::string_view value) {
  // Anything else than printable ASCII, and a beginning that LDIF would read as something else,
  // goes as base64, which any reader takes back.
  const auto is_plain = [](char c) { return c > ' ' - 1 && c < '\x7f'; };
  const bool is_safe = !value.empty() && value.front() != ' ' && value.front() != ':' &&
                       value.front() != '<' && value.back() != ' ' &&
                       std::all_of(value.begin(), value.end(), is_plain);
  return is_safe ? fmt::format("{}: {}\n", key, value)
                 : fmt::format("{}:: {}\n", key, base64_encode(value));
}

/// A value inside of a distinguished name (RFC 4514).
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (std::string_view(",+\"\\<>;=#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string cell(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
  return "\"" + replace_all(std::string(value), "\"", "\"\"") + "\"";
}

std::string gecos_of(const Mailbox& mailbox) {
  return expand_pathless(mailbox.gecos).value_or(mailbox.gecos);
}

}  // namespace

Files ldif(const Input& input) {
  const auto& domain = input.state.name.text();
  const auto base = "ou=" + escaped(domain);
  std::string text =
      attribute("dn", base) + "objectClass: organizationalUnit\n" + attribute("ou", domain) + "\n";
  for (const auto& [name, mailbox] : input.state.mailboxes) {
    const auto gecos = gecos_of(mailbox);
    // inetOrgPerson demands a common name and a surname; an account without a gecos has only its
    // own name to offer.
    const auto shown = gecos.empty() ? name.text() : gecos;
    text += attribute("dn", fmt::format("uid={},{}", escaped(name.text()), base));
    text += "objectClass: inetOrgPerson\n";
    text += attribute("uid", name.text()) + attribute("cn", shown);
    const auto blank = shown.rfind(' ');
    text += attribute("sn", blank == std::string::npos || blank + 1 == shown.size()
                                ? shown
                                : shown.substr(blank + 1));
    text += attribute("mail", fmt::format("{}@{}", name.text(), domain));
    // Each alias domain is one more address of the same person.
    for (const auto& alias : input.state.aliases)
      text += attribute("mail", fmt::format("{}@{}", name.text(), alias.text()));
    if (!mailbox.password.reveal().empty())
      text += attribute("userPassword", with_scheme(mailbox.password));
    text += "\n";
  }
  return {{domain + ".ldif", text}};
}

std::string csv_header() {
  return "address,password,name,quota_bytes,quota_messages,denied,deliver\r\n";
}

Files csv(const Input& input) {
  std::string text;
  const auto add = [&](const std::string& name, const Mailbox& mailbox,
                       const DeliveryLines& deliver) {
    const auto& quota = mailbox.quota;
    const std::vector<std::string> cells{cell(fmt::format("{}@{}", name, input.state.name.text())),
                                         cell(mailbox.password.reveal()),
                                         cell(gecos_of(mailbox)),
                                         quota.bytes > 0 ? std::to_string(quota.bytes) : "",
                                         quota.messages > 0 ? std::to_string(quota.messages) : "",
                                         cell(join(denials_of(mailbox.flags), " ")),
                                         cell(join(deliver, "\n"))};
    text += join(cells, ",") + "\r\n";
  };
  for (const auto& [name, mailbox] : input.state.mailboxes)
    add(name.text(), mailbox, mailbox.deliver);
  // Aliases stand among the accounts, with no password and with lines that say where their mail
  // goes.
  for (const auto& [name, alias] : input.state.alias) add(name.text(), {}, alias.deliver);
  return {{"accounts.csv", text}};
}

}  // namespace vstate::exports
