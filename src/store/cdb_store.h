/// \file
/// The back-end without a database.
#pragma once

#include <memory>

#include "store/account_store.h"

namespace vstate {

/// What Server::backend calls it.
inline constexpr const char* k_cdb = "cdb";

/// vpasswd and vpasswd.cdb below the domain's directory (vcdb.c).
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_cdb_store(System&, const Server&);

}  // namespace vstate
