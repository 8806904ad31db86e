// A mailbox of the domain file becomes an account here for all back-ends, so that none of them
// knows templates or the file's way to say a quota.

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
  // A text that does not expand is kept as it stands; reading the file has reported it.
  account.gecos = expand_pathless(mailbox.gecos).value_or(mailbox.gecos);
  account.quota = to_vpopmail(mailbox.quota);
  account.home = std::move(home);
  return account;
}

}  // namespace vstate
