/// \file
/// A program of this machine that is copied to another one, used there, and removed.
#pragma once

#include <string>

#include "remote/ssh/place.h"
#include "sys/process/end_watcher.h"
#include "vstate/base/result.h"

namespace vstate::remote {

class PushedProgram {
 public:
  /// Copies `file` into a directory of its own there, which its account alone may enter, where
  /// programs may run: below its home, /var/tmp, or /tmp. Runs it once, with --version. Fails with
  /// `unsupported` for an account that may run nothing. Forks: call it before there are threads.
  [[nodiscard]] static Result<PushedProgram> push(const Connecting&, const std::string& host,
                                                  const std::string& file);

  /// A word for a shell there.
  [[nodiscard]] const std::string& command() const { return command_; }
  /// Removes it, as the destructor does, and as an EndWatcher does after a kill, where ssh asks
  /// nobody for a password.
  Status remove();

 private:
  PushedProgram() = default;

  std::string host_, name_, command_;
  EndWatcher watcher_;
};

}  // namespace vstate::remote
