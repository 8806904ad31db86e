/// \file
/// A value that no view, log, or error may show.
#pragma once

#include <string>
#include <utility>

namespace vstate {

/// Holds a password hash, a clear-text password, or a list's key. It has no stream operator and
/// no formatter; `reveal` is the one way out, for the code that writes it where it belongs.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

/// What stands in the place of a password's hash.
enum class PasswordKind {
  none,      ///< nothing: nobody can log in, unless vpopmail learns passwords
  hash,      ///< what crypt(3) gives, of whatever scheme, whole
  locked,    ///< "*", "!" and the like, which people write there to close an account
  unusable,  ///< anything else, such as a hash that was cut off, or a clear-text password
};
[[nodiscard]] PasswordKind kind_of(const Secret& stored);

/// The scheme of a crypt(3) string as people call it: "SHA-512", "MD5", "DES", "none".
[[nodiscard]] std::string scheme_of(const Secret& hash);

/// A hash as Dovecot and LDAP want it: vpopmail's are crypt(3)'s; one with a scheme in front says
/// it itself.
[[nodiscard]] std::string with_scheme(const Secret& hash);

}  // namespace vstate
