/// \file
/// One maker for each back-end; which of them are compiled in, CMake decides.
#pragma once

#include <memory>

#include "vstate/store/account_store.h"

namespace vstate {

/// vpasswd and vpasswd.cdb below the domain's directory (vcdb.c).
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_cdb_store(System&, const Server&);

}  // namespace vstate
