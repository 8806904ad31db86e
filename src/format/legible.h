/// \file
/// Which bytes a domain file holds as text.
#pragma once

#include <string_view>

namespace vstate {

/// No NUL, and nearly all of it UTF-8: latin-1 text has few other bytes, binary data many.
[[nodiscard]] bool looks_like_text(std::string_view bytes);

}  // namespace vstate
