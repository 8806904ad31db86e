/// \file
/// One log-in to another machine for many commands.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "host/temporary_directory.h"
#include "remote/ssh/child.h"
#include "remote/ssh/place.h"

namespace vstate::remote {

/// An ssh that does nothing but hold its connection open (ControlMaster of ssh_config(5)). Commands
/// that name its socket (Connecting::login) go through it, so that a person is asked once, and the
/// way of the handshake is gone once. Where it does not work any more they log in by themselves.
class SharedLogin {
 public:
  /// Waits until ssh is let in, or gives up. Null where --rsh runs no ssh, or ssh is not let in:
  /// the command that comes next meets the same, and tells it.
  [[nodiscard]] static std::unique_ptr<const SharedLogin> open(const Connecting&,
                                                               const std::string& host);
  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  SharedLogin(std::shared_ptr<const TemporaryDirectory> directory, std::string socket, Child child)
      : directory_(std::move(directory)), socket_(std::move(socket)), child_(std::move(child)) {}

  // Gone in the opposite order: ssh, then where its socket is.
  std::shared_ptr<const TemporaryDirectory> directory_;
  std::string socket_;
  Child child_;
};

}  // namespace vstate::remote
