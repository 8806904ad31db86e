/// \file
/// What became of several domains: one exit status and one summary for all of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/exit.h"
#include "vstate/base/result.h"

namespace vstate::cli {

/// How the server's own settings are called where domains are called by their names.
inline constexpr const char* k_settings_name = "server.toml";

/// What comes before the words on a domain; empty if the run is about this one only.
std::string noun_of(const std::string& domain, std::size_t domains);
Error with_noun(const std::string& noun, Error);

class Tally {
 public:
  void add(const std::string& domain, Exit);
  /// The server's own settings, which are no domain.
  void add_settings(Exit exit) { settings_ = exit; }
  /// The worst that happened. An error after something was changed is a partial result.
  [[nodiscard]] Exit exit(bool has_changed) const;
  /// "3 domains: 2 done, 1 failed (example.org)"; empty for fewer than two things. Settings are
  /// named behind the domains: "; server.toml: done".
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
  std::optional<Exit> settings_;
};

}  // namespace vstate::cli
