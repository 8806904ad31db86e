/// \file
/// Where SQLite finds a file of a server: SQLite opens files of this machine alone.
#pragma once

#include <memory>
#include <string>

#include "sys/files.h"
#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate::sqlite {

struct Place {
  Handle directory;  ///< that the file is in
  /// Holds a copy of another machine's file, in a directory of its own, which goes with it.
  std::shared_ptr<const void> copy;
};

/// Copies the file, and what SQLite has beside it, if the server is on another machine. `busy` if
/// it is written to all the time.
[[nodiscard]] Result<Place> find_place(const Files&, const std::string& path);

}  // namespace vstate::sqlite
