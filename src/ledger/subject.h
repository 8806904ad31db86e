/// \file
/// Whose memory it is that the ledger keeps.
#pragma once

#include <string>
#include <utility>

#include "vstate/model/names.h"

namespace vstate {

/// A domain, or the server itself.
class Subject {
 public:
  // A domain is always meant as itself.
  Subject(const DomainName& domain)
      : text_(domain.text()) {}  // NOLINT(google-explicit-constructor)
  /// "(server)", as no domain can be called.
  [[nodiscard]] static Subject server() { return Subject(std::string("(server)")); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  explicit Subject(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace vstate
