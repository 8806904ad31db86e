/// \file
/// Whether mail for a domain would arrive, and whether the domain's owner could work: everything
/// that qmail-smtpd, qmail-send, qmail-lspawn, qmail-local, vdelivermail, and vpopmail's programs
/// must be able to read, write, or run, looked at as who they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inspect/inspect.h"

namespace vstate {

struct LiveCheck {
  /// One line each, which names the domain or an address of it: "ADDRESS: what is wrong". What is
  /// wrong alike with many addresses is one line.
  std::vector<std::string> problems;
  std::uint64_t addresses = 0;  ///< that were followed
};

/// `wanted` is what the domain shall be, `found` what inspection saw of it. Each mailbox, alias,
/// robot, list, and list address of `wanted` is followed, by each name of the domain, and an
/// address that nobody has. A mailbox must be reached at its home, unless an alias of the same name
/// comes first; where `wanted` closes an account, that is no problem. A forward is right when it is
/// sent: what bounces behind it is no fault of this domain's, what defers is. A domain that is not
/// on this server at all is one line. Takes no lock and changes nothing.
[[nodiscard]] Result<LiveCheck> check_live(const Files&, const Server&, const AccountStore&,
                                           const State& wanted, const Observation& found);

}  // namespace vstate
