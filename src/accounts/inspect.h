/// \file
/// The accounts of a machine without vpopmail, looked at as if they were a domain of it.
#pragma once

#include "accounts/people.h"
#include "domain/observation.h"
#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/names.h"
#include "vstate/model/selection.h"

namespace vstate {

/// Which people of the machine are the domain.
struct SystemAccounts {
  Choice choice;
  std::string qmail_dir = "/var/qmail";  ///< where aliases may be
};

/// Each person is a mailbox, with the hash of their password and their mail (mail_places.h); each
/// ~/.qmail-EXT, line of etc/aliases and file of qmail/alias is an alias. The domain's name is the
/// administrator's word. Fails with `invalid` if nobody is chosen.
///
/// A locked account is a mailbox that cannot log in. A mailbox postmaster is added where there is
/// none, as vpopmail has one in each domain; it cannot log in either. What cannot be said in
/// vpopmail is in State::left_out.
[[nodiscard]] Result<Observation> inspect_accounts(const Files&, const SystemAccounts&,
                                                   const DomainName&, const Selection&);

}  // namespace vstate
