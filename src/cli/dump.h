/// \file
/// The dump of one domain, apart from where its text goes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "archive/stream.h"
#include "cli/session.h"

namespace vstate::cli {

/// How many entries below the domain's directory went where (law 3).
struct DumpCounts {
  std::uint64_t expressed = 0, archived = 0, rebuilt = 0, not_dumped = 0;
  std::map<std::string, std::uint64_t> reasons;  ///< of what is rebuilt
  std::vector<std::string> followed;             ///< links that were walked

  /// `label` names the tree in what was followed; empty: nothing has to.
  void add(const TreeCount&, const std::string& label = "");
  void add(const Accounting&);
};

/// What a dump says of a domain besides its state.
struct DumpReport {
  DumpCounts counts;
  std::vector<std::string> remarks;  ///< what a person should know
  std::vector<std::string> notes;    ///< what is carried from elsewhere
  std::vector<LeftOut> left_out;     ///< what the file has not
  bool is_frozen = false;            ///< Condition::is_frozen
  bool has_changed = false;          ///< the source changed while it was read
};
struct DomainDump : DumpReport {
  std::string text;
  Handle lock;  ///< of the archives' directory, until the text is where it belongs
};

struct DumpChoice {
  std::string mail;  ///< archives are written below it; empty: mail is only counted
  bool clear_passwords = false;
  Selection selection = {};
};
[[nodiscard]] Result<DomainDump> dump_domain(Session&, const DomainName&, const DumpChoice&);

/// A domain that can be taken for what its owner wants. Fails with `not_found` if there is none,
/// with `invalid` if its directory or its accounts are not there (why_not_a_source).
[[nodiscard]] Result<Observation> inspect_source(Session&, const DomainName&, const Selection&);

/// The state as it is dumped unless clear-text passwords were asked for.
[[nodiscard]] State without_clear_passwords(State);
/// Remarks, defects, and the clear-text passwords that are not dumped.
[[nodiscard]] DumpReport report_of(const Observation&, bool clear_passwords);
/// What a walk could not take along, of a mailbox, a list, or the domain's files.
void leave_out(std::vector<LeftOut>&, const std::string& address, const TreeCount&);
/// For a person, on standard error, each line with the domain's name.
void tell(const Console&, const DomainName&, const DumpReport&, bool is_frozen_by_us);
/// The same without the counts of a file that is not written.
void tell_source(const Console&, const DomainName&, const DumpReport&, bool is_frozen_by_us);

/// All of a domain into `file` as one stream (archive/stream.h), but for what `have` has.
[[nodiscard]] Result<DumpReport> dump_stream(Session&, const DomainName&, int file, Have& have,
                                             const DumpChoice&);

}  // namespace vstate::cli
