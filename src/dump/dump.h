/// \file
/// The dump of one domain: into text and archives, or as one stream.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/stream.h"
#include "engine/lanes.h"
#include "engine/session.h"
#include "inspect/inspect.h"
#include "sys/handle.h"
#include "vstate/document/secrets.h"
#include "vstate/model/rename.h"
#include "vstate/model/selection.h"

namespace vstate::engine {

/// How many entries below the domain's directory went where (law 3).
struct DumpCounts {
  std::uint64_t expressed = 0, archived = 0, rebuilt = 0, not_dumped = 0;
  std::map<std::string, std::uint64_t> reasons;  ///< of what is rebuilt
  std::vector<std::string> followed;             ///< links that were walked

  /// `label` names the tree in what was followed.
  void add(const TreeCount&, const std::string& label);
  void add(const Accounting&);
};

/// What a dump says of a domain besides its state.
struct DumpReport {
  DumpCounts counts;
  std::vector<std::string> remarks;  ///< what a person should know
  std::vector<std::string> notes;    ///< what is carried from elsewhere
  std::vector<LeftOut> left_out;     ///< what the file does not have
  bool is_frozen = false;            ///< Condition::is_frozen
  bool has_changed = false;          ///< whether the source changed while it was read
  bool is_frozen_by_us = false;
  std::optional<Error> still_frozen = {};  ///< why deliveries are held off still
};
struct DomainDump : DumpReport {
  std::string text;
  std::string secrets;  ///< what is not in the text, with DumpOptions::splits_secrets
  Handle lock;          ///< of the archives' directory, until the text is where it belongs
};

enum class ClearPasswords { leave_out, take };

struct DumpOptions {
  std::string mail = {};  ///< archives are written below it; empty: mail is only counted
  ClearPasswords clear_passwords = ClearPasswords::leave_out;
  Freeze freeze = Freeze::no;  ///< whether deliveries are held off meanwhile
  Selection selection = {};
  Renaming renaming = {};
  bool splits_secrets = false;  ///< into a text of their own
};

/// Only one dump of a domain at a time may write below a directory of archives: `busy`.
[[nodiscard]] Result<DomainDump> dump_domain(Session&, const DomainName&, const DumpOptions&);

/// Dumps of several domains, up to `jobs` at a time (lanes_for), which are taken in their order.
/// All that is handed over must outlive it.
[[nodiscard]] std::unique_ptr<InOrder<Result<DomainDump>>> dump_domains(
    Session&, const DumpOptions&, const std::vector<DomainName>&, unsigned jobs);

/// Writes all of a domain into `file` as one stream (archive/stream.h), but for what `have` has.
[[nodiscard]] Result<DumpReport> dump_stream(Session&, const DomainName&, int file, Have& have,
                                             const DumpOptions&);

/// Inspects a domain that can be taken for what its owner wants, and gives it its other name; what
/// names the old one still is in the remarks. Fails with `not_found` if there is
/// none, with `invalid` if its directory is missing or empty, or if it has no account at all.
[[nodiscard]] Result<Observation> inspect_source(Session&, const DomainName&, const Selection&,
                                                 const Renaming& = {});

/// Why a domain that qmail knows cannot be taken for what its owner wants; empty if it can be. An
/// unmounted disk looks like that.
[[nodiscard]] std::string why_not_a_source(const Observation&);

/// The domain file of a state, with the clear-text passwords that were asked for.
[[nodiscard]] std::string document_of(State, ClearPasswords);
/// The same without its secrets, and those.
[[nodiscard]] document::SplitText split_document_of(State, ClearPasswords);
/// Remarks, defects, and a count of the clear-text passwords that are not dumped.
[[nodiscard]] DumpReport report_of(const Observation&, ClearPasswords);
/// Lets deliveries go on, and reports how that went.
void end_freeze(DeliveryFreeze*, DumpReport&);
/// The boxes of a domain whose contents travel, in the order of all ways.
struct BoxSource {
  Box box;
  const ArchiveSource* source;  ///< in the observation
};
[[nodiscard]] std::vector<BoxSource> boxes_of(const Observation&);
/// Lets the source know which of them are walked next.
void expect_walks(const Files&, const std::vector<BoxSource>&, const Selection&);

/// Adds what a walk of a mailbox, a list, or the domain's files could not take along.
void leave_out(std::vector<LeftOut>&, const std::string& address, const TreeCount&);

}  // namespace vstate::engine
