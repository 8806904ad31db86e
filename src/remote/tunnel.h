/// \file
/// Connections to services of another machine, through ssh.
#pragma once

#include <string>
#include <vector>

#include "remote/place.h"
#include "sys/far_side.h"
#include "vstate/base/result.h"

namespace vstate::remote {

/// Where ssh can forward a connection to, as the other machine names it.
struct Target {
  std::string address;  ///< "HOST:PORT", or a socket's path
  std::string local;    ///< the name of the socket here
};

/// Starts an ssh that forwards connections, and waits until it listens. Ends with `kept`. Fails
/// with `unsupported` where --rsh is no ssh.
[[nodiscard]] Result<Forwarded> open_tunnel(const Connecting&, const std::string& host,
                                            const std::vector<Target>& targets);

}  // namespace vstate::remote
