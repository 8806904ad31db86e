/// \file
/// Changes of a server's settings, a file at a time.
#pragma once

#include <string>
#include <vector>

#include "sys/system.h"
#include "vstate/model/server.h"
#include "vstate/plan/server_plan.h"

namespace vstate {

/// Changes the settings of one file. Takes the lock of vpopmail's tools for the files that have one
/// (rcpthosts, morercpthosts, virtualdomains, locals), reads the file under it, and fails with
/// `conflict` if a key is not as the plan saw it, nor as it shall be. A file that is made belongs
/// to the owner of its directory, mode 0644.
Status write_settings(System&, const Server&, const std::string& file,
                      const std::vector<SettingChange>&,
                      const std::vector<std::string>& rule_order);

}  // namespace vstate
