/// \file
/// Messages of one folder that have one unique name between them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "maildir/listing.h"
#include "sys/files.h"

namespace vstate::mail {

/// The names that files have, by the paths in the folder ("cur/NAME") that they are visited under.
using OriginalNames = std::map<std::string, std::string, std::less<>>;

/// Gives each message whose unique name another one of the folder has a name of its own, made of
/// its content: which of them is which does not depend on their order, their flags, or on whether
/// all of them are still there at the next pass. `new_mail` and `read_mail` are the listings of
/// `new` and `cur`. Returns the errors of files that could not be read.
[[nodiscard]] std::vector<Error> name_apart(const Directory& folder, Listing* new_mail,
                                            Listing* read_mail, OriginalNames&);

}  // namespace vstate::mail
