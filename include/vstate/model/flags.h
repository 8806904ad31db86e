/// \file
/// The bits of vpopmail's pw_gid, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

/// The flag word of an account. Bits without a name are kept: they belong to somebody.
using Flags = std::uint64_t;

struct FlagName {
  Flags bit;
  std::string_view name;  ///< as the file calls it
  bool is_denial;         ///< listed under `disable`; otherwise under `flags`
};

/// All named bits, lowest first (vpopmail.h).
[[nodiscard]] const std::vector<FlagName>& flag_names();
[[nodiscard]] std::optional<Flags> denial_named(std::string_view name);
[[nodiscard]] std::optional<Flags> flag_named(std::string_view name);
[[nodiscard]] std::vector<std::string> denials_of(Flags);
/// Named bits that are no denials; a bit without a name is "bit:19".
[[nodiscard]] std::vector<std::string> other_flags_of(Flags);

namespace flag {
constexpr Flags no_pop = 0x02;
constexpr Flags no_imap = 0x08;
constexpr Flags bounce_mail = 0x10;
constexpr Flags override_limits = 0x2000;
}  // namespace flag

}  // namespace vstate
