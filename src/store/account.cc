#include "store/account_store.h"
#include "vstate/model/template.h"

namespace vstate {

Account to_account(const std::string& name, const Mailbox& mailbox, std::string home) {
  Account account;
  account.name = name;
  account.password = mailbox.password;
  account.clear_password = mailbox.clear_password;
  account.is_apop = mailbox.is_apop;
  account.flags = mailbox.flags;
  account.gecos = expand_pathless(mailbox.gecos).value_or(mailbox.gecos);
  account.quota = to_vpopmail(mailbox.quota);
  account.home = std::move(home);
  return account;
}

}  // namespace vstate
