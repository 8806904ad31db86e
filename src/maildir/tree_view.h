/// \file
/// A directory that a walk sees otherwise than it lies on the disk, such as mboxes as a Maildir.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate {

/// One walk at a time.
class TreeView {
 public:
  virtual ~TreeView() = default;
  /// The directory that is walked. What it gives is open as long as it is.
  [[nodiscard]] virtual Result<std::shared_ptr<const Directory>> open(const Files&) = 0;
  /// "PATH: what": what of what the last walk saw cannot be shown.
  [[nodiscard]] virtual std::vector<std::string> lost() const = 0;
  /// Whether what the last walk read has changed since.
  [[nodiscard]] virtual bool has_changed(const Files&) const = 0;
};

}  // namespace vstate
