/// \file
/// What an ssh says on standard error, as a person may be shown it.
#pragma once

#include <string>
#include <string_view>
#include <thread>

#include "sys/handle.h"

namespace vstate::remote {

/// What another machine has ssh say comes through as it is, and would steer the terminal. Lines
/// stay lines; all else that is not seen is made visible. A question without a line's end is given
/// at once.
class HeardText {
 public:
  [[nodiscard]] std::string take(std::string_view part);
  /// What was kept back, since its rest did not come.
  [[nodiscard]] std::string rest();

 private:
  std::string kept_;
};

/// Passes what comes through a pipe on to standard error, by a thread of its own.
class ErrorRelay {
 public:
  explicit ErrorRelay(Handle pipe);
  /// Ends when all that was said until now is passed on: others may hold the pipe open.
  ~ErrorRelay();
  ErrorRelay(const ErrorRelay&) = delete;
  ErrorRelay& operator=(const ErrorRelay&) = delete;
  /// False: there is no thread for it.
  [[nodiscard]] bool is_running() const { return thread_.joinable(); }

 private:
  void run() const;
  Handle pipe_, end_;
  std::thread thread_;
};

}  // namespace vstate::remote
