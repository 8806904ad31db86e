/// \file
/// Modified UTF-7 (RFC 3501, 5.1.3): how IMAP spells folder names in ASCII.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vstate {

/// Of valid UTF-8.
[[nodiscard]] std::string to_modified_utf7(std::string_view utf8);

/// As UTF-8; nothing if it is not the one spelling that `to_modified_utf7` gives.
[[nodiscard]] std::optional<std::string> from_modified_utf7(std::string_view);

}  // namespace vstate
