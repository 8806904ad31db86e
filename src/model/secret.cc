#include "vstate/model/secret.h"

#include <array>
#include <string_view>

namespace vstate {

std::string scheme_of(const Secret& hash) {
  std::string_view text = hash.reveal();
  if (text.empty()) return "none";
  if (text.front() == '{') {
    const auto end = text.find('}');
    if (end != std::string_view::npos) text.remove_prefix(end + 1);
  }
  struct Scheme {
    std::string_view prefix, name;
  };
  constexpr std::array schemes{Scheme{"$1$", "MD5"},           Scheme{"$2", "bcrypt"},
                               Scheme{"$5$", "SHA-256"},       Scheme{"$6$", "SHA-512"},
                               Scheme{"$y$", "yescrypt"},      Scheme{"$7$", "scrypt"},
                               Scheme{"$gy$", "gost-yescrypt"}};
  for (const auto& scheme : schemes)
    if (text.substr(0, scheme.prefix.size()) == scheme.prefix) return std::string(scheme.name);
  if (text.size() == 13) return "DES";
  return "unknown scheme";
}

}  // namespace vstate
