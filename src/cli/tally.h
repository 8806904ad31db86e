/// \file
/// What became of several domains: one exit status and one summary for all of them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/exit.h"
#include "vstate/base/result.h"

namespace vstate::cli {

/// What comes before the words on a domain; empty if the run is about this one only.
std::string noun_of(const std::string& domain, std::size_t domains);
Error with_noun(const std::string& noun, Error);

class Tally {
 public:
  void add(const std::string& domain, Exit);
  /// The worst that happened. An error after something was changed is a partial result.
  [[nodiscard]] Exit exit(bool has_changed) const;
  /// "3 domains: 2 done, 1 failed (example.org)"; empty for fewer than two domains.
  [[nodiscard]] std::string summary() const;
  /// The same as an event: "text", and "outcomes" with the names of the domains by the word for
  /// what became of them; null for fewer than two domains.
  [[nodiscard]] nlohmann::ordered_json event() const;
  /// True if what comes next would fail alike: a lock that is held, an interruption.
  [[nodiscard]] bool ends_run() const;

 private:
  /// The domains by what became of them, the better first.
  [[nodiscard]] std::vector<std::pair<Exit, std::vector<std::string>>> by_exit() const;
  struct Outcome {
    std::string domain;
    Exit exit;
  };
  std::vector<Outcome> outcomes_;
};

}  // namespace vstate::cli
