/// \file
/// Aliases: .qmail-NAME files, or rows of `valias` where the back-end has them and they do the same
/// (vdelivermail.c), and the domain's .qmail-default.
#pragma once

#include <string>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Reads .qmail-default; a domain without one receives no mail, which is remarked.
Status read_default(Inspection&);
/// Reads the .qmail-NAME files that no list has claimed.
Status read_aliases(Inspection&);
/// Reads the rows that take effect; the others are remarked.
Status read_alias_rows(Inspection&);

/// Fails with `conflict` if somebody else changed the alias since the plan was made.
Status change_alias(Site&, const Change<Alias>&);
/// Puts an alias where it stands now, a new one where the store wants it: rows or a file.
Status write_alias(Site&, const std::string& name, const DeliveryLines&, unsigned mode);
Status remove_alias(Site&, const std::string& name);
Status write_default(Site&, const Change<DeliveryLines>&);

}  // namespace vstate
