/// \file
/// ezmlm lists: a directory with subscribers and settings, and the dot-qmail links that make it
/// answer. The buckets are those of ezmlm-idx (format/subscribers.h).
#pragma once

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Finds the lists of the domain: in a directory of their name, or wherever their dot-qmail links
/// lead.
Status find_lists(Inspection&);
/// Reads those that were found.
Status read_lists(Inspection&);
/// Writes the directory first, then its subscribers under ezmlm's lock, and last the links that
/// make it answer; removes in reverse. Only the plan's own differences are made to the subscribers.
Status write_list(Site&, const Change<List>&);
/// Makes the locks of a list whose directory is there: one that a run has made before a loss of
/// power may be whole but for them, and then nothing of it is to be changed.
Status make_list_locks(Site&, const std::string& name, const List&);

}  // namespace vstate
