/// \file
/// The locks that programs of its time take on an mbox of this machine: FILE.lock beside it
/// (delivery agents, mail(1), c-client), fcntl (Dovecot, mutt) and flock (qmail-local).
#pragma once

#include <chrono>
#include <csignal>
#include <string>

#include "sys/files.h"
#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate::mbox {

class Lock {
 public:
  /// None is taken: of a file of another machine nothing can be locked.
  Lock() = default;
  /// Locks `file`, which was opened as `name` in `directory`. Waits; fails with `busy` after
  /// `patience`. FILE.lock is made where that is allowed; one that is there already is respected
  /// unless it has not changed for five minutes, as other programs do. Locks of a file system that
  /// has none are done without.
  ///
  /// While it is held no signal ends the thread, so that no FILE.lock is left behind.
  [[nodiscard]] static Result<Lock> take(const Directory& directory, const std::string& name,
                                         const OpenFile& file,
                                         std::chrono::milliseconds patience = k_patience);
  ~Lock() { release(); }
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&&) = delete;
  static constexpr std::chrono::milliseconds k_patience{30'000};

 private:
  enum class Outcome { taken, busy };
  [[nodiscard]] Outcome try_all(int file);
  [[nodiscard]] Outcome try_dot_lock();
  void release();

  int directory_ = -1;  ///< borrowed
  std::string dot_name_;
  bool has_dot_lock_ = false;
  bool are_signals_held_ = false;
  sigset_t before_{};
  Handle file_;  ///< with its lock; another description of the file than the reader's
};

}  // namespace vstate::mbox
