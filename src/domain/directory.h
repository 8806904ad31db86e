/// \file
/// Where a domain lives, and which names qmail knows it by.
#pragma once

#include <string>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Finds the domain's directory and owner: in users/assign, or a directory that a stopped apply
/// has made. Fails with `invalid` for a name that is not a domain of vpopmail's.
Status find_directory(Inspection&);
/// Reads the places of qmail that have the domain's names.
Status read_publication(Inspection&);
/// Lists the directory, and sees whose it is and where links from it may lead.
Status look_at_directory(Inspection&);
/// Claims the files that the back-end keeps in the directory.
Status claim_housekeeping(Inspection&);

/// Where vpopmail would make a new domain's directory at this moment, and whether the domains'
/// counter takes part.
struct NewDirectory {
  std::string path;
  bool is_hashed = false;
};
[[nodiscard]] Result<NewDirectory> preview_directory(const AccountStore&, const Server&,
                                                     const DomainName&);
/// Makes it, and counts it where vpopmail counts. A stop in between is finished by the next run.
Status create_domain(Site&, const CreateDomain&);
/// Puts right what inspection found broken.
Status repair(Site&, const Repair&);

}  // namespace vstate
