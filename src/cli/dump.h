/// \file
/// The dump of one domain, apart from where its text goes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "session.h"
#include "vstate/mail/stream.h"

namespace vstate::cli {

/// How many entries below the domain's directory went where (law 3).
struct DumpCounts {
  std::uint64_t expressed = 0, archived = 0, rebuilt = 0, not_dumped = 0;
  std::map<std::string, std::uint64_t> reasons;  ///< of what is rebuilt
  std::vector<std::string> refused;              ///< what cannot be carried, and why

  /// `label` names the tree in what is refused; empty: nothing has to.
  void add(const TreeCount&, const std::string& label = "");
  void add(const Accounting&);
};
/// What a person should know of a domain that is dumped.
[[nodiscard]] std::vector<std::string> remarks_of(const Condition&);

struct DomainDump {
  std::string text;
  DumpCounts counts;
  std::vector<std::string> remarks;
  bool is_frozen = false;  ///< Condition::is_frozen
};

/// Archives are written below `mail`; without it mail is only counted.
[[nodiscard]] Result<DomainDump> dump_domain(Session&, const DomainName&, const std::string& mail,
                                             bool clear_passwords);

/// The state as it is dumped unless clear-text passwords were asked for.
[[nodiscard]] State without_clear_passwords(State);

/// All of a domain into `file` as one stream (mail/stream.h), but for what `have` has.
struct StreamDump {
  DumpCounts counts;
  std::vector<std::string> remarks;
  bool is_frozen = false;  ///< Condition::is_frozen
  bool has_changed = false;
};
[[nodiscard]] Result<StreamDump> dump_stream(Session&, const DomainName&, int file, Have& have,
                                             bool clear_passwords);

}  // namespace vstate::cli
