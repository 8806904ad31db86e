/// \file
/// Files of delivery lines: .qmail, .qmail-EXT, .qmail-default (dot-qmail(5)).
#pragma once

#include <optional>
#include <string>

#include "domain/inspection.h"

namespace vstate {

/// The lines of a file that was listed, which the State then expresses; nullopt if it is gone, or
/// larger than any delivery file.
Result<std::optional<DeliveryLines>> read_lines(Inspection&, const std::string& path);
/// The file of delivery lines that a name in the domain's directory leads to. nullopt if it leads
/// to none, which is named if it is a link.
Result<std::optional<FileInfo>> delivery_file(Inspection&, const DirEntry&,
                                              const std::string& path);

}  // namespace vstate
