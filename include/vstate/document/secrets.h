/// \file
/// The secrets of a domain file in a file of their own: hashes, clear-text passwords, the keys of
/// lists, and what their files say of a database. Both texts together are the same State. No I/O.
#pragma once

#include <string>
#include <string_view>

#include "vstate/base/diagnostics.h"
#include "vstate/model/selection.h"
#include "vstate/model/state.h"

namespace vstate::document {

struct SplitText {
  std::string open;     ///< says by `secrets = true` that it is not all
  std::string secrets;  ///< names each mailbox, also one without a password
};
[[nodiscard]] SplitText write_split(const State&);

/// Where an open text says that its secrets are elsewhere: a key of Places.
inline constexpr const char* k_secrets_place = "domain.secrets";

/// Puts secrets into the state of an open text. Returns false if they are not of this domain, if
/// they name what it has not (and `selection` does not exclude), if a mailbox has none, or if one
/// stands in both; errors have their places.
[[nodiscard]] bool add_secrets(State&, std::string_view text, const std::string& file_name,
                               const Selection&, Diagnostics&);

}  // namespace vstate::document
