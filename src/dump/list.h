/// \file
/// The domains of a server, with what is in them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/session.h"
#include "vstate/model/selection.h"

namespace vstate::engine {

struct DomainCounts {
  DomainName name;
  std::vector<DomainName> alias_domains = {};
  std::uint64_t mailboxes = 0, aliases = 0, autoresponders = 0, lists = 0;
  /// Of the mailboxes, with what their archives would have besides: indexes of an IMAP server.
  std::uint64_t messages = 0, bytes = 0;
  std::vector<std::string> mentions = {};  ///< where else in control it stands (qmail/mentions.h)
  /// Why it could not be looked at, or not at all of it; the counts are of what was seen.
  std::optional<Error> failure = {};
};

/// A domain that qmail knows, and that is not vpopmail's.
struct ForeignDomain {
  std::string name, of, directory;
};

struct DomainList {
  std::vector<DomainCounts> domains;  ///< sorted by name
  std::vector<ForeignDomain> foreign;
};

/// `on_domain` is told which one is looked at next. Fails with `invalid` for a pattern over domains
/// that matches none, and with what would fail for each domain alike.
[[nodiscard]] Result<DomainList> list_domains(
    Session&, const DomainSelection&, const std::function<void(const DomainName&)>& on_domain);

/// The domains of vpopmail's own that the selection takes, sorted by name; `where` tells people
/// what they are of. Fails with `invalid` for a pattern that matches none.
[[nodiscard]] Result<std::vector<DomainName>> selected_domains(const QmailFiles&,
                                                               const DomainSelection&,
                                                               const std::string& where);
[[nodiscard]] std::vector<ForeignDomain> foreign_domains(const QmailFiles&);

}  // namespace vstate::engine
