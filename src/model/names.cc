// The rules for names, checked once where a name comes in. What vpopmail would refuse is refused
// here with the reason; lower-casing follows vpopmail, which knows no other case.

#include "vstate/model/names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The first byte of `text` that `allowed` refuses, printable.
template <class Allowed>
std::string first_refused(std::string_view text, Allowed allowed) {
  const auto at = std::find_if_not(text.begin(), text.end(), allowed);
  if (at == text.end()) return {};
  // The byte is named in a way that can be read, also where a terminal could not show it.
  const auto byte = static_cast<unsigned char>(*at);
  if (byte == ' ') return "a blank";
  return byte > 32 && byte < 127 ? fmt::format("'{}'", *at) : fmt::format("byte 0x{:02x}", byte);
}

}  // namespace

Result<std::string> DomainRules::check(std::string_view text) {
  // vpopmail makes no domain with a shorter name, and its buffers hold no longer one.
  if (text.size() < 3 || text.size() > 96)
    return fail(Errc::invalid, fmt::format("domain name \"{}\" has {} characters, 3 to 96 are "
                                           "allowed",
                                           text, text.size()));
  const auto refused =
      first_refused(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
  if (!refused.empty())
    return fail(Errc::invalid, fmt::format("domain name \"{}\" contains {}", text, refused));
  if (text.front() == '-' || text.back() == '-')
    return fail(Errc::invalid, fmt::format("domain name \"{}\" begins or ends with a dash", text));
  // An empty label is more than a slip: qmail takes ".com" in rcpthosts for all that ends so.
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos)
    return fail(Errc::invalid, fmt::format("domain name \"{}\" has an empty label", text));
  return to_lower(text);
}

std::string broken_56_rule(const DomainName& name) {
  const auto& text = name.text();
  const auto dot = text.rfind('.');
  if (dot == std::string::npos) return "has no dot";
  const auto last_label = text.size() - dot - 1;
  if (last_label < 2 || last_label > 63)
    return "has a last label that is not 2 to 63 characters long";
  return {};
}

Result<std::string> MailboxRules::check(std::string_view text) {
  // So many are kept by 5.6. A server of 5.4 keeps fewer, which is known only when a plan is made
  // for it.
  if (text.empty() || text.size() > 64)
    return fail(Errc::invalid, fmt::format("mailbox name \"{}\" has {} characters, 1 to 64 are "
                                           "allowed",
                                           text, text.size()));
  constexpr std::string_view signs = "!#$&'*+-.=?^_`{|}~";
  const auto refused = first_refused(text, [&](char c) {
    return is_letter_or_digit(c) || signs.find(c) != std::string_view::npos;
  });
  if (!refused.empty())
    return fail(
        Errc::invalid,
        fmt::format("mailbox name \"{}\" contains {}, which vpopmail refuses", text, refused));
  // Both consist of allowed signs, and neither can be a home.
  if (text == "." || text == "..")
    return fail(Errc::invalid, fmt::format("mailbox name \"{}\" cannot be a directory", text));
  if (is_kept_directory(to_lower(text)))
    return fail(Errc::invalid,
                fmt::format("mailbox name \"{}\" is a file of the mail server's own", text));
  return to_lower(text);
}

Result<std::string> AliasRules::check(std::string_view text) {
  if (text.empty() || text.size() > 200)
    return fail(Errc::invalid, fmt::format("alias name \"{}\" has {} characters, 1 to 200 are "
                                           "allowed",
                                           text, text.size()));
  // None of these bytes can stand both in a local part and in the name of its file.
  const auto refused = first_refused(text, [](char c) {
    return static_cast<unsigned char>(c) > 32 && c != 127 && c != '/' && c != ':' && c != '@';
  });
  if (!refused.empty())
    return fail(Errc::invalid, fmt::format("alias name \"{}\" contains {}", text, refused));
  // To lower its case in silence would make an address of it that nobody has written.
  if (to_lower(text) != text)
    return fail(Errc::invalid, fmt::format("alias name \"{}\" has upper-case letters, which mail "
                                           "never selects",
                                           text));
  // The name is a key of the file, which is UTF-8.
  if (!is_utf8(text)) return fail(Errc::invalid, "alias name is not UTF-8");
  return std::string(text);
}

bool is_kept_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> names{
      "vpasswd",        "vpasswd.cdb",        ".vpasswd.lock",
      ".dir-control",   ".dir_control_free",  ".dir_control_free.lock",
      ".qmail-default", ".qmailadmin-limits", "cdb.tmp"};
  // vpopmail's temporaries have the number of a process behind these.
  constexpr std::array<std::string_view, 3> beginnings{"vpasswd.bak.", ".dir-control.", ".vstate-"};
  return std::find(names.begin(), names.end(), name) != names.end() ||
         std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return name.starts_with(beginning); });
}

bool is_kept_directory(std::string_view name) {
  return name == "." || name == ".." || name.starts_with(".qmail") || is_kept_name(name);
}

}  // namespace vstate
