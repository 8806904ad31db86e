/// \file
/// The records that qmail-newmrh makes of control/morercpthosts.
#pragma once

#include "format/cdb.h"
#include "format/control.h"

namespace vstate {

/// The entries of the file in lower case as keys, each with empty data, in the order of the file.
[[nodiscard]] cdb::Records morercpthosts_records(const ControlFile& morercpthosts);

}  // namespace vstate
