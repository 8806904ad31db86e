/// \file
/// Checked names. A name that was parsed cannot be confused with raw text or with another kind.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include "vstate/base/result.h"

namespace vstate {

/// A text that passed the rules of `Rules::check`, lower-cased as vpopmail does it.
template <class Rules>
class Name {
 public:
  /// Fails with `invalid` and the rule that was broken.
  static Result<Name> parse(std::string_view text) {
    VSTATE_TRY_ASSIGN(auto checked, Rules::check(text));
    return Name(std::move(checked));
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  friend auto operator<=>(const Name&, const Name&) = default;
  friend bool operator==(const Name&, const Name&) = default;

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// vpopmail.c:vadddomain with 5.6's additions: letters, digits, "-" and ".", 3 to 96 bytes, no dash
/// at either end, no empty label: control/rcpthosts takes ".com" for all of com. What 5.6 refuses
/// and 5.4 takes (no dot, a last label of one character) is accepted here and refused by `plan` for
/// a 5.6 target.
struct DomainRules {
  static Result<std::string> check(std::string_view);
};
using DomainName = Name<DomainRules>;

/// vpopmail.c:is_username_valid: 1 to 64 bytes of letters, digits, and !#$&'*+-.=?^_`{|}~. "/" is
/// refused because a home directory cannot carry it; "." and "..", and what is_kept_directory says,
/// for the same reason.
struct MailboxRules {
  static Result<std::string> check(std::string_view);
};
using MailboxName = Name<MailboxRules>;

/// The local part that a .qmail-NAME file answers to, with its dots. Lower-case, no "/", no ":"
/// (which stands for a dot in the file's name), no control characters; at most 200 bytes.
struct AliasRules {
  static Result<std::string> check(std::string_view);
};
using AliasName = Name<AliasRules>;

/// Names in a domain's directory that vpopmail keeps for itself, or vstate while it works:
/// accounts, the catch-all, limits, counters, locks, and their temporaries. Nothing else may be
/// called so.
[[nodiscard]] bool is_kept_name(std::string_view name);
/// The same for what becomes a directory there, which stands in the place of no delivery file.
[[nodiscard]] bool is_kept_directory(std::string_view name);

/// What 5.6 demands of a new domain beyond DomainRules; empty if nothing is broken.
[[nodiscard]] std::string broken_56_rule(const DomainName&);

}  // namespace vstate
