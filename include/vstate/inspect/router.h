/// \file
/// How this server would deliver an address, from SMTP to the mailbox, read from the files that the
/// programs themselves read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vstate/format/cdb.h"
#include "vstate/format/control.h"
#include "vstate/model/server.h"
#include "vstate/store/account_store.h"
#include "vstate/sys/system.h"

namespace vstate {

struct Route {
  std::vector<std::string> steps;  ///< one line a decision, with the file that made it
  std::string problem;             ///< why it does not arrive; empty if it does
  std::string destination;         ///< the home that a mailbox's mail goes to; empty for others
};

/// Loads qmail's files once; each look-up then follows qmail-smtpd, qmail-send, qmail-lspawn,
/// qmail-local and vdelivermail.
class Router {
 public:
  [[nodiscard]] static Result<Router> load(const System&, const Server&, AccountStore&);
  [[nodiscard]] Route trace(std::string_view address);

 private:
  Router(const System& system, const Server& server, AccountStore& store)
      : system_(system), server_(server), store_(store) {}
  [[nodiscard]] bool is_accepted(const std::string& host) const;
  void trace_local(const std::string& local, const std::string& extension, const std::string& host,
                   Route&);
  void trace_dot_qmail(const DomainLocation&, const std::string& extension, Route&);
  void trace_mailbox(const DomainLocation&, const std::string& name, Route&);
  /// What vdelivermail asks, by the domain's directory.
  struct Accounts {
    std::map<std::string, Account> index;
    AliasRows rows;
  };
  [[nodiscard]] Result<const Accounts*> accounts_of(const DomainLocation&);

  const System& system_;
  const Server& server_;
  AccountStore& store_;
  std::string assign_cdb_;
  ControlFile virtualdomains_;
  std::vector<std::string> locals_, rcpthosts_;
  bool has_rcpthosts_ = false;
  std::string morercpthosts_cdb_;
  std::map<std::string, Accounts> accounts_;
};

}  // namespace vstate
