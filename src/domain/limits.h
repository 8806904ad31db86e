/// \file
/// The limits of a domain: its mailboxes, quotas and services. Where they are kept is the
/// back-end's to know (store/account_store.h), which also writes them.
#pragma once

#include "domain/inspection.h"

namespace vstate {

/// Reads them; a domain without limits of its own has those of its server, which is remarked.
Status read_limits(Inspection&);

}  // namespace vstate
