/// \file
/// A server -> the actual state of one domain. The same inspection reads both servers; it changes
/// nothing and takes no lock, so it may run beside everything else.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/observation.h"
#include "qmail/qmail_files.h"
#include "store/account_store.h"
#include "sys/files.h"
#include "vstate/model/selection.h"

namespace vstate {

/// What the files of a server know the inspection of a domain by (FarSide::begin).
[[nodiscard]] std::string task_of(const DomainName&);

/// Everything of a domain but the contents of Maildirs and list archives. One record that cannot be
/// read as what it should be holds up no other: what it costs stands in State::left_out or in the
/// remarks. What is there and cannot be read at all is an error: a smaller state would be a lie.
/// What is excluded is not looked at. `begun` is the task of this look where the caller began it.
[[nodiscard]] Result<Observation> inspect_domain(Files&, const Server&, const AccountStore&,
                                                 const QmailFiles&, const DomainName&,
                                                 const Selection& = {},
                                                 std::shared_ptr<const void> begun = {});

/// The domains of vpopmail's on a server, in the order of users/assign.
[[nodiscard]] std::vector<DomainName> real_domains(const QmailFiles&);

/// The names of a file, its domain and alias domains, that users/assign gives to another domain:
/// name -> real domain.
[[nodiscard]] std::map<std::string, std::string> foreign_names(const QmailFiles&, const State&);

}  // namespace vstate
