// What can be told of a stored password without knowing it. A hash that was cut off by a narrow
// column looks much like a whole one, and its owner cannot log in; its length gives it away.

#include "vstate/model/secret.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace vstate {

namespace {

constexpr std::size_t k_longest_hash = 128;  // MAX_PW_PASS

bool is_of_alphabet(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '/';
  });
}

/// Without the {SCHEME} that vpopmail 5.6 takes off.
std::string_view bare_hash(std::string_view text) {
  const auto end = text.starts_with('{') ? text.find('}') : std::string_view::npos;
  return end == std::string_view::npos ? text : text.substr(end + 1);
}

/// "$ID$SALT$DIGEST", with the digest whole where its length is known: a column that was too narrow
/// cuts it.
bool is_modular_hash(std::string_view text) {
  struct Scheme {
    std::string_view prefix;
    std::size_t digest;
  };
  constexpr std::array schemes{Scheme{"$1$", 22}, Scheme{"$5$", 43}, Scheme{"$6$", 86}};
  for (const auto& scheme : schemes) {
    if (!text.starts_with(scheme.prefix)) continue;
    const auto digest = text.substr(text.rfind('$') + 1);
    return text.rfind('$') >= scheme.prefix.size() && digest.size() == scheme.digest &&
           is_of_alphabet(digest);
  }
  constexpr std::size_t bcrypt = 60;
  if (text.starts_with("$2")) return text.size() == bcrypt && is_of_alphabet(text.substr(7));
  // Schemes that are not known here are taken by their shape alone: the target's crypt(3) has the
  // last word.
  constexpr std::size_t shortest = 20;
  return std::count(text.begin(), text.end(), '$') >= 3 && text.size() >= shortest &&
         text.find_first_of(" \t") == std::string_view::npos;
}

}  // namespace

PasswordKind kind_of(const Secret& stored) {
  const std::string_view text = stored.reveal();
  if (text.empty()) return PasswordKind::none;
  const auto hash = bare_hash(text);
  constexpr std::size_t des = 13, extended_des = 20;
  const bool is_hash =
      text.size() <= k_longest_hash && text.find_first_of(":\n") == std::string_view::npos &&
      (hash.starts_with('$') ? is_modular_hash(hash)
                             : (hash.size() == des && is_of_alphabet(hash)) ||
                                   (hash.size() == extended_des && hash.starts_with('_') &&
                                    is_of_alphabet(hash.substr(1))));
  if (is_hash) return PasswordKind::hash;
  // These are what tools and administrators write in the place of a hash to close an account.
  constexpr std::array words{"x", "X", "NP", "LK", "nologin"};
  const bool is_locked = text.front() == '*' || text.front() == '!' ||
                         std::find(words.begin(), words.end(), text) != words.end();
  return is_locked ? PasswordKind::locked : PasswordKind::unusable;
}

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

std::string with_scheme(const Secret& hash) {
  return (hash.reveal().starts_with('{') ? "" : "{CRYPT}") + hash.reveal();
}

}  // namespace vstate
