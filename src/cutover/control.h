/// \file
/// A control file that is being changed: read and replaced under the lock of vpopmail's tools.
#pragma once

#include <optional>
#include <string>

#include "cutover/relay_lines.h"
#include "sys/system.h"
#include "vstate/model/server.h"

namespace vstate::cutover {

/// The bytes of a control file, as whoever only looks reads them; nullopt: it is not there.
[[nodiscard]] Result<std::optional<std::string>> read_control(const Files&, const Server&,
                                                              ControlName);

/// Removes a file that stays gone after a loss of power, where the machine is this one.
Status remove_for_good(System&, const std::string& path);

class LockedControl {
 public:
  /// Takes `control/NAME.lock`. On another machine no lock can be had: there, `replace` looks once
  /// more whether the file is as it was read.
  [[nodiscard]] static Result<LockedControl> open(System&, const Server&, ControlName);
  [[nodiscard]] const std::optional<std::string>& bytes() const { return bytes_; }
  /// nullopt removes it. Owner and mode stay as they are; a link to a file stays one. Fails with
  /// `conflict` if somebody changed it meanwhile.
  Status replace(const std::optional<std::string>& bytes);

 private:
  LockedControl(System& system, std::string path, FileLock lock)
      : system_(&system), path_(std::move(path)), lock_(std::move(lock)) {}
  [[nodiscard]] Result<Ownership> ownership() const;

  System* system_;
  std::string path_;  ///< without links
  FileLock lock_;
  std::optional<std::string> bytes_;
};

}  // namespace vstate::cutover
