/// \file
/// What no other thing of a domain reads: plain files, links, directories, and mail that no account
/// owns. What is too large for the file goes into an archive.
#pragma once

#include <string>
#include <vector>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Reads what is left in the domain's directory.
Status read_rest(Inspection&);
/// Turns what is below START/RELATIVE and unclaimed into Files, or leaves it to the archive of
/// `source`. `prefix` is what the Files' paths begin with. Returns whether the archive has to hold
/// something of it.
Result<bool> read_entries(Inspection&, const std::string& start, const std::string& relative_path,
                          const std::string& prefix, const std::vector<DirEntry>& entries,
                          ArchiveSource& source);
Status write_file(Site&, const Change<File>&);

}  // namespace vstate
