/// \file
/// Mailboxes: what an account and its home hold but mail. Accounts are committed as a batch
/// (accounts.h).
#pragma once

#include <string>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Reads all accounts that have a place, and what stands in their homes.
Status read_mailboxes(Inspection&);
/// Writes the vacation and the .qmail of a mailbox whose account is there.
Status write_mailbox(Site&, const Change<Mailbox>&);
/// Counts the mail of a mailbox anew for its quota (maildirsize).
Status count_mailbox(Site&, const std::string& name);

}  // namespace vstate
