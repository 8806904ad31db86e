/// \file
/// A State as other mail servers' files: for those who leave vpopmail. Pure text; what a format
/// cannot say stands in it as a comment.
#pragma once

#include <map>
#include <string>

#include "model/account_tables.h"
#include "vstate/model/state.h"

namespace vstate::exports {

/// File name -> text. Texts of several domains under one name stand one after the other.
using Files = std::map<std::string, std::string>;

struct Input {
  const State& state;
  std::map<std::string, std::string> homes;  ///< by mailbox name
  Owner owner;                               ///< of the mail
};

/// "users", Dovecot's passwd-file: an account for each mailbox, under the name of the domain and of
/// each alias domain, with home, owner and quota. Accounts that are closed to a service, by
/// themselves or by the domain's limits, or have no password, say so in a comment.
[[nodiscard]] Files dovecot_users(const Input&);

enum class DovecotVersion { v23, v24 };
/// passdb and userdb by the tables that vpopmail itself reads, with the names of Dovecot 2.3's or
/// 2.4's settings: a login is refused where vchkpw refuses it, by the account's flags or by the
/// domain's limits. Limits that are in files stand in it as they are now. Holds the database's
/// password.
[[nodiscard]] Files dovecot_sql(const AccountTables&, DovecotVersion);

/// Postfix's virtual_mailbox_domains, virtual_mailbox_maps and virtual_alias_maps, and the same as
/// rows of postfixadmin's tables (MySQL's quoting).
[[nodiscard]] Files postfix(const Input&);

/// "DOMAIN.ldif": an inetOrgPerson for each mailbox below ou=DOMAIN.
[[nodiscard]] Files ldif(const Input&);

/// "accounts.csv" (RFC 4180): address, hash, name, quota, what is denied, and where mail goes. The
/// first line, which names the columns, is csv_header().
[[nodiscard]] Files csv(const Input&);
[[nodiscard]] std::string csv_header();

}  // namespace vstate::exports
