/// \file
/// What waits in qmail's queue for some domains (qmail-send.c, INTERNALS of qmail).
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "sys/files.h"
#include "vstate/model/server.h"

namespace vstate {

/// Messages by where their recipients at these domains are to go. One with several counts in each.
struct QueueCount {
  std::uint64_t here = 0;         ///< to be delivered on this server: it was taken in before
  std::uint64_t elsewhere = 0;    ///< to be sent to another host
  std::uint64_t unprocessed = 0;  ///< qmail-send has not looked at them yet
  [[nodiscard]] bool is_empty() const { return here + elsewhere + unprocessed == 0; }
};

/// Counts messages with recipients that are not done, at hosts in lower case. Messages come and go
/// meanwhile; one that is gone is not counted. Fails if the queue may not be read, with `not_found`
/// if there is none.
[[nodiscard]] Result<QueueCount> count_queue(const Files&, const Server&,
                                             const std::set<std::string>& hosts);

}  // namespace vstate
