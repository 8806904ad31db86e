/// \file
/// What this system's crypt(3) makes of a stored password hash.
#pragma once

#include <string>

namespace vstate {

/// True if crypt(3) knows the hash's scheme and can check a password against it. A {SCHEME} in
/// front is left out, as vpopmail 5.6 does. libxcrypt answers "*0" for what it does not know.
[[nodiscard]] bool crypt_accepts(const std::string& hash);

}  // namespace vstate
