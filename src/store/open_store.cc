#include "vstate/store/account_store.h"

namespace vstate {

Result<std::unique_ptr<AccountStore>> open_store(System& system, const Server& server) {
  return make_cdb_store(system, server);
}

}  // namespace vstate
