/// \file
/// What a name needs in qmail's files, and in the store's list of alias domains, for mail to come,
/// in the order that never lets qmail accept what it would bounce: users/assign and its cdb,
/// virtualdomains, locals, HUP, and rcpthosts last. Each step is done for all domains before the
/// next, since it rewrites files that grow with the domains of the server. What is there is read by
/// qmail_files.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "format/assign.h"
#include "qmail/control_editor.h"
#include "store/account_store.h"
#include "sys/system.h"
#include "vstate/model/server.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Takes the locks of vpopmail's own tools (`users/assign.lock`, `control/NAME.lock`), one at a
/// time.
class Publisher {
 public:
  Publisher(System& system, const Server& server, AccountStore& store)
      : system_(system), server_(server), store_(store), control_(system, server.qmail_dir) {}

  struct Name {
    const Publish* publish;
    DomainLocation domain;
  };
  using Names = std::vector<Name>;
  /// Names of any number of domains, rcpthosts last.
  Status publish(const Names&);
  /// An alias domain, in reverse.
  Status unpublish(const DomainLocation&, const std::string& name);
  /// Makes users/cdb say what users/assign says.
  Status rebuild_assign_cdb() {
    return edit_assign([](AssignFile&) {});
  }
  /// What a person should know of it; empty: nothing.
  [[nodiscard]] const std::string& remark() const { return remark_; }

 private:
  Status publish_assign(const Names&);
  Status publish_store(const Names&);
  Status publish_control(const Names&);
  Status publish_rcpthosts(const Names&);
  Result<bool> is_in_control(const std::string& file, const std::string& name);
  /// Changes users/assign and makes users/cdb say the same, both under vpopmail's lock.
  Status edit_assign(const std::function<void(AssignFile&)>& edit);
  Status write_assign_cdb(const AssignFile&);
  Status tell_qmail_send();

  System& system_;
  const Server& server_;
  AccountStore& store_;
  ControlEditor control_;
  std::string remark_;
};

}  // namespace vstate
