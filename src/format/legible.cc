#include "format/legible.h"

#include <algorithm>

#include "vstate/base/text.h"

namespace vstate {

bool looks_like_text(std::string_view bytes) {
  if (bytes.find('\0') != std::string_view::npos) return false;
  std::size_t strange = 0;
  // Up to a tenth of strange bytes is text in an older encoding, which people wrote and want to
  // read.
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = utf8_length(bytes, at);
    if (length == 0) ++strange;
    at += std::max<std::size_t>(length, 1);
  }
  return strange * 10 <= bytes.size();
}

}  // namespace vstate
