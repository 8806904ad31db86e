/// \file
/// Which domains a run is about, and which parts of each, by their addresses: "domain.example.com",
/// "mailbox.alice", "mail.alice", "alias.sales", "file.PATH".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/state.h"

namespace vstate {

/// Of a run over many domains: shell patterns (fnmatch(3)) over "domain.NAME".
struct DomainSelection {
  std::vector<std::string> only;  ///< empty: all
  std::vector<std::string> exclude;

  [[nodiscard]] bool takes(std::string_view domain) const;
  /// The patterns that match none of these names: likely misspelt.
  [[nodiscard]] std::vector<std::string> without_match(const std::vector<std::string>& names) const;
};

/// Shell patterns (fnmatch(3)) over addresses.
struct Selection {
  std::vector<std::string> only;     ///< empty: all
  std::vector<std::string> exclude;  ///< as if it were not there, on either side
  DomainSelection domains = {};      ///< what was said of whole domains

  /// Moves the patterns of `only` and `exclude` that are about whole domains to `domains`.
  void take_domains();
  /// Nobody said that it is about less than all.
  [[nodiscard]] bool is_of_all() const { return only.empty() && exclude.empty(); }
  /// A mailbox that is excluded takes its mail along.
  [[nodiscard]] bool excludes(std::string_view address) const;
  [[nodiscard]] bool takes(std::string_view address) const;
};

/// The state without what is excluded, and without what was said of it.
[[nodiscard]] State without_excluded(State, const Selection&);

/// The patterns that match nothing of a state, nor one of `others`: likely misspelt.
[[nodiscard]] std::vector<std::string> patterns_without_match(
    const State&, const std::vector<std::string>& others, const Selection&);

}  // namespace vstate
