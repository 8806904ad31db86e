/// \file
/// Autoresponders as qmailadmin lays them out: an alias that runs autorespond on a message in a
/// directory called like the robot in upper case.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// The robot that an alias with these lines is; nullopt if it is laid out in any other way.
Result<std::optional<Autoresponder>> as_autoresponder(Inspection&, const std::string& local,
                                                      const DeliveryLines&);
/// Writes the message before the line that runs the program on it; removes in reverse.
Status write_robot(Site&, const Change<Autoresponder>&);

/// autorespond names its per-sender counters "A<pid>.<time>".
[[nodiscard]] bool is_autorespond_counter(std::string_view name);

}  // namespace vstate
