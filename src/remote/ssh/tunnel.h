/// \file
/// Connections to services of another machine, through ssh.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "remote/ssh/place.h"
#include "sys/far_side.h"
#include "vstate/base/result.h"

namespace vstate::remote {

/// Where ssh can forward a connection to, as the other machine names it.
struct Target {
  std::string address;  ///< "HOST:PORT", or a socket's path
  std::string local;    ///< the name of the socket here
};

/// Ways that are open, so that who asks for the same shares them. Any number of threads may use it.
class Tunnels {
 public:
  using Open = std::function<Result<Forwarded>()>;
  /// `open` is called with others kept waiting, unless a way to `service` is open.
  [[nodiscard]] Result<Forwarded> get(const std::string& service, const Open& open);

 private:
  struct Known {
    std::vector<std::string> sockets;
    std::weak_ptr<const void> kept;
  };
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

/// Starts an ssh that forwards connections, and waits until it listens. Ends with `kept`. Fails
/// with `unsupported` where --rsh is no ssh.
[[nodiscard]] Result<Forwarded> open_tunnel(const Connecting&, const std::string& host,
                                            const std::vector<Target>& targets);

}  // namespace vstate::remote
