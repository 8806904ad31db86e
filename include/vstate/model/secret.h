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

/// The scheme of a crypt(3) string as people call it: "SHA-512", "MD5", "DES", "none".
[[nodiscard]] std::string scheme_of(const Secret& hash);

}  // namespace vstate
