/// \file
/// What the programs on the way of a message have read when they start: qmail's control files, and
/// how vpopmail was built. One set serves all addresses of a run.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/assign_lookup.h"
#include "format/control.h"
#include "qmail/router.h"
#include "store/account_store.h"
#include "sys/permission.h"
#include "vstate/model/server.h"

namespace vstate {

/// A control file as constmap.c looks things up in it: without regard to case, the last of equal
/// keys in force.
class ControlMap {
 public:
  ControlMap() = default;
  /// Whole lines are the keys, or what is before the first colon; then lines without one do not
  /// count.
  enum class Keys { lines, before_colon };
  ControlMap(std::string_view bytes, Keys);
  /// What is behind the colon.
  [[nodiscard]] const std::string* find(std::string_view key) const;
  /// The key itself, or the best of its ends that begin with a dot, or the empty key if it is
  /// wanted; nothing is found as nullptr.
  [[nodiscard]] const std::string* find_domain(std::string_view domain, bool with_empty_key) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// The files of control/ that a program reads at its start; the first that it cannot read stops it.
struct ControlFiles {
  std::map<std::string, std::string, std::less<>> texts;  ///< by name, of those that are there
  std::string obstacle;                                   ///< why the program cannot work at all
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// The first line of a file, or of control/me, or the name of the file (control.c:control_rldef).
  [[nodiscard]] std::string line_or_me(std::string_view name) const;
};

/// vpasswd.cdb or its like, by the domain's directory.
struct DomainAccounts {
  std::map<std::string, Account> index;
  AliasRows rows;
  std::string obstacle;  ///< why they cannot be read
};

class RouteTables {
 public:
  RouteTables(const Files& s, const Server& v, const AccountStore& a)
      : system(s), server(v), store(a), walker(s) {}
  Status load();

  [[nodiscard]] std::string control(std::string_view name) const;
  /// What vauth_getpw and valias_select answer; read once.
  const DomainAccounts& accounts_of(const DomainLocation&);
  /// The same from the text that the index is made of, where vdelivermail makes it anew.
  const DomainAccounts& listed_accounts_of(const DomainLocation&);
  /// An account of etc/passwd by its lower-case name.
  Result<std::optional<SystemAccount>> system_account(const std::string& name) {
    return system.account(name);
  }

  const Files& system;
  const Server server;
  const AccountStore& store;
  PathWalker walker;
  ControlFiles smtpd_files, send_files, inject_files;
  ControlMap rcpthosts, percenthack, locals, virtualdomains, smtproutes;
  std::optional<std::string> morercpthosts_cdb;
  std::optional<std::string> assign_cdb;  ///< users/cdb; nothing: not there

 private:
  Result<ControlFiles> read_control(const Actor&, const std::vector<std::string_view>& names);

  std::map<std::string, DomainAccounts> accounts_, listed_;
};

}  // namespace vstate
