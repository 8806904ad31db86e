/// \file
/// An SFTP server behind the pipes of an ssh: bytes there and back, what ssh says besides, and why
/// it ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "remote/ssh/child.h"
#include "remote/ssh/place.h"
#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate::remote {

/// One thread at a time uses it, but for `wake` and `cut`.
class SshPipe {
 public:
  /// `way` is one of ways_to_sftp.
  SshPipe(const Connecting& connecting, std::string host, std::size_t way);

  Status start();
  /// The same with what runs already.
  void start(Child child);
  /// Sends `more`, moves what can be moved, and waits until anything can. Fails when the other side
  /// has ended, is silent for too long, or was cut off.
  Status exchange(const std::string& more);
  /// Ends a wait in `exchange`.
  void wake() const;
  /// From now on `exchange` fails.
  void cut();

  /// What came and was not taken yet.
  [[nodiscard]] std::string& received() { return received_; }
  /// What ssh has said, of which the last part is kept.
  [[nodiscard]] const std::string& said() const { return said_; }
  /// Shows it, and from now on at once. Questions of ssh's own go to the terminal, and past this.
  void let_hear();
  [[nodiscard]] bool is_heard() const { return is_heard_; }
  /// ssh is ended by a signal, and not by the end of its input.
  void end_by_signal() { child_->ends_by_signal = true; }
  /// Of a shell that printed something in front of the first packet.
  [[nodiscard]] Error why_no_packet();

  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] const Connecting& connecting() const { return connecting_; }
  [[nodiscard]] std::size_t way() const { return way_; }
  /// There was an answer, so that an end is a cut.
  void set_begun() { has_begun_ = true; }

 private:
  Status receive();
  void hear_errors();
  void send();
  [[nodiscard]] Error why_ended();
  [[nodiscard]] Error why_silent() const;

  std::optional<Child> child_;
  Connecting connecting_;
  std::string host_;
  std::size_t way_;
  std::string sending_, received_, said_;
  HeardText shown_;        ///< of what it says, for a person
  bool is_heard_ = false;  ///< what ssh says is passed on
  bool has_begun_ = false;
  Handle wakes_;  ///< what `exchange` waits for besides
  std::atomic<bool> is_cut_ = false;
};

}  // namespace vstate::remote
