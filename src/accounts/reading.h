/// \file
/// One look at the accounts of a machine, while it goes on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "accounts/inspect.h"
#include "accounts/mail_places.h"
#include "accounts/said.h"

namespace vstate {

/// A person who becomes a mailbox.
struct Carried {
  Person person;
  FoundMail mail;
};

struct AccountsLook {
  const Files& files;
  const SystemAccounts& accounts;
  DomainName name;
  const Selection& selection;
  Observation out;
  std::map<MailboxName, Carried> carried;
  std::map<std::string, MailboxName> homes;  ///< whose they are, by resolved path
  bool has_qmail = false;

  [[nodiscard]] State& state() { return *out.state; }
  void remark(std::string text) { out.condition.remarks.push_back(std::move(text)); }
  void leave_out(std::string address, std::string why) {
    state().left_out.push_back({std::move(address), std::move(why), 0, 0});
  }
  /// In front of what lines about this person, or about nobody, are read.
  [[nodiscard]] SaidFor said_for(const Carried*, LineReader) const;
  /// The text of a file that says where mail goes; nullopt if it is not there, or leads to what can
  /// say nothing, which is named.
  [[nodiscard]] Result<std::optional<std::string>> delivery_text(const std::string& address,
                                                                 const std::string& path);
  /// The text of a file that a person's file includes, or root's.
  [[nodiscard]] Result<std::optional<std::string>> included(const std::string& path,
                                                            const Carried* by) const;
};

/// ~/.qmail or ~/.forward of each mailbox, and what ~/.qmail-EXT says.
[[nodiscard]] Status read_own_deliveries(AccountsLook&);
/// qmail/alias, then etc/aliases.
[[nodiscard]] Status read_system_aliases(AccountsLook&);
/// Names that lines forward to and that nobody has.
void name_unknown_addresses(AccountsLook&);

}  // namespace vstate
