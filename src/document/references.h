/// \file
/// What the parts of a file say of each other, and of the domain's directory: mailboxes that are
/// named exist, and no two parts are one file.
#pragma once

#include <string>

#include "vstate/base/diagnostics.h"
#include "vstate/document/document.h"
#include "vstate/model/state.h"

namespace vstate::document {

/// Why a [[file]] cannot have this path; empty if it can.
[[nodiscard]] std::string path_problem(const std::string& path);

/// Reports mailboxes that are named and missing, and entries that would be the same file.
void check_references(const State&, const std::string& file, const Places&, Diagnostics&);

}  // namespace vstate::document
