// The names of the bits are those of the file; the bits are vpopmail's. A bit without a name may be
// a site's own, so that it is carried by its number.

#include "vstate/model/flags.h"

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

const std::vector<FlagName>& flag_names() {
  static const std::vector<FlagName> names{
      {0x00001, "password_change", true}, {0x00002, "pop3", true},
      {0x00004, "webmail", true},         {0x00008, "imap", true},
      {0x00010, "delivery", true},        {0x00020, "relay", true},
      {0x00040, "dialup", true},          {0x00080, "user0", false},
      {0x00100, "user1", false},          {0x00200, "user2", false},
      {0x00400, "user3", false},          {0x00800, "smtp", true},
      {0x01000, "domain_admin", false},   {0x02000, "override_limits", false},
      {0x04000, "spamassassin", true},    {0x08000, "delete_spam", false},
      {0x10000, "system_admin", false},   {0x20000, "expert", false},
      {0x40000, "maildrop", true},
  };
  return names;
}

namespace {

std::optional<Flags> named(std::string_view name, bool is_denial) {
  // A denial cannot be named among the flags, nor a flag among the denials: each stands in one
  // place of the file.
  for (const auto& flag : flag_names())
    if (flag.name == name && flag.is_denial == is_denial) return flag.bit;
  return std::nullopt;
}

std::vector<std::string> names_of(Flags flags, bool denials) {
  std::vector<std::string> out;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const Flags mask = Flags{1} << bit;
    if ((flags & mask) == 0) continue;
    const FlagName* found = nullptr;
    for (const auto& flag : flag_names())
      if (flag.bit == mask) found = &flag;
    if (found != nullptr && found->is_denial == denials) out.emplace_back(found->name);
    // It cannot be known whether such a bit denies anything, so it stands among the other flags.
    if (found == nullptr && !denials) out.push_back(fmt::format("bit:{}", bit));
  }
  return out;
}

}  // namespace

std::optional<Flags> denial_named(std::string_view name) { return named(name, true); }

std::optional<Flags> flag_named(std::string_view name) {
  constexpr std::string_view prefix = "bit:";
  if (name.substr(0, prefix.size()) == prefix) {
    const auto bit = to_number(name.substr(prefix.size()));
    // The flag word has 64 bits here, more than any version of vpopmail uses.
    if (!bit || *bit > 63) return std::nullopt;
    const Flags mask = Flags{1} << *bit;
    // A bit with a name has only that name, so that one state has one spelling.
    for (const auto& flag : flag_names())
      if (flag.bit == mask) return std::nullopt;
    return mask;
  }
  return named(name, false);
}

std::vector<std::string> denials_of(Flags flags) { return names_of(flags, true); }
std::vector<std::string> other_flags_of(Flags flags) { return names_of(flags, false); }

}  // namespace vstate
